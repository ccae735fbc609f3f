//! An answer as the events of ConverseStream.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::response::{Block, Metadata, Stop, ToolUse, Turn};
use crate::faults::{Plan, Variation};
use crate::{frames, tokens};

/// Tokens in a text delta, characters in a fragment of a tool's input.
const DELTA_TOKENS: usize = 2;
const FRAGMENT: usize = 8;

#[derive(Serialize)]
#[serde(untagged)]
enum Event<'a> {
    MessageStart {
        role: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    ContentBlockStart {
        content_block_index: usize,
        start: Start<'a>,
    },
    #[serde(rename_all = "camelCase")]
    ContentBlockDelta {
        content_block_index: usize,
        delta: Delta<'a>,
    },
    #[serde(rename_all = "camelCase")]
    ContentBlockStop {
        content_block_index: usize,
    },
    MessageStop(&'a Stop),
    Metadata(&'a Metadata),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Start<'a> {
    #[serde(rename_all = "camelCase")]
    ToolUse {
        name: &'a str,
        tool_use_id: &'a str,
    },
    FutureBlock(&'a RawValue),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Delta<'a> {
    Text(&'a str),
    ToolUse { input: &'a str },
    ReasoningContent(ReasoningDelta<'a>),
    FutureBlock(&'a RawValue),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ReasoningDelta<'a> {
    Text(&'a str),
    Signature(&'a str),
}

/// One frame an event.
pub(super) fn frames(turn: &Turn, plan: &Plan) -> Vec<Bytes> {
    let frame = |(event_type, payload)| frames::event(event_type, frames::padded(payload).as_bytes());
    let mut frames: Vec<Bytes> = events(turn, !plan.is(Variation::NoMetadata)).into_iter().map(frame).collect();
    if plan.is(Variation::UnknownEvent) {
        frames.insert(1, frames::event("futureEvent", br#"{"answer": 42, "p": "abc"}"#));
    }
    frames
}

/// Event types and payloads in the order that Bedrock keeps.
pub(crate) fn events(turn: &Turn, metadata: bool) -> Vec<(&'static str, String)> {
    let mut events = vec![Event::MessageStart { role: "assistant" }];
    for (index, block) in turn.content.iter().enumerate() {
        events.extend(block_start(block).map(|start| Event::ContentBlockStart { content_block_index: index, start }));
        events.extend(
            deltas(block).into_iter().map(|delta| Event::ContentBlockDelta { content_block_index: index, delta }),
        );
        events.push(Event::ContentBlockStop { content_block_index: index });
    }
    events.push(Event::MessageStop(&turn.stop));
    if metadata {
        events.push(Event::Metadata(&turn.metadata));
    }
    events.iter().map(|event| (event.event_type(), event.payload())).collect()
}

/// Bedrock announces a tool's block, but neither text nor reasoning.
fn block_start(block: &Block) -> Option<Start<'_>> {
    match block {
        Block::ToolUse(ToolUse { tool_use_id, name, .. }) => Some(Start::ToolUse { name, tool_use_id }),
        Block::FutureBlock(raw) => Some(Start::FutureBlock(raw)),
        Block::Text(_) | Block::ReasoningContent(_) => None,
    }
}

fn deltas(block: &Block) -> Vec<Delta<'_>> {
    match block {
        Block::Text(text) => pieces(text).into_iter().map(Delta::Text).collect(),
        Block::ReasoningContent(reasoning) => {
            let reasoning = &reasoning.reasoning_text;
            let text = pieces(&reasoning.text).into_iter().map(ReasoningDelta::Text);
            let signature = ReasoningDelta::Signature(&reasoning.signature);
            text.chain([signature]).map(Delta::ReasoningContent).collect()
        }
        Block::ToolUse(tool) => {
            let empty = Delta::ToolUse { input: "" };
            let rest = fragments(tool.input.get()).map(|input| Delta::ToolUse { input });
            [empty].into_iter().chain(rest).collect()
        }
        Block::FutureBlock(raw) => vec![Delta::FutureBlock(raw)],
    }
}

/// A text, a few words at a time.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, more) = tokens::cut(rest, DELTA_TOKENS);
        if !piece.is_empty() {
            pieces.push(piece);
        }
        if !more {
            return pieces;
        }
        rest = &rest[piece.len()..];
    }
}

/// JSON text in pieces that pay no heed to its grammar.
pub(crate) fn fragments(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(FRAGMENT).map_or(rest.len(), |(at, _)| at);
        let (fragment, after) = rest.split_at(end);
        rest = after;
        (!fragment.is_empty()).then_some(fragment)
    })
}

impl Event<'_> {
    fn event_type(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "messageStart",
            Self::ContentBlockStart { .. } => "contentBlockStart",
            Self::ContentBlockDelta { .. } => "contentBlockDelta",
            Self::ContentBlockStop { .. } => "contentBlockStop",
            Self::MessageStop(_) => "messageStop",
            Self::Metadata(_) => "metadata",
        }
    }

    fn payload(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
