//! The events of Anthropic's streams; Bedrock sends each as a chunk.

use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Message, stop_reason, tool_use_id};
use crate::converse::{Block, fragments, pieces};
use crate::invoke_model::dialect::Said;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: usize, content_block: Start<'a> },
    ContentBlockDelta { index: usize, delta: Delta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: Stop<'a>, usage: Output },
    MessageStop {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Start<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    ToolUse { id: String, name: &'a str, input: Empty },
    FutureBlock { future_member: &'a RawValue },
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names)] // the names are Anthropic's
enum Delta<'a> {
    TextDelta { text: &'a str },
    ThinkingDelta { thinking: &'a str },
    SignatureDelta { signature: &'a str },
    InputJsonDelta { partial_json: &'a str },
}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

#[derive(Serialize)]
struct Output {
    output_tokens: usize,
}

pub(super) fn chunks(said: &Said<'_>) -> Vec<String> {
    let mut events = vec![Event::MessageStart { message: Message::empty(said) }];
    for (index, block) in said.turn.content.iter().enumerate() {
        events.push(Event::ContentBlockStart { index, content_block: start(block) });
        events.extend(deltas(block).into_iter().map(|delta| Event::ContentBlockDelta { index, delta }));
        events.push(Event::ContentBlockStop { index });
    }
    events.push(Event::MessageDelta {
        delta: Stop { stop_reason: stop_reason(said), stop_sequence: said.stop_sequence() },
        usage: Output { output_tokens: said.turn.metadata.usage.output_tokens },
    });
    events.push(Event::MessageStop {});
    events.iter().map(|event| serde_json::to_string(event).unwrap_or_default()).collect()
}

fn start(block: &Block) -> Start<'_> {
    match block {
        Block::Text(_) => Start::Text { text: "" },
        Block::ReasoningContent(_) => Start::Thinking { thinking: "", signature: "" },
        Block::ToolUse(tool) => {
            Start::ToolUse { id: tool_use_id(&tool.tool_use_id), name: &tool.name, input: Empty {} }
        }
        Block::FutureBlock(raw) => Start::FutureBlock { future_member: raw },
    }
}

fn deltas(block: &Block) -> Vec<Delta<'_>> {
    match block {
        Block::Text(text) => pieces(text).into_iter().map(|text| Delta::TextDelta { text }).collect(),
        Block::ReasoningContent(reasoning) => {
            let reasoning = &reasoning.reasoning_text;
            let text = pieces(&reasoning.text).into_iter().map(|thinking| Delta::ThinkingDelta { thinking });
            text.chain([Delta::SignatureDelta { signature: &reasoning.signature }]).collect()
        }
        Block::ToolUse(tool) => {
            let empty = Delta::InputJsonDelta { partial_json: "" };
            let rest = fragments(tool.input.get()).map(|partial_json| Delta::InputJsonDelta { partial_json });
            [empty].into_iter().chain(rest).collect()
        }
        Block::FutureBlock(_) => Vec::new(),
    }
}
