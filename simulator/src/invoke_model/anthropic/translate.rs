//! A Messages request as Converse has it, block by block. A `cache_control` is a cachePoint after its block.

use serde_json::value::RawValue;

use super::converse_json::{
    CachePoint, Content, Media, MediaSource, Message, OutputConfig, Reasoning, ReasoningFields, Schema, SearchResult,
    Structure, TextFormat, ToolChoice, ToolConfig, ToolContent,
};
use super::request::{Block, CacheControl, Request, Source, Tool, blocks};
use crate::exception::Exception;
use crate::invoke_model::conversation::{Conversation, Limits};

pub(super) fn conversation(request: &Request<'_>) -> Result<Conversation, Exception> {
    let mut messages = Vec::new();
    for message in &request.messages {
        messages.push(Message { role: &message.role, content: contents(&message.blocks)? });
    }
    let limits = Limits { max_tokens: request.max_tokens, stop_sequences: request.stop_sequences.clone() };
    let thinking = request.thinking.map(|thinking| ReasoningFields { thinking });
    let output = request.schema.map(|schema| OutputConfig {
        text_format: TextFormat { kind: "json_schema", structure: Structure::JsonSchema { schema: schema.get() } },
    });
    Ok(Conversation::default()
        .with("toolConfig", &tool_config(request))
        .with("system", &contents(&request.system)?)
        .with("messages", &messages)
        .with_limits(&limits)
        .with("additionalModelRequestFields", &thinking)
        .with("outputConfig", &output))
}

fn contents<'a>(blocks: &'a [Block<'a>]) -> Result<Vec<Content<'a>>, Exception> {
    let mut contents = Vec::new();
    for block in blocks {
        contents.extend(content(block)?);
        contents.extend(block.cache_control.as_ref().map(cache_point).map(Content::CachePoint));
    }
    Ok(contents)
}

/// `None` for a block that has nothing in it; those of unknown types have been refused, or don't matter.
fn content<'a>(block: &'a Block<'a>) -> Result<Option<Content<'a>>, Exception> {
    let id = block.tool_use_id.as_deref().or(block.id.as_deref()).unwrap_or_default();
    Ok(match block.kind() {
        "text" => block.text.map(Content::Text),
        "image" => block.source.as_ref().map(|source| Content::Image(media(source, None))),
        "document" => block.source.as_ref().map(|source| Content::Document(media(source, block.title))),
        "tool_use" => Some(Content::ToolUse { tool_use_id: id, name: block.name, input: block.input }),
        "tool_result" => {
            let status = if block.is_error == Some(true) { "error" } else { "success" };
            Some(Content::ToolResult { tool_use_id: id, content: result_contents(block.content)?, status })
        }
        "thinking" => block.thinking.map(|text| Content::ReasoningContent(Reasoning::ReasoningText { text })),
        "redacted_thinking" => block.data.map(|data| Content::ReasoningContent(Reasoning::RedactedContent(data))),
        "search_result" => Some(Content::SearchResult(SearchResult { title: block.title, content: block.content })),
        _ => None,
    })
}

/// A result's blocks are parsed here, where their texts only pass through.
fn result_contents(raw: Option<&RawValue>) -> Result<Vec<Content<'_>>, Exception> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(Vec::new()) };
    let contents = blocks(raw, "tool_result.content")?.into_iter().filter_map(|block| match block.kind() {
        "text" => block.text.map(Content::Text),
        "image" => block.source.as_ref().map(|source| Content::Image(media_of_result(source))),
        _ => None,
    });
    Ok(contents.collect())
}

fn media<'a>(source: &'a Source<'a>, name: Option<&'a RawValue>) -> Media<'a> {
    Media { format: source.media_type.as_deref().map_or("txt", subtype), name, source: media_source(source) }
}

/// The format of a tool's picture changes nothing.
fn media_of_result<'a>(source: &Source<'a>) -> Media<'a> {
    Media { format: "png", name: None, source: media_source(source) }
}

fn media_source<'a>(source: &Source<'a>) -> MediaSource<'a> {
    match (&*source.kind, source.data) {
        ("base64", Some(data)) => MediaSource::Bytes(data),
        ("text", Some(data)) => MediaSource::Text(data),
        (_, data) => MediaSource::Content(data),
    }
}

fn subtype(media_type: &str) -> &str {
    media_type.split_once('/').map_or(media_type, |(_, subtype)| subtype)
}

fn cache_point<'a>(control: &'a CacheControl<'a>) -> CachePoint<'a> {
    CachePoint { kind: "default", ttl: control.ttl.as_deref() }
}

/// With the choice `none` a model sees no tools.
fn tool_config<'a>(request: &'a Request<'a>) -> Option<ToolConfig<'a>> {
    let choice = request.tool_choice.as_ref();
    if request.tools.is_empty() || choice.is_some_and(|choice| *choice.kind == *"none") {
        return None;
    }
    let tool_choice = choice.and_then(|choice| match (&*choice.kind, choice.name.as_deref()) {
        ("any", _) => Some(ToolChoice::Any {}),
        ("tool", Some(name)) => Some(ToolChoice::Tool { name }),
        _ => None,
    });
    Some(ToolConfig { tools: request.tools.iter().flat_map(tool).collect(), tool_choice })
}

fn tool<'a>(tool: &'a Tool<'a>) -> impl Iterator<Item = ToolContent<'a>> {
    let content = match tool.input_schema {
        Some(json) => {
            ToolContent::ToolSpec { name: &tool.name, description: tool.description, input_schema: Schema { json } }
        }
        None => ToolContent::SystemTool { name: &tool.name },
    };
    let point = tool.cache_control.as_ref().map(cache_point).map(ToolContent::CachePoint);
    [content].into_iter().chain(point)
}
