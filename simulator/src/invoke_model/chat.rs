//! Chat completions: the messages-and-choices form of Jamba, gpt-oss, Mistral's, Qwen's and DeepSeek's newer models.
//! Text only: a body with tools or pictures is refused rather than half understood.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::conversation::{Conversation, Limits};
use super::dialect::{Dialect, Finish, Said};
use super::input::Input;
use crate::converse::pieces;
use crate::exception::Exception;
use crate::json::Text;

pub(crate) struct Chat;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Text<'a>,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: Vec<Content<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    text: &'a str,
}

impl Dialect for Chat {
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception> {
        let messages: Vec<Message<'_>> = input.required("messages", input.list("messages")?)?;
        if messages.is_empty() {
            return Err(input.malformed("messages", "expected minimum item count: 1, found: 0"));
        }
        if input.has("tools") {
            return Err(input.malformed("tools", "the simulator has no tools for this model"));
        }
        let mut limits = Limits {
            max_tokens: input.integer("max_tokens")?.or(input.integer("max_completion_tokens")?),
            ..Limits::default()
        };
        limits.stop_sequences = match input.raw("stop") {
            Some(raw) if raw.get().starts_with('"') => {
                input.text("stop")?.map(|text| text.to_string()).into_iter().collect()
            }
            _ => input.list("stop")?.unwrap_or_default(),
        };
        let is_system = |message: &&Message<'_>| matches!(&*message.role, "system" | "developer");
        let system: Vec<_> = messages.iter().filter(is_system).map(Content::of).collect();
        let turns: Vec<_> = messages
            .iter()
            .filter(|message| !is_system(message))
            .map(|message| Turn { role: &message.role, content: vec![Content::of(message)] })
            .collect();
        Ok(Conversation::default().with("system", &system).with("messages", &turns).with_limits(&limits))
    }

    fn answer(&self, said: &Said<'_>) -> String {
        let message = json!({ "role": "assistant", "content": said.text() });
        let choice = json!({ "index": 0, "message": message, "finish_reason": finish_reason(said) });
        let mut answer = envelope(said, "chat.completion", choice);
        let usage = &said.turn.metadata.usage;
        answer["usage"] = json!({
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        });
        answer.to_string()
    }

    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>> {
        let chunk = |delta: Value, finish: Option<&str>| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
            envelope(said, "chat.completion.chunk", choice).to_string()
        };
        let text = said.text();
        let first = chunk(json!({ "role": "assistant", "content": "" }), None);
        let pieces = pieces(&text).into_iter().map(|piece| chunk(json!({ "content": piece }), None));
        let last = chunk(json!({}), Some(finish_reason(said)));
        Some([first].into_iter().chain(pieces).chain([last]).collect())
    }
}

impl<'a> Content<'a> {
    fn of(message: &'a Message<'_>) -> Self {
        Self { text: &message.content }
    }
}

fn envelope(said: &Said<'_>, object: &str, choice: Value) -> Value {
    // `created` is a time, and no clock shows in a deterministic answer.
    json!({
        "id": format!("chatcmpl-{}", said.id(24)),
        "object": object,
        "created": 1_700_000_000,
        "model": said.model_id,
        "choices": [choice],
    })
}

fn finish_reason(said: &Said<'_>) -> &'static str {
    match said.finish() {
        Finish::Length => "length",
        Finish::End | Finish::Sequence => "stop",
    }
}
