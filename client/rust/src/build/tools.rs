//! Tools and their results.

use bedrock_grpc_schema::runtime::v1::{
    ContentBlock, Tool, ToolConfiguration, ToolInputSchema, ToolResultBlock, ToolResultContentBlock, ToolSpecification,
    content_block, tool, tool_input_schema, tool_result_content_block,
};

use super::content::{block, default_cache_point};
use crate::vocabulary::tool_result_status;

/// A tool that the caller runs. `schema` is the JSON Schema of its input as text, with `"type": "object"`. The model sees the
/// properties in the order of the text. The gateway rejects a text that is not JSON.
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

/// The end of a prefix to cache, among the tools: the tools before it.
#[must_use]
pub fn tool_cache_point() -> Tool {
    Tool { member: Some(tool::Member::CachePoint(default_cache_point())) }
}

/// A tool configuration in which the model decides whether to use a tool.
pub fn tools(tools: impl IntoIterator<Item = Tool>) -> ToolConfiguration {
    ToolConfiguration { tools: tools.into_iter().collect(), ..ToolConfiguration::default() }
}

/// The result of a tool as text, for the tool use with this ID.
pub fn tool_result_text(tool_use_id: impl Into<String>, text: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::Text(text.into()), None)
}

/// The result of a tool as JSON text, for the tool use with this ID. The gateway rejects a text that is not JSON.
pub fn tool_result_json(tool_use_id: impl Into<String>, json: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::JsonText(json.into()), None)
}

/// The result of a tool that failed, for the tool use with this ID. The model reads the text and can react to it.
pub fn tool_result_error(tool_use_id: impl Into<String>, text: impl Into<String>) -> ContentBlock {
    tool_result(tool_use_id, tool_result_content_block::Member::Text(text.into()), Some(tool_result_status::ERROR))
}

fn tool_result(id: impl Into<String>, member: tool_result_content_block::Member, status: Option<&str>) -> ContentBlock {
    block(content_block::Member::ToolResult(ToolResultBlock {
        tool_use_id: Some(id.into()),
        content: vec![ToolResultContentBlock { member: Some(member) }],
        status: status.map(str::to_owned),
        ..ToolResultBlock::default()
    }))
}
