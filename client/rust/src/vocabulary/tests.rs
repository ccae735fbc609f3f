//! Compares the constants with "Known values: ..." in the schema's comments, in both directions.

use std::collections::BTreeSet;

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use super::*;

const FIELDS: &[(&str, &str, &[&str])] = &[
    ("Message", "role", role::ALL),
    ("MessageStartEvent", "role", role::ALL),
    ("ConverseResponse", "stop_reason", stop_reason::ALL),
    ("MessageStopEvent", "stop_reason", stop_reason::ALL),
    ("ImageBlock", "format", image_format::ALL),
    ("ImageBlockStart", "format", image_format::ALL),
    ("DocumentBlock", "format", document_format::ALL),
    ("VideoBlock", "format", video_format::ALL),
    ("AudioBlock", "format", audio_format::ALL),
    ("ServiceTier", "type", service_tier::ALL),
    ("PerformanceConfiguration", "latency", latency::ALL),
    ("OutputConfig", "effort", effort::ALL),
    ("OutputFormat", "type", output_format_type::ALL),
    ("ToolUseBlock", "type", tool_use_type::ALL),
    ("ToolUseBlockStart", "type", tool_use_type::ALL),
    ("ToolResultBlock", "status", tool_result_status::ALL),
    ("ToolResultBlockStart", "status", tool_result_status::ALL),
    ("CachePointBlock", "type", cache_point_type::ALL),
    ("CachePointBlock", "ttl", cache_ttl::ALL),
    ("CacheDetail", "ttl", cache_ttl::ALL),
    ("GuardrailConfiguration", "trace", guardrail_trace::ALL),
    ("GuardrailStreamConfiguration", "trace", guardrail_trace::ALL),
    ("GuardrailStreamConfiguration", "stream_processing_mode", guardrail_stream_processing_mode::ALL),
    ("GuardrailConverseTextBlock", "qualifiers", guardrail_qualifier::ALL),
];

#[test]
fn constants_equal_the_known_values_of_the_schema() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    for (message, field, constants) in FIELDS {
        let comment = set.file.iter().find_map(|file| comment(file, message, field));
        let known = known_values(&comment.unwrap_or_else(|| panic!("{message}.{field} has no comment")));
        assert_eq!(known, constants.iter().map(|&c| c.to_owned()).collect(), "{message}.{field}");
    }
}

fn comment(file: &FileDescriptorProto, message: &str, field: &str) -> Option<String> {
    let m = file.message_type.iter().position(|m| m.name() == message)?;
    let f = file.message_type[m].field.iter().position(|f| f.name() == field)?;
    // 4: a file's messages, 2: a message's fields.
    let path = [4, i32::try_from(m).unwrap(), 2, i32::try_from(f).unwrap()];
    let locations = &file.source_code_info.as_ref()?.location;
    locations.iter().find(|location| location.path == path).map(|location| location.leading_comments().to_owned())
}

/// The words in backticks after "Known values:". In a list these are the first words of the items, in a sentence those
/// outside parentheses.
fn known_values(comment: &str) -> BTreeSet<String> {
    let (_, values) = comment.split_once("Known values:").unwrap();
    if values.trim_start().starts_with("- ") {
        let items = values.lines().filter_map(|line| line.trim().strip_prefix("- `"));
        return items.map(|item| item.split('`').next().unwrap().to_owned()).collect();
    }
    let mut outside = String::new();
    let mut depth = 0;
    for c in values.chars() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            '.' if depth == 0 => break,
            _ => 0,
        };
        if depth == 0 {
            outside.push(c);
        }
    }
    outside.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
