//! What a family of models rejects. A recording proves each rule.

use serde_json::Value;

use crate::converse::content::{ContentBlock, Source, ToolResultBlock, ToolResultContentBlock};
use crate::converse::request::{ConverseRequest, OutputFormatStructure, Tool, ToolInputSchema};
use crate::exception::Exception;
use crate::model_id::base_name;

/// Keywords that Claude's structured output rejects in a schema.
const REJECTED_KEYWORDS: &[&str] = &["maxItems", "multipleOf"];

pub(super) fn check(model_id: &str, request: &ConverseRequest<'_>) -> Result<(), Exception> {
    match base_name(model_id) {
        Some(name) if name.starts_with("anthropic.") => check_claude(request),
        Some(name) if name.starts_with("amazon.nova") => check_nova(request),
        _ => Ok(()),
    }
}

fn check_claude(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    for block in request.messages().iter().flat_map(|message| message.content()) {
        match block {
            ContentBlock::Video(_) => return reject_video(),
            ContentBlock::Image(image) => check_claude_source(image.source.as_ref())?,
            ContentBlock::Document(document) => check_claude_source(document.source.as_ref())?,
            ContentBlock::ToolResult(result) => check_claude_result(result)?,
            _ => {}
        }
    }
    for (index, tool) in request.tools().iter().enumerate() {
        if let Tool::ToolSpec(tool) = tool
            && tool.strict == Some(true)
            && let Some(ToolInputSchema::Json(schema)) = &tool.input_schema
        {
            check_schema(schema.get(), &format!("tools.{index}.custom"))?;
        }
    }
    let format = request.output_config.as_ref().and_then(|config| config.text_format.as_ref());
    if let Some(OutputFormatStructure::JsonSchema(definition)) = format.and_then(|format| format.structure.as_ref()) {
        check_schema(definition.schema.as_deref().unwrap_or_default(), "output_config.format.schema")?;
    }
    Ok(())
}

/// In the result of a tool, a document may be at an S3 location, but an image may not.
fn check_claude_result(result: &ToolResultBlock<'_>) -> Result<(), Exception> {
    for block in result.content.iter().flatten() {
        match block {
            ToolResultContentBlock::Video(_) => return reject_video(),
            ToolResultContentBlock::Image(image) => check_claude_source(image.source.as_ref())?,
            _ => {}
        }
    }
    Ok(())
}

fn check_claude_source(source: Option<&Source<'_>>) -> Result<(), Exception> {
    match source {
        Some(Source::S3Location(_)) => {
            reject("This model doesn't support the s3Uri field. Remove s3Uri and try again.")
        }
        _ => Ok(()),
    }
}

fn reject_video() -> Result<(), Exception> {
    reject(
        "This model doesn't support the video content block that you provided. Update the content block and try again.",
    )
}

/// In the result of a tool, a document or a video must not be at an S3 location, but an image may.
fn check_nova(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    for (index, message) in request.messages().iter().enumerate() {
        for (position, block) in message.content().iter().enumerate() {
            let ContentBlock::ToolResult(result) = block else { continue };
            let has_location = result.content.iter().flatten().any(|block| match block {
                ToolResultContentBlock::Document(document) => is_location(document.source.as_ref()),
                ToolResultContentBlock::Video(video) => is_location(video.source.as_ref()),
                _ => false,
            });
            if has_location {
                return reject(format!(
                    "The model returned the following errors: Malformed input request: #/messages/{index}/content/\
                     {position}: extraneous key [toolResult] is not permitted, please reformat your input and try again."
                ));
            }
        }
    }
    Ok(())
}

fn is_location(source: Option<&Source<'_>>) -> bool {
    matches!(source, Some(Source::S3Location(_)))
}

fn check_schema(schema: &str, path: &str) -> Result<(), Exception> {
    let Ok(schema) = serde_json::from_str(schema) else { return Ok(()) };
    match find_rejected_keyword(&schema) {
        Some((kind, keyword)) => reject(format!(
            "The model returned the following errors: {path}: For '{kind}' type, property '{keyword}' is not supported"
        )),
        None => Ok(()),
    }
}

/// The type and the keyword of the first part of a schema that Claude rejects.
fn find_rejected_keyword(schema: &Value) -> Option<(&str, &str)> {
    match schema {
        Value::Object(members) => {
            let kind = members.get("type").and_then(Value::as_str);
            let keyword = REJECTED_KEYWORDS.iter().copied().find(|keyword| members.contains_key(*keyword));
            match (kind, keyword) {
                (Some(kind), Some(keyword)) => Some((kind, keyword)),
                _ => members.values().find_map(find_rejected_keyword),
            }
        }
        Value::Array(elements) => elements.iter().find_map(find_rejected_keyword),
        _ => None,
    }
}

fn reject(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), Exception> {
    Err(Exception::validation(message))
}
