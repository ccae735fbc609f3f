//! The stand-in for a model: what it says and does is a function of the request alone.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{ContentBlock, ToolResultBlock, ToolResultContentBlock};
use super::guardrail::Guard;
use super::limits::{limited, stop};
use super::request::{ConverseRequest, OutputFormatStructure};
use super::response::{
    Block, Metadata, PerformanceConfiguration, Reasoning, ReasoningText, ServiceTier, ToolUse, Turn,
};
use super::{guardrail, tools};
use crate::json::Text;
use crate::noise::{characters, seed};
use crate::schema;

/// How much of the user's text or of a tool's result an answer quotes, in characters.
const QUOTE: usize = 200;
const ABOUT: &str =
    "This is the Bedrock simulator: it runs no model, and the same request always gets the same answer.";

/// Answers a request; usage is still to be counted.
pub(super) fn answer(model_id: &str, body: &[u8], request: &ConverseRequest<'_>) -> Turn {
    let asked = request.last_user_content();
    let mut guard = Guard::of(request);
    let user_text = match &mut guard {
        Some(guard) => guard.admit(asked).0,
        None => Some(user_text(asked)),
    };
    let blocked = user_text.is_none();
    let (mut content, mut stop) = match user_text {
        Some(user_text) => limited(said(model_id, body, request, &user_text), request),
        None => (vec![guardrail::blocked()], stop(guardrail::STOP_REASON)),
    };
    if let Some(guard) = &mut guard
        && !blocked
    {
        content = guard.release(content);
        if guard.has_intervened() {
            stop.stop_reason = guardrail::STOP_REASON;
        }
    }
    let metadata = Metadata {
        trace: guard.and_then(Guard::into_trace),
        performance_config: request.performance_config.as_ref().and_then(|config| {
            let latency = config.latency.as_deref()?.to_owned();
            Some(PerformanceConfiguration { latency })
        }),
        service_tier: request.service_tier.as_ref().and_then(|tier| {
            let kind = tier.kind.as_deref()?.to_owned();
            Some(ServiceTier { kind })
        }),
        ..Metadata::default()
    };
    Turn { content, stop, metadata, blocked }
}

/// The whole answer, as long as it would be without limits.
fn said(model_id: &str, body: &[u8], request: &ConverseRequest<'_>, user_text: &str) -> Vec<Block> {
    let mut content = Vec::new();
    if wants_reasoning(request.additional_model_request_fields) {
        let text = format!("The user wrote {} characters. A short answer will do.", user_text.chars().count());
        let signature = characters(seed(&[&text]), 64);
        content.push(Block::ReasoningContent(Reasoning { reasoning_text: ReasoningText { text, signature } }));
    }
    let results = tool_results(request.last_user_content());
    // A choice that forces a call forces one after the result of another tool too.
    let calls =
        if results.is_empty() || tools::is_forced(request) { tools::calls(request, user_text) } else { Vec::new() };
    if calls.is_empty() {
        content.push(Block::Text(text(request, user_text, &results)));
    }
    // Two turns of a conversation differ in their bodies, and so in the ids of their calls.
    let seed = seed(&[model_id.as_bytes(), body]);
    content.extend(calls.into_iter().zip(0..).filter_map(|(call, index)| {
        let input = RawValue::from_string(call.input).ok()?;
        Some(Block::ToolUse(ToolUse {
            tool_use_id: format!("tooluse_{}", characters(seed.wrapping_add(index), 22)),
            name: call.name,
            input,
        }))
    }));
    content
}

fn text(request: &ConverseRequest<'_>, user_text: &str, results: &[&ToolResultBlock<'_>]) -> String {
    let format = request.output_config.as_ref().and_then(|config| config.text_format.as_ref());
    if let Some(OutputFormatStructure::JsonSchema(definition)) = format.and_then(|format| format.structure.as_ref())
        && let Some(schema) = definition.schema.as_deref()
        && let Ok(schema) = serde_json::from_str(schema)
    {
        return schema::example(schema, user_text);
    }
    if let Some(schema) = claude_schema(request.additional_model_request_fields) {
        return schema::example(schema, user_text);
    }
    if !results.is_empty() {
        let results: Vec<_> = results.iter().map(|result| told(result)).collect();
        return results.join(" ");
    }
    let media = media(request.last_user_content());
    if user_text.is_empty() && media.is_empty() {
        return ABOUT.to_owned();
    }
    let said = match user_text {
        "" => String::new(),
        text => format!("You said: \"{}\". ", quote(text)),
    };
    format!("{said}{media}{ABOUT}")
}

