//! A whole answer, as Anthropic's API has it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::model_name;
use crate::converse::{Block, Usage};
use crate::invoke_model::dialect::Said;

#[derive(Serialize)]
pub(super) struct Message<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Content<'a>>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
    usage: Tokens,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    ToolUse { id: String, name: &'a str, input: &'a RawValue },
    FutureBlock { future_member: &'a RawValue },
}

/// Anthropic's usage: the three kinds of input tokens don't overlap.
#[derive(Serialize)]
pub(super) struct Tokens {
    input_tokens: usize,
    cache_creation_input_tokens: usize,
    cache_read_input_tokens: usize,
    cache_creation: CacheCreation,
    pub(super) output_tokens: usize,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: usize,
    ephemeral_1h_input_tokens: usize,
}

pub(super) fn whole(said: &Said<'_>) -> String {
    let content = said.turn.content.iter().map(Content::of).collect();
    let message = Message {
        content,
        stop_reason: Some(stop_reason(said)),
        stop_sequence: said.stop_sequence(),
        usage: Tokens::of(&said.turn.metadata.usage),
        ..Message::empty(said)
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// Anthropic's words are Converse's, except for what a guardrail does: the model was never asked.
pub(super) fn stop_reason(said: &Said<'_>) -> &'static str {
    match said.turn.stop.stop_reason {
        "guardrail_intervened" => "end_turn",
        reason => reason,
    }
}

impl<'a> Message<'a> {
    /// The beginning of a message: everything but what is still to be said.
    pub(super) fn empty(said: &Said<'a>) -> Self {
        let usage = Tokens { output_tokens: 1, ..Tokens::of(&said.turn.metadata.usage) };
        Self {
            id: format!("msg_bdrk_{}", said.id(24)),
            kind: "message",
            role: "assistant",
            model: model_name(said.model_id),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage,
        }
    }
}

impl<'a> Content<'a> {
    fn of(block: &'a Block) -> Self {
        match block {
            Block::Text(text) => Self::Text { text },
            Block::ReasoningContent(reasoning) => {
                let reasoning = &reasoning.reasoning_text;
                Self::Thinking { thinking: &reasoning.text, signature: &reasoning.signature }
            }
            Block::ToolUse(tool) => {
                Self::ToolUse { id: tool_use_id(&tool.tool_use_id), name: &tool.name, input: &tool.input }
            }
            Block::FutureBlock(raw) => Self::FutureBlock { future_member: raw },
        }
    }
}

/// The same id under the name that Anthropic's API gives it.
pub(super) fn tool_use_id(id: &str) -> String {
    format!("toolu_bdrk_{}", id.trim_start_matches("tooluse_"))
}

impl Tokens {
    fn of(usage: &Usage) -> Self {
        let written = |ttl: &str| {
            let details = usage.cache_details.iter().filter(|detail| detail.ttl == ttl);
            details.map(|detail| detail.input_tokens).sum()
        };
        Self {
            input_tokens: usage.input_tokens,
            cache_creation_input_tokens: usage.cache_write_input_tokens,
            cache_read_input_tokens: usage.cache_read_input_tokens,
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: written("5m"),
                ephemeral_1h_input_tokens: written("1h"),
            },
            output_tokens: usage.output_tokens,
        }
    }
}
