//! What Bedrock refuses, in Bedrock's words as far as they are known.

mod constraints;
mod conversation;
mod media;
mod model_rules;
mod shapes;
mod tools;

pub(crate) use constraints::Constraints;

use super::guardrail;
use super::request::ConverseRequest;
use crate::exception::Exception;

/// Shapes first, all of their violations in one message; then the rules between them, the first that is broken.
pub(crate) fn check(model_id: &str, request: &ConverseRequest<'_>) -> Result<(), Exception> {
    // A prompt of Prompt Management brings its own messages.
    let stored_prompt = model_id.starts_with("arn:") && model_id.contains(":prompt/");
    shapes::check(request, !stored_prompt)?;
    if !(stored_prompt && request.messages().is_empty()) {
        conversation::check(request)?;
    }
    tools::check(request)?;
    media::check(request)?;
    model_rules::check(model_id, request)?;
    guardrail::check(request)
}