/// A sentence that quotes a tool's result.
fn told(result: &ToolResultBlock<'_>) -> String {
    let parts: Vec<&str> = result
        .content
        .iter()
        .flatten()
        .map(|block| match block {
            ToolResultContentBlock::Json(raw) | ToolResultContentBlock::SearchResult(raw) => raw.get(),
            ToolResultContentBlock::Text(text) => text,
            ToolResultContentBlock::Image(_) => "an image",
            ToolResultContentBlock::Document(_) => "a document",
            ToolResultContentBlock::Video(_) => "a video",
            ToolResultContentBlock::Unrecognized | ToolResultContentBlock::Empty => "something new",
        })
        .collect();
    let result_text = parts.join(" ");
    let result_text = quote(&result_text);
    match (result.status.as_deref(), result_text) {
        (_, "") => "The tool answered nothing.".to_owned(),
        (Some("error"), text) => format!("The tool failed: {text}."),
        (_, text) => format!("The tool answered: {text}."),
    }
}

/// What came along with the user's text.
fn media(content: &[ContentBlock<'_>]) -> String {
    let count = |kind: &str, is: fn(&ContentBlock<'_>) -> bool| match content.iter().filter(|block| is(block)).count() {
        0 => None,
        1 => Some(format!("1 {kind}")),
        several => Some(format!("{several} {kind}s")),
    };
    let kinds: Vec<_> = [
        count("image", |block| matches!(block, ContentBlock::Image(_))),
        count("document", |block| matches!(block, ContentBlock::Document(_))),
        count("video", |block| matches!(block, ContentBlock::Video(_))),
        count("recording", |block| matches!(block, ContentBlock::Audio(_))),
    ]
    .into_iter()
    .flatten()
    .collect();
    match kinds.as_slice() {
        [] => String::new(),
        kinds => format!("With it came {}. ", kinds.join(" and ")),
    }
}

/// What a model family calls its switch for reasoning: Claude `thinking` and `reasoning_config`, Nova `reasoningConfig`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasoningFields<'a> {
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_config: Option<&'a RawValue>,
    #[serde(rename = "reasoningConfig", borrow)]
    nova_reasoning_config: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Switch<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
}

/// The members of the document are the model's: one of the wrong form asks for nothing.
fn wants_reasoning(fields: Option<&RawValue>) -> bool {
    let fields = fields.and_then(|fields| serde_json::from_str(fields.get()).ok());
    let fields: ReasoningFields<'_> = fields.unwrap_or_default();
    let switches = [fields.thinking, fields.reasoning_config, fields.nova_reasoning_config];
    switches
        .into_iter()
        .flatten()
        .filter_map(|switch| serde_json::from_str::<Switch<'_>>(switch.get()).ok())
        .any(|switch| matches!(&*switch.kind, "enabled" | "adaptive"))
}

/// The part of Claude's own members that gives the form of the output.
#[derive(Deserialize)]
struct ClaudeFields<'a> {
    #[serde(borrow)]
    output_config: ClaudeOutputConfig<'a>,
}

#[derive(Deserialize)]
struct ClaudeOutputConfig<'a> {
    #[serde(borrow)]
    format: ClaudeFormat<'a>,
}

#[derive(Deserialize)]
struct ClaudeFormat<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
}

/// The schema in `output_config.format`, which Claude reads in the additional fields too.
fn claude_schema<'a>(fields: Option<&'a RawValue>) -> Option<&'a RawValue> {
    let fields: ClaudeFields<'a> = serde_json::from_str(fields?.get()).ok()?;
    Some(fields.output_config.format.schema)
}

fn user_text(content: &[ContentBlock<'_>]) -> String {
    let texts: Vec<&str> = content.iter().filter_map(guardrail::text).map(|(text, _)| text).collect();
    texts.join(" ")
}

fn tool_results<'a, 'b>(content: &'a [ContentBlock<'b>]) -> Vec<&'a ToolResultBlock<'b>> {
    content
        .iter()
        .filter_map(|block| match block {
            ContentBlock::ToolResult(result) => Some(result),
            _ => None,
        })
        .collect()
}

fn quote(text: &str) -> &str {
    text.char_indices().nth(QUOTE).map_or(text, |(at, _)| &text[..at])
}
