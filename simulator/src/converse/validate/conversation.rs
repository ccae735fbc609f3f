//! Roles, turns, and what a block must hold.

use crate::converse::content::{ContentBlock, SystemContentBlock};
use crate::converse::request::{ConverseRequest, Message};
use crate::exception::Exception;

pub(super) fn check(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    has_turns(request.messages())?;
    for (index, message) in request.messages().iter().enumerate() {
        if message.content().is_empty() {
            return refuse(format!(
                "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to \
                 the content field and try again."
            ));
        }
        let is_text = |block: &ContentBlock<'_>| matches!(block, ContentBlock::Text(text) if !text.trim().is_empty());
        let has_text = message.content().iter().any(is_text);
        for (block, position) in message.content().iter().zip(0..) {
            content_block(block, has_text, &format!("messages.{index}.content.{position}"))?;
        }
    }
    for (index, block) in request.system.iter().flatten().enumerate() {
        if let SystemContentBlock::Text(text) = block {
            not_blank(text, "SystemContentBlock", &format!("system.{index}"))?;
        }
        if let SystemContentBlock::Empty = block {
            return empty("SystemContentBlock", &format!("system.{index}"), SystemContentBlock::MEMBERS);
        }
    }
    settings(request)
}

/// Bedrock accepts turns of one role in a row, and a conversation that begins with `assistant`.
fn has_turns(messages: &[Message<'_>]) -> Result<(), Exception> {
    if messages.iter().all(|message| message.is("system")) {
        return refuse(
            "A conversation must start with a user message. Try again with a conversation that starts with a user \
             message.",
        );
    }
    Ok(())
}

/// Bedrock accepts blank text in a message that has other text too.
fn content_block(block: &ContentBlock<'_>, has_text: bool, path: &str) -> Result<(), Exception> {
    match block {
        ContentBlock::Text(_) if has_text => Ok(()),
        ContentBlock::Text(text) => not_blank(text, "ContentBlock", path),
        ContentBlock::Empty => empty("ContentBlock", path, ContentBlock::MEMBERS),
        _ => Ok(()),
    }
}

fn settings(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    if let Some(guardrail) = &request.guardrail_config
        && guardrail.guardrail_identifier.is_some() != guardrail.guardrail_version.is_some()
    {
        return refuse("The guardrail identifier and the guardrail version must be given together.");
    }
    let mut paths = request.additional_model_response_field_paths.iter().flatten();
    if let Some(path) = paths.find(|path| !path.starts_with('/')) {
        return refuse(format!(
            "The additionalModelResponseFieldPaths field holds '{}', which is no JSON Pointer.",
            &**path
        ));
    }
    Ok(())
}

fn not_blank(text: &str, object: &str, path: &str) -> Result<(), Exception> {
    if text.trim().is_empty() {
        return refuse(format!(
            "The text field in the {object} object at {path} is blank. Add text to the text field, and try again."
        ));
    }
    Ok(())
}

fn empty(object: &str, path: &str, members: &[&str]) -> Result<(), Exception> {
    refuse(format!("The {object} object at {path} must set one of the following keys: {}.", members.join(", ")))
}

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), Exception> {
    Err(Exception::validation(message))
}
