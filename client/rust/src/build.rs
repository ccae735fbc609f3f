//! Short ways to write the schema's messages. They make what the schema has and nothing else; for a member that is not
//! here, write the message out.
//!
//! ```
//! use bedrock_grpc_client::build::{assistant, cache_point, text, tool, tool_result_text, user};
//!
//! let conversation = [
//!     user([text("A long document ..."), cache_point(), text("What is the weather in Paris, and what did it say?")]),
//!     assistant("Let me look."),
//!     user(tool_result_text("tooluse_1", "18 degrees, sunny")),
//! ];
//! let weather = tool("get_weather", "The weather in a city now", r#"{"type": "object", "properties": {"city": {"type": "string"}}}"#);
//! # let _ = (conversation, weather);
//! ```

use bytes::Bytes;

use crate::v1::{
    CachePointBlock, ContentBlock, DocumentBlock, DocumentSource, ImageBlock, ImageSource, Message, SystemContentBlock,
    Tool, ToolConfiguration, ToolInputSchema, ToolResultBlock, ToolResultContentBlock, ToolSpecification,
    content_block, document_source, image_source, system_content_block, tool, tool_input_schema,
    tool_result_content_block,
};
use crate::vocabulary::{cache_point_type, role, tool_result_status};

/// What a message may be made of: a text, a block, or several blocks.
pub trait IntoContent {
    /// The blocks, in order.
    fn into_content(self) -> Vec<ContentBlock>;
}

impl IntoContent for &str {
    fn into_content(self) -> Vec<ContentBlock> {
        vec![text(self)]
    }
}

impl IntoContent for String {
    fn into_content(self) -> Vec<ContentBlock> {
        vec![text(self)]
    }
}

impl IntoContent for ContentBlock {
    fn into_content(self) -> Vec<ContentBlock> {
        vec![self]
    }
}

impl IntoContent for Vec<ContentBlock> {
    fn into_content(self) -> Vec<ContentBlock> {
        self
    }
}

impl<const N: usize> IntoContent for [ContentBlock; N] {
    fn into_content(self) -> Vec<ContentBlock> {
        self.into()
    }
}

/// A message of the user's: a text, or blocks such as images and tool results.
pub fn user(content: impl IntoContent) -> Message {
    message(role::USER, content)
}

/// A message of the model's, from an earlier turn or as the beginning of its answer.
///
/// To continue a conversation, append the answer's own message instead
/// ([`ConverseResponseExt::message`](crate::ConverseResponseExt::message)), word for word.
pub fn assistant(content: impl IntoContent) -> Message {
    message(role::ASSISTANT, content)
}

/// A message of any [`role`].
pub fn message(role: impl Into<String>, content: impl IntoContent) -> Message {
    Message { role: Some(role.into()), content: content.into_content(), unrecognized: None }
}

/// A block of text.
pub fn text(text: impl Into<String>) -> ContentBlock {
    block(content_block::Member::Text(text.into()))
}

/// A block with an image file's bytes. For `format` see [`vocabulary::image_format`](crate::vocabulary::image_format).
/// Bedrock takes up to 3.75 MB and 8000 by 8000 pixels.
pub fn image(format: impl Into<String>, bytes: impl Into<Bytes>) -> ContentBlock {
    let source = ImageSource { member: Some(image_source::Member::Bytes(bytes.into())) };
    block(content_block::Member::Image(ImageBlock {
        format: Some(format.into()),
        source: Some(source),
        ..ImageBlock::default()
    }))
}

/// A block with a document file's bytes. For `format` see
/// [`vocabulary::document_format`](crate::vocabulary::document_format). The model sees `name`: choose a neutral one. Bedrock
/// takes up to 4.5 MB, and wants a text block in the same message.
pub fn document(format: impl Into<String>, name: impl Into<String>, bytes: impl Into<Bytes>) -> ContentBlock {
    block(content_block::Member::Document(DocumentBlock {
        format: Some(format.into()),
        name: Some(name.into()),
        source: Some(DocumentSource { member: Some(document_source::Member::Bytes(bytes.into())) }),
        ..DocumentBlock::default()
    }))
}

/// A tool's result as text, for the request with this `tool_use_id`.
pub fn tool_result_text(tool_use_id: impl Into<String>, text: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::Text(text.into()), None)
}

/// A tool's result as JSON text, for the request with this `tool_use_id`. The service refuses what is no JSON.
pub fn tool_result_json(tool_use_id: impl Into<String>, json: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::JsonText(json.into()), None)
}

/// Tells the model that a tool failed, and how, so that it can try otherwise.
pub fn tool_result_error(tool_use_id: impl Into<String>, text: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::Text(text.into()), Some(tool_result_status::ERROR))
}

