//! The families, one after the other: names of their requests, forms of their answers.

use serde_json::{Value, json};

use super::Prompted;
use crate::noise::uuid;

/// What most families are like.
const USUAL: Prompted = Prompted {
    prompt: "prompt",
    config: None,
    max_tokens: "max_tokens",
    stop: None,
    required: &[],
    turn_mark: None,
    answer: |_| Value::Null,
    chunk: None,
};

const STOP_OR_LENGTH: [&str; 3] = ["stop", "length", "stop"];
const COHERE: [&str; 3] = ["COMPLETE", "MAX_TOKENS", "STOP_SEQUENCE"];
const TITAN_REASONS: [&str; 3] = ["FINISH", "LENGTH", "STOP_CRITERIA_MET"];
const CLAUDE_REASONS: [&str; 3] = ["stop_sequence", "max_tokens", "stop_sequence"];
const HUMAN: &str = "\n\nHuman:";

/// Anthropic's text completions, which Claude 2 has besides messages.
pub(crate) static CLAUDE: Prompted = Prompted {
    max_tokens: "max_tokens_to_sample",
    stop: Some("stop_sequences"),
    required: &["max_tokens_to_sample"],
    turn_mark: Some(("Human:", "Assistant:")),
    answer: |whole| {
        // A completion that comes to its own end has stopped at the sign of the next turn.
        let stop = whole.said.stop_sequence().unwrap_or(HUMAN);
        let reason = whole.ended(CLAUDE_REASONS);
        let stop = if reason == "max_tokens" { Value::Null } else { json!(stop) };
        json!({ "completion": whole.text, "stop_reason": reason, "stop": stop })
    },
    chunk: Some(|whole, piece| {
        let reason = piece.ended(CLAUDE_REASONS);
        let stop = whole.said.stop_sequence().unwrap_or(HUMAN);
        let stop = if reason == "stop_sequence" { json!(stop) } else { Value::Null };
        json!({ "type": "completion", "completion": piece.text, "stop_reason": reason, "stop": stop })
    }),
    ..USUAL
};

pub(crate) static TITAN: Prompted = Prompted {
    prompt: "inputText",
    config: Some("textGenerationConfig"),
    max_tokens: "maxTokenCount",
    stop: Some("stopSequences"),
    answer: |whole| {
        json!({
            "inputTextTokenCount": whole.input_tokens,
            "results": [{
                "tokenCount": whole.output_tokens,
                "outputText": whole.text,
                "completionReason": whole.ended(TITAN_REASONS),
            }],
        })
    },
    chunk: Some(|whole, piece| {
        json!({
            "outputText": piece.text,
            "index": 0,
            "totalOutputTextTokenCount": piece.finish.map(|_| whole.output_tokens),
            "completionReason": piece.ended(TITAN_REASONS),
            "inputTextTokenCount": piece.is_first.then_some(whole.input_tokens),
        })
    }),
    ..USUAL
};

pub(crate) static LLAMA: Prompted = Prompted {
    max_tokens: "max_gen_len",
    answer: |whole| {
        json!({
            "generation": whole.text,
            "prompt_token_count": whole.input_tokens,
            "generation_token_count": whole.output_tokens,
            "stop_reason": whole.ended(STOP_OR_LENGTH),
        })
    },
    chunk: Some(|whole, piece| {
        json!({
            "generation": piece.text,
            "prompt_token_count": piece.is_first.then_some(whole.input_tokens),
            "generation_token_count": piece.tokens,
            "stop_reason": piece.ended(STOP_OR_LENGTH),
        })
    }),
    ..USUAL
};

pub(crate) static MISTRAL: Prompted = Prompted {
    stop: Some("stop"),
    turn_mark: Some(("[INST]", "[/INST]")),
    answer: |whole| json!({ "outputs": [{ "text": whole.text, "stop_reason": whole.ended(STOP_OR_LENGTH) }] }),
    chunk: Some(|_, piece| json!({ "outputs": [{ "text": piece.text, "stop_reason": piece.ended(STOP_OR_LENGTH) }] })),
    ..USUAL
};

pub(crate) static DEEPSEEK: Prompted = Prompted {
    stop: Some("stop"),
    answer: |whole| json!({ "choices": [{ "text": whole.text, "stop_reason": whole.ended(STOP_OR_LENGTH) }] }),
    chunk: Some(|_, piece| json!({ "choices": [{ "text": piece.text, "stop_reason": piece.ended(STOP_OR_LENGTH) }] })),
    ..USUAL
};

pub(crate) static COMMAND: Prompted = Prompted {
    stop: Some("stop_sequences"),
    answer: |whole| {
        let seed = whole.said.id(22);
        let generation =
            json!({ "id": uuid(&[&*seed, "1"]), "text": whole.text, "finish_reason": whole.ended(COHERE) });
        json!({ "id": uuid(&[seed]), "generations": [generation], "prompt": whole.prompt })
    },
    chunk: Some(|_, piece| match piece.finish {
        None => json!({ "text": piece.text, "is_finished": false, "index": 0 }),
        Some(_) => {
            json!({ "text": piece.text, "is_finished": true, "index": 0, "finish_reason": piece.ended(COHERE) })
        }
    }),
    ..USUAL
};

pub(crate) static COMMAND_R: Prompted = Prompted {
    prompt: "message",
    stop: Some("stop_sequences"),
    answer: |whole| {
        let seed = whole.said.id(22);
        json!({
            "response_id": uuid(&[&*seed]),
            "generation_id": uuid(&[&*seed, "1"]),
            "text": whole.text,
            "chat_history": [
                { "role": "USER", "message": whole.prompt },
                { "role": "CHATBOT", "message": whole.text },
            ],
            "finish_reason": whole.ended(COHERE),
        })
    },
    chunk: Some(|whole, piece| match piece.finish {
        None => json!({ "event_type": "text-generation", "text": piece.text, "is_finished": false }),
        Some(_) => json!({
            "event_type": "stream-end",
            "text": piece.text,
            "is_finished": true,
            "finish_reason": piece.ended(COHERE),
            "response": { "text": whole.text },
        }),
    }),
    ..USUAL
};

/// AI21's first models; they don't stream. The tokens' probabilities are left out.
pub(crate) static JURASSIC: Prompted = Prompted {
    max_tokens: "maxTokens",
    stop: Some("stopSequences"),
    answer: |whole| {
        let mut reason = json!({ "reason": whole.ended(["endoftext", "length", "stop"]) });
        if reason["reason"] == "length" {
            reason["length"] = json!(whole.output_tokens);
        }
        json!({
            "id": 1234,
            "prompt": { "text": whole.prompt, "tokens": [] },
            "completions": [{ "data": { "text": whole.text, "tokens": [] }, "finishReason": reason }],
        })
    },
    ..USUAL
};
