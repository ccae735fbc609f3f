//! What an answer consists of, whether it goes out whole or as events.

use serde::Serialize;
use serde_json::value::RawValue;

use super::guardrail::Trace;
use super::usage::Usage;

/// A member or block that no schema lists; its order and its numbers show whether they survive.
const UNKNOWN: &str = r#"{"z": 1, "a": [1.0, 12345678901234567890]}"#;

/// The assistant's turn.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) content: Vec<Block>,
    pub(crate) stop: Stop,
    pub(crate) metadata: Metadata,
    /// A guardrail has answered: no model has seen the request, and no token was used.
    pub(super) blocked: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names)] // the names are those on the wire
pub(crate) enum Block {
    ReasoningContent(Reasoning),
    Text(String),
    ToolUse(ToolUse),
    FutureBlock(Box<RawValue>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reasoning {
    pub(crate) reasoning_text: ReasoningText,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReasoningText {
    pub(crate) text: String,
    pub(crate) signature: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolUse {
    pub(crate) tool_use_id: String,
    pub(crate) name: String,
    pub(crate) input: Box<RawValue>,
}

/// Why the answer ends; the whole of the event `messageStop`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stop {
    pub(crate) stop_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) additional_model_response_fields: Option<ResponseFields>,
}

/// The model's own members that `additionalModelResponseFieldPaths` can ask for.
#[derive(Debug, Serialize)]
pub(crate) struct ResponseFields {
    pub(crate) stop_sequence: String,
}

/// What is said about an answer; the whole of the event `metadata`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) usage: Usage,
    pub(crate) metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Trace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) performance_config: Option<PerformanceConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_tier: Option<ServiceTier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) future_member: Option<Box<RawValue>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metrics {
    pub(crate) latency_ms: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct PerformanceConfiguration {
    pub(crate) latency: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServiceTier {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Serialize)]
struct Unary<'a> {
    output: Output<'a>,
    #[serde(flatten)]
    stop: &'a Stop,
    #[serde(flatten)]
    metadata: &'a Metadata,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a [Block],
}

impl Turn {
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Puts the request's tokens and the answer's own together.
    pub(crate) fn count(&mut self, input: Usage) {
        let output = self.content.iter().map(Block::tokens).sum();
        self.metadata.usage = input.with_output(output);
        // Made up, but from the answer alone: no clock shows in a deterministic answer.
        self.metadata.metrics.latency_ms = 50 + 10 * u64::try_from(output).unwrap_or_default();
    }

    /// Everything that a client built before some future day would not know.
    pub(crate) fn add_unknown_members(&mut self) {
        self.content.extend(unknown().map(Block::FutureBlock));
        self.metadata.future_member = unknown();
        self.metadata.usage.future_member = unknown();
    }

    /// The body of Converse's answer.
    pub(crate) fn unary(&self) -> Vec<u8> {
        let answer = Unary {
            output: Output { message: Message { role: "assistant", content: &self.content } },
            stop: &self.stop,
            metadata: &self.metadata,
        };
        serde_json::to_vec(&answer).unwrap_or_default()
    }
}

impl Block {
    pub(crate) fn tokens(&self) -> usize {
        use crate::tokens::count;
        match self {
            Self::ReasoningContent(reasoning) => count(&reasoning.reasoning_text.text),
            Self::Text(text) => count(text),
            Self::ToolUse(tool) => count(&tool.name) + count(tool.input.get()),
            Self::FutureBlock(raw) => count(raw.get()),
        }
    }
}

fn unknown() -> Option<Box<RawValue>> {
    RawValue::from_string(UNKNOWN.to_owned()).ok()
}
