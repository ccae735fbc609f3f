//! Anthropic's Messages API: what Claude's models take and answer.

mod answer;
mod check;
mod converse_json;
mod request;
mod stream;
mod translate;

use serde_json::value::RawValue;

use super::conversation::Conversation;
use super::dialect::{Dialect, Said};
use super::input::Input;
use crate::exception::Exception;
use crate::model_id::base_name;
use request::Request;

/// Bedrock's own version, and the one that Anthropic's newest SDKs send.
const VERSIONS: &[&str] = &["bedrock-2023-05-31", "2026-10-21"];

/// The dialect of Claude's models.
pub(crate) struct Messages;

impl Dialect for Messages {
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception> {
        let version = input.required_text("anthropic_version")?;
        if !VERSIONS.contains(&&*version) {
            return Err(Exception::validation(format!("Invalid API version: {}", &*version)));
        }
        input.required("max_tokens", input.integer("max_tokens")?)?;
        input.required("messages", input.raw("messages"))?;
        let request = Request::read(input)?;
        check::check(&request)?;
        translate::conversation(&request)
    }

    fn answer(&self, said: &Said<'_>) -> String {
        answer::whole(said)
    }

    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>> {
        Some(stream::chunks(said))
    }

    fn caches(&self) -> bool {
        true
    }
}

/// The dialect of the models that fail on purpose: they take any object for a request.
pub(crate) struct Anything;

impl Dialect for Anything {
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception> {
        let request = Request::read(input).ok().filter(|request| !request.messages.is_empty());
        if let Some(conversation) = request.and_then(|request| translate::conversation(&request).ok()) {
            return Ok(conversation);
        }
        let text = |name| input.text(name).ok().flatten().map(|text| text.0.into_owned());
        let text = ["prompt", "inputText", "message"].into_iter().find_map(text);
        Ok(Conversation::of(&text.unwrap_or_else(|| "something".to_owned())))
    }

    fn answer(&self, said: &Said<'_>) -> String {
        Messages.answer(said)
    }

    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>> {
        Messages.chunks(said)
    }

    fn caches(&self) -> bool {
        true
    }
}

/// `claude-sonnet-4-20250514` of `anthropic.claude-sonnet-4-20250514-v1:0`.
fn model_name(model_id: &str) -> &str {
    let name = base_name(model_id).unwrap_or(model_id);
    let name = name.strip_prefix("anthropic.").unwrap_or(name);
    name.split_once("-v1").map_or(name, |(name, _)| name)
}

/// Whether a member that may be a string or a list is the string.
fn is_string(raw: &RawValue) -> bool {
    raw.get().starts_with('"')
}
