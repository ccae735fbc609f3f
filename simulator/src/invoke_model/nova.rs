//! Nova's schema `messages-v1`: Converse's own, but for a few names.

use serde::Serialize;
use serde_json::value::RawValue;

use super::conversation::{Conversation, Limits};
use super::dialect::{Dialect, Said};
use super::input::Input;
use crate::converse::{self, Block, ConverseRequest};
use crate::exception::Exception;

/// The dialect of Nova's models.
pub(crate) struct Nova;

const KNOWN: &[&str] = &["schemaVersion", "messages", "system", "inferenceConfig", "toolConfig", "reasoningConfig"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    reasoning_config: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    output: Output<'a>,
    stop_reason: &'static str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    content: &'a [Block],
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    input_tokens: usize,
    output_tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_tokens: Option<usize>,
    cache_read_input_token_count: usize,
    cache_write_input_token_count: usize,
}

#[derive(Serialize)]
struct Metadata {
    usage: Tokens,
    metrics: Empty,
    trace: Empty,
}

#[derive(Serialize)]
struct Empty {}

impl Dialect for Nova {
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception> {
        input.only(KNOWN)?;
        input.one_of("schemaVersion", &["messages-v1"])?;
        let messages = input.required("messages", input.raw("messages"))?;
        let config = input.object("inferenceConfig")?;
        let mut limits = Limits::default();
        if let Some(config) = &config {
            limits.max_tokens = config.integer("maxTokens")?.or(config.integer("max_new_tokens")?);
            limits.stop_sequences = config.list("stopSequences")?.unwrap_or_default();
        }
        let reasoning = config.as_ref().and_then(|config| config.raw("reasoningConfig"));
        let reasoning = reasoning.or(input.raw("reasoningConfig"));
        Ok(Conversation::default()
            .with("messages", messages)
            .with("system", &input.raw("system"))
            .with("toolConfig", &input.raw("toolConfig"))
            .with_limits(&limits)
            .with("additionalModelRequestFields", &reasoning.map(|reasoning_config| Fields { reasoning_config })))
    }

    /// These bodies are Converse's so nearly that its rules are theirs.
    fn check(&self, request: &ConverseRequest<'_>) -> Result<(), Exception> {
        converse::check("", request)
    }

    fn answer(&self, said: &Said<'_>) -> String {
        let turn = said.turn;
        let total = Some(turn.metadata.usage.total_tokens);
        let answer = Answer {
            output: Output { message: Message { content: &turn.content, role: "assistant" } },
            stop_reason: turn.stop.stop_reason,
            usage: Tokens { total_tokens: total, ..Tokens::of(said) },
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }

    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>> {
        let metadata = Metadata { usage: Tokens::of(said), metrics: Empty {}, trace: Empty {} };
        let metadata = serde_json::to_string(&metadata).unwrap_or_default();
        let events = converse::events(said.turn, false).into_iter().chain([("metadata", metadata)]);
        Some(events.map(|(name, payload)| format!("{{\"{name}\":{payload}}}")).collect())
    }

    fn caches(&self) -> bool {
        true
    }
}

impl Tokens {
    fn of(said: &Said<'_>) -> Self {
        let usage = &said.turn.metadata.usage;
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            total_tokens: None,
            cache_read_input_token_count: usage.cache_read_input_tokens,
            cache_write_input_token_count: usage.cache_write_input_tokens,
        }
    }
}
