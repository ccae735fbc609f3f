//! What Anthropic's models refuse, in their words as far as they are known.

use std::borrow::Cow;

use super::request::{Block, Message, Request};
use crate::exception::Exception;

const BLOCKS: &[&str] =
    &["document", "image", "redacted_thinking", "search_result", "text", "thinking", "tool_result", "tool_use"];
/// Tools that a model knows by itself; the rest of the type is a date.
const BUILT_IN_TOOLS: &[&str] = &["bash_", "computer_", "memory_", "text_editor_"];
const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

pub(super) fn check(request: &Request<'_>) -> Result<(), Exception> {
    if request.max_tokens.is_some_and(|tokens| tokens < 1) {
        return refuse("max_tokens: Input should be greater than or equal to 1");
    }
    let Some(first) = request.messages.first() else {
        return refuse("messages: at least one message is required");
    };
    if *first.role != *"user" {
        return refuse("messages: first message must use the \"user\" role");
    }
    for (index, message) in request.messages.iter().enumerate() {
        content(message, index)?;
    }
    pairs(&request.messages)?;
    tools(request)
}

fn content(message: &Message<'_>, index: usize) -> Result<(), Exception> {
    if !matches!(&*message.role, "user" | "assistant" | "system") {
        return refuse(format!("messages.{index}.role: Input should be 'user' or 'assistant'"));
    }
    if message.blocks.is_empty() {
        return refuse(format!("messages.{index}: all messages must have non-empty content"));
    }
    for (position, block) in message.blocks.iter().enumerate() {
        let path = format!("messages.{index}.content.{position}");
        if !BLOCKS.contains(&block.kind()) {
            return refuse(format!(
                "{path}: Input tag '{}' found using 'type' does not match any of the expected tags: {}",
                block.kind(),
                quoted(BLOCKS)
            ));
        }
        members(block, &path)?;
    }
    Ok(())
}

fn members(block: &Block<'_>, path: &str) -> Result<(), Exception> {
    let required = |found: bool, member: &str| match found {
        true => Ok(()),
        false => refuse(format!("{path}.{}.{member}: Field required", block.kind())),
    };
    match block.kind() {
        "text" if block.text.is_some_and(|text| text.get() == "\"\"") => {
            refuse("messages: text content blocks must be non-empty")
        }
        "text" => required(block.text.is_some(), "text"),
        "image" => {
            let media_type = block.source.as_ref().and_then(|source| source.media_type.as_deref());
            match media_type.filter(|media_type| !IMAGES.contains(media_type)) {
                Some(_) => refuse(format!("{path}.image.source.base64.media_type: Input should be {}", quoted(IMAGES))),
                None => required(block.source.is_some(), "source"),
            }
        }
        "document" => required(block.source.is_some(), "source"),
        "tool_use" => {
            required(block.id.is_some(), "id")?;
            required(block.name.is_some(), "name")?;
            required(block.input.is_some(), "input")
        }
        "tool_result" => required(block.tool_use_id.is_some(), "tool_use_id"),
        _ => Ok(()),
    }
}

/// Every tool_use has its tool_result in the next message, and every tool_result its tool_use in the one before.
fn pairs(messages: &[Message<'_>]) -> Result<(), Exception> {
    let nothing = [];
    for (index, message) in messages.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| messages.get(before));
        let asked: Vec<&str> = before.map_or(&nothing[..], |before| &before.blocks).iter().filter_map(call).collect();
        for (position, block) in message.blocks.iter().enumerate() {
            if let Some(id) = result(block).filter(|id| !asked.contains(id)) {
                return refuse(format!(
                    "messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: \
                     {id}. \
                     Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                ));
            }
        }
        let answered: Vec<&str> =
            messages.get(index + 1).map_or(&nothing[..], |next| &next.blocks).iter().filter_map(result).collect();
        let open: Vec<&str> = message.blocks.iter().filter_map(call).filter(|id| !answered.contains(id)).collect();
        if !open.is_empty() {
            return refuse(format!(
                "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
                 `tool_use` block must have a corresponding `tool_result` block in the next message.",
                open.join(", ")
            ));
        }
    }
    Ok(())
}

fn tools(request: &Request<'_>) -> Result<(), Exception> {
    for (index, tool) in request.tools.iter().enumerate() {
        let kind = tool.kind.as_deref().unwrap_or("custom");
        if kind == "custom" {
            if tool.input_schema.is_none() {
                return refuse(format!("tools.{index}.custom.input_schema: Field required"));
            }
        } else if !BUILT_IN_TOOLS.iter().any(|known| kind.starts_with(known)) {
            return refuse(format!(
                "tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'custom'"
            ));
        }
        if request.tools.iter().take(index).any(|other| other.name == tool.name) {
            return refuse("tools: Tool names must be unique.");
        }
    }
    match &request.tool_choice {
        Some(choice) if *choice.kind == *"tool" => {
            let name = choice.name.as_deref().unwrap_or_default();
            match request.tools.iter().any(|tool| *tool.name == *name) {
                true => Ok(()),
                false => refuse(format!("Tool '{name}' not found in provided tools")),
            }
        }
        _ => Ok(()),
    }
}

fn call<'a>(block: &'a Block<'_>) -> Option<&'a str> {
    block.id.as_deref().filter(|_| block.kind() == "tool_use")
}

fn result<'a>(block: &'a Block<'_>) -> Option<&'a str> {
    block.tool_use_id.as_deref().filter(|_| block.kind() == "tool_result")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

fn refuse(message: impl Into<Cow<'static, str>>) -> Result<(), Exception> {
    Err(Exception::validation(message))
}
