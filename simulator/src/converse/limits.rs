//! Where an answer ends: at its own end, at a stop sequence, at maxTokens.

use super::request::ConverseRequest;
use super::response::{Block, ResponseFields, Stop};
use crate::json::Text;
use crate::tokens;

/// Cuts the answer at a stop sequence and at maxTokens, whichever comes first.
pub(super) fn limited(content: Vec<Block>, request: &ConverseRequest<'_>) -> (Vec<Block>, Stop) {
    let config = request.inference_config.as_ref();
    let mut budget = config
        .and_then(|config| config.max_tokens)
        .map_or(usize::MAX, |tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
    let sequences = config.and_then(|config| config.stop_sequences.as_deref()).unwrap_or_default();
    let mut kept = Vec::new();
    let mut reason = stop("end_turn");
    for mut block in content {
        let mut stopped_by = None;
        if let Block::Text(text) = &mut block {
            stopped_by = cut_at_sequence(text, sequences);
        }
        let tokens = block.tokens();
        if tokens > budget {
            kept.extend(cut_to(block, budget));
            return (kept, stop("max_tokens"));
        }
        budget -= tokens;
        if let Some(sequence) = stopped_by {
            kept.extend((tokens > 0).then_some(block));
            return (kept, stopped(sequence, request));
        }
        if matches!(block, Block::ToolUse(_)) {
            reason = stop("tool_use");
        }
        kept.push(block);
    }
    (kept, reason)
}

/// Half a tool call is none.
fn cut_to(block: Block, budget: usize) -> Option<Block> {
    let cut = |text: &str| tokens::cut(text, budget).0.to_owned();
    match block {
        _ if budget == 0 => None,
        Block::Text(text) => Some(Block::Text(cut(&text))),
        Block::ReasoningContent(mut reasoning) => {
            reasoning.reasoning_text.text = cut(&reasoning.reasoning_text.text);
            Some(Block::ReasoningContent(reasoning))
        }
        Block::ToolUse(_) | Block::FutureBlock(_) => None,
    }
}

fn cut_at_sequence(text: &mut String, sequences: &[Text<'_>]) -> Option<String> {
    let found = sequences.iter().filter_map(|sequence| Some((text.find(&**sequence)?, sequence)));
    let (at, sequence) = found.min_by_key(|(at, _)| *at)?;
    text.truncate(at);
    Some(sequence.to_string())
}

pub(super) fn stop(stop_reason: &'static str) -> Stop {
    Stop { stop_reason, additional_model_response_fields: None }
}

fn stopped(sequence: String, request: &ConverseRequest<'_>) -> Stop {
    let paths = request.additional_model_response_field_paths.as_deref();
    let asked = paths.unwrap_or_default().iter().any(|path| **path == *"/stop_sequence");
    Stop {
        stop_reason: "stop_sequence",
        additional_model_response_fields: asked.then_some(ResponseFields { stop_sequence: sequence }),
    }
}