/// The end of a prefix to cache, in a message: everything before it. It lives as long as the model's default, five
/// minutes. Among tools, it is [`tool_cache_point`], in the system prompt [`system_cache_point`].
#[must_use]
pub fn cache_point() -> ContentBlock {
    block(content_block::Member::CachePoint(default_cache_point()))
}

/// A block of the system prompt.
pub fn system(text: impl Into<String>) -> SystemContentBlock {
    SystemContentBlock { member: Some(system_content_block::Member::Text(text.into())) }
}

/// The end of a prefix to cache, in the system prompt: the tools, and the system prompt so far.
#[must_use]
pub fn system_cache_point() -> SystemContentBlock {
    SystemContentBlock { member: Some(system_content_block::Member::CachePoint(default_cache_point())) }
}

/// A tool that the caller runs. `schema` is the JSON Schema of its arguments as text, of `"type": "object"`; its properties
/// reach the model in the order they are written in. The service refuses what is no JSON.
pub fn tool(name: impl Into<String>, description: impl Into<String>, schema: impl Into<String>) -> Tool {
    let schema = ToolInputSchema { member: Some(tool_input_schema::Member::JsonText(schema.into())) };
    Tool {
        member: Some(tool::Member::ToolSpec(ToolSpecification {
            name: Some(name.into()),
            description: Some(description.into()),
            input_schema: Some(schema),
            ..ToolSpecification::default()
        })),
    }
}

/// The end of a prefix to cache, among the tools: those before it.
#[must_use]
pub fn tool_cache_point() -> Tool {
    Tool { member: Some(tool::Member::CachePoint(default_cache_point())) }
}

/// A tool configuration that leaves it to the model whether to use a tool.
pub fn tools(tools: impl IntoIterator<Item = Tool>) -> ToolConfiguration {
    ToolConfiguration { tools: tools.into_iter().collect(), ..ToolConfiguration::default() }
}

fn block(member: content_block::Member) -> ContentBlock {
    ContentBlock { member: Some(member) }
}

fn tool_result(id: impl Into<String>, member: tool_result_content_block::Member, status: Option<&str>) -> ContentBlock {
    block(content_block::Member::ToolResult(ToolResultBlock {
        tool_use_id: Some(id.into()),
        content: vec![ToolResultContentBlock { member: Some(member) }],
        status: status.map(str::to_owned),
        ..ToolResultBlock::default()
    }))
}

fn default_cache_point() -> CachePointBlock {
    CachePointBlock { r#type: Some(cache_point_type::DEFAULT.to_owned()), ..CachePointBlock::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema's own codec says what Bedrock gets.
    fn json<T: bedrock_grpc_schema::json::AwsJson>(message: &T) -> String {
        String::from_utf8(bedrock_grpc_schema::json::encode(message, 0).unwrap().into()).unwrap()
    }

    #[test]
    fn messages_are_bedrocks_json() {
        for (message, expected) in [
            (user("Hi"), r#"{"role":"user","content":[{"text":"Hi"}]}"#),
            (
                user([text("Hi"), cache_point()]),
                r#"{"role":"user","content":[{"text":"Hi"},{"cachePoint":{"type":"default"}}]}"#,
            ),
            (assistant(vec![text("a")]), r#"{"role":"assistant","content":[{"text":"a"}]}"#),
            (
                user(image("png", &b"\x01"[..])),
                r#"{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AQ=="}}}]}"#,
            ),
            (
                user(document("txt", "notes", &b"\x01"[..])),
                r#"{"role":"user","content":[{"document":{"format":"txt","name":"notes","source":{"bytes":"AQ=="}}}]}"#,
            ),
            (
                user(tool_result_text("t1", "ok")),
                r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"ok"}]}}]}"#,
            ),
            (
                user(tool_result_json("t1", r#"{"b":1,"a":2}"#)),
                r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"b":1,"a":2}}]}}]}"#,
            ),
            (
                user(tool_result_error("t1", "no")),
                r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"no"}],"status":"error"}}]}"#,
            ),
        ] {
            assert_eq!(json(&message), expected);
        }
    }

    #[test]
    fn tools_and_system_prompts_are_bedrocks_json() {
        assert_eq!(
            json(&tools([tool("f", "does", r#"{"type":"object"}"#), tool_cache_point()])),
            r#"{"tools":[{"toolSpec":{"name":"f","description":"does","inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default"}}]}"#
        );
        assert_eq!(json(&system("Be brief.")), r#"{"text":"Be brief."}"#);
        assert_eq!(json(&system_cache_point()), r#"{"cachePoint":{"type":"default"}}"#);
    }
}
