//! Members that are missing, out of range or not as their pattern wants them.

use super::constraints::Constraints;
use crate::converse::content::{CachePointBlock, ContentBlock, SystemContentBlock};
use crate::converse::request::{ConverseRequest, Tool, ToolChoice};
use crate::exception::Exception;
use crate::json::Text;

const ROLES: &[&str] = &["user", "assistant", "system"];
const IMAGE_FORMATS: &[&str] = &["png", "jpeg", "gif", "webp"];
const DOCUMENT_FORMATS: &[&str] = &["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
const TRACES: &[&str] = &["enabled", "disabled", "enabled_full"];
const LATENCIES: &[&str] = &["standard", "optimized"];
const SERVICE_TIERS: &[&str] = &["priority", "default", "flex", "reserved"];
const METADATA_PATTERN: &str = "[a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}";

pub(super) fn check(request: &ConverseRequest<'_>, messages_required: bool) -> Result<(), Exception> {
    let mut found = Constraints::default();
    if messages_required {
        found.required(&request.messages, "messages");
    }
    for (message, index) in request.messages().iter().zip(1..) {
        let path = format!("messages.{index}.member");
        found.required(&message.role, &format!("{path}.role"));
        found.one_of(message.role.as_deref(), &format!("{path}.role"), ROLES);
        found.required(&message.content, &format!("{path}.content"));
        for (block, index) in message.content().iter().zip(1..) {
            content_block(&mut found, block, &format!("{path}.content.{index}.member"));
        }
    }
    for (block, index) in request.system.iter().flatten().zip(1..) {
        let path = format!("system.{index}.member");
        match block {
            SystemContentBlock::Text(text) => found.length(text.len(), &format!("{path}.text"), 1, usize::MAX),
            SystemContentBlock::CachePoint(point) => cache_point(&mut found, point, &path),
            _ => {}
        }
    }
    inference(&mut found, request);
    tools(&mut found, request);
    settings(&mut found, request);
    found.result()
}

fn content_block(found: &mut Constraints, block: &ContentBlock<'_>, path: &str) {
    let at = |member: &str| format!("{path}.{member}");
    match block {
        ContentBlock::Image(image) => {
            found.required(&image.format, &at("image.format"));
            found.one_of(image.format.as_deref(), &at("image.format"), IMAGE_FORMATS);
            found.required(&image.source, &at("image.source"));
        }
        ContentBlock::Document(document) => {
            found.one_of(document.format.as_deref(), &at("document.format"), DOCUMENT_FORMATS);
            found.required(&document.name, &at("document.name"));
            if let Some(name) = &document.name {
                found.length(name.chars().count(), &at("document.name"), 1, 200);
            }
            found.required(&document.source, &at("document.source"));
        }
        ContentBlock::Video(media) => found.required(&media.source, &at("video.source")),
        ContentBlock::Audio(media) => found.required(&media.source, &at("audio.source")),
        ContentBlock::ToolUse(tool) => {
            tool_use_id(found, &tool.tool_use_id, &at("toolUse.toolUseId"));
            tool_name(found, &tool.name, &at("toolUse.name"));
            found.required(&tool.input, &at("toolUse.input"));
        }
        ContentBlock::ToolResult(result) => {
            tool_use_id(found, &result.tool_use_id, &at("toolResult.toolUseId"));
            found.required(&result.content, &at("toolResult.content"));
            found.one_of(result.status.as_deref(), &at("toolResult.status"), &["success", "error"]);
        }
        ContentBlock::CachePoint(point) => cache_point(found, point, path),
        _ => {}
    }
}

fn cache_point(found: &mut Constraints, point: &CachePointBlock<'_>, path: &str) {
    found.required(&point.kind, &format!("{path}.cachePoint.type"));
    found.one_of(point.kind.as_deref(), &format!("{path}.cachePoint.type"), &["default"]);
    found.one_of(point.ttl.as_deref(), &format!("{path}.cachePoint.ttl"), &["5m", "1h"]);
}

fn inference(found: &mut Constraints, request: &ConverseRequest<'_>) {
    let Some(config) = &request.inference_config else { return };
    if let Some(tokens) = config.max_tokens.filter(|tokens| *tokens < 1) {
        // The value is an integer to Bedrock; as a float it would only differ beyond 2^53.
        found.between(Some(tokens as f64), "inferenceConfig.maxTokens", 1.0, f64::MAX);
    }
    found.between(config.temperature, "inferenceConfig.temperature", 0.0, 1.0);
    found.between(config.top_p, "inferenceConfig.topP", 0.0, 1.0);
    let sequences = config.stop_sequences.as_deref().unwrap_or_default();
    found.length(sequences.len(), "inferenceConfig.stopSequences", 0, 2_500);
    for (sequence, index) in sequences.iter().zip(1..) {
        let path = format!("inferenceConfig.stopSequences.{index}.member");
        found.length(sequence.len(), &path, 1, usize::MAX);
    }
}

fn tools(found: &mut Constraints, request: &ConverseRequest<'_>) {
    let Some(config) = &request.tool_config else { return };
    found.required(&config.tools, "toolConfig.tools");
    if let Some(tools) = &config.tools {
        found.length(tools.len(), "toolConfig.tools", 1, usize::MAX);
    }
    for (tool, index) in request.tools().iter().zip(1..) {
        let path = format!("toolConfig.tools.{index}.member");
        match tool {
            Tool::ToolSpec(tool) => {
                tool_name(found, &tool.name, &format!("{path}.toolSpec.name"));
                if let Some(description) = &tool.description {
                    found.length(description.len(), &format!("{path}.toolSpec.description"), 1, usize::MAX);
                }
                found.required(&tool.input_schema, &format!("{path}.toolSpec.inputSchema"));
            }
            Tool::SystemTool(tool) => tool_name(found, &tool.name, &format!("{path}.systemTool.name")),
            Tool::CachePoint(point) => cache_point(found, point, &path),
            _ => {}
        }
    }
    if let Some(ToolChoice::Tool(named)) = &config.tool_choice {
        tool_name(found, &named.name, "toolConfig.toolChoice.tool.name");
    }
}

fn settings(found: &mut Constraints, request: &ConverseRequest<'_>) {
    if let Some(metadata) = &request.request_metadata {
        found.length(metadata.0.len(), "requestMetadata", 1, 16);
        for (key, value) in &metadata.0 {
            let path = format!("requestMetadata.{}", &**key);
            found.length(key.len(), &path, 1, 256);
            found.length(value.len(), &path, 0, 256);
            let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ":_@$#=/+,-.".contains(c);
            found.pattern(Some(key), &path, METADATA_PATTERN, allowed);
            found.pattern(Some(value), &path, METADATA_PATTERN, allowed);
        }
    }
    if let Some(paths) = &request.additional_model_response_field_paths {
        found.length(paths.len(), "additionalModelResponseFieldPaths", 0, 10);
        for (path, index) in paths.iter().zip(1..) {
            let member = format!("additionalModelResponseFieldPaths.{index}.member");
            found.length(path.len(), &member, 1, 256);
        }
    }
    if let Some(guardrail) = &request.guardrail_config {
        found.one_of(guardrail.trace.as_deref(), "guardrailConfig.trace", TRACES);
    }
    if let Some(performance) = &request.performance_config {
        found.one_of(performance.latency.as_deref(), "performanceConfig.latency", LATENCIES);
    }
    if let Some(tier) = &request.service_tier {
        found.required(&tier.kind, "serviceTier.type");
        found.one_of(tier.kind.as_deref(), "serviceTier.type", SERVICE_TIERS);
    }
    if let Some(format) = request.output_config.as_ref().and_then(|config| config.text_format.as_ref()) {
        found.required(&format.kind, "outputConfig.textFormat.type");
        found.one_of(format.kind.as_deref(), "outputConfig.textFormat.type", &["json_schema"]);
        found.required(&format.structure, "outputConfig.textFormat.structure");
    }
}

fn tool_name(found: &mut Constraints, name: &Option<Text<'_>>, path: &str) {
    found.required(name, path);
    if let Some(name) = name {
        found.length(name.len(), path, 1, 64);
        found.pattern(Some(name), path, "[a-zA-Z0-9_-]+", |c| c.is_ascii_alphanumeric() || "_-".contains(c));
    }
}

fn tool_use_id(found: &mut Constraints, id: &Option<Text<'_>>, path: &str) {
    found.required(id, path);
    if let Some(id) = id {
        found.length(id.len(), path, 1, 64);
        found.pattern(Some(id), path, "[a-zA-Z0-9_.:-]+", |c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
    }
}
