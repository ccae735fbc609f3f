//! What the configuration of a model's name adds to Converse and ConverseStream: inference settings, a system prompt, and cache
//! points. Nothing that the caller has set is changed.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>

use bedrock_grpc_schema::runtime::v1::{
    CachePointBlock, InferenceConfiguration, Message, SystemContentBlock, Tool, ToolConfiguration, content_block,
    system_content_block, tool,
};

use crate::routing::ConverseDefaults;

/// The only type of cache point that AWS's model has.
const CACHE_POINT_TYPE: &str = "default";

/// The parts of a request that have defaults.
pub(super) struct RequestParts<'a> {
    pub(super) inference: &'a mut Option<InferenceConfiguration>,
    pub(super) system: &'a mut Vec<SystemContentBlock>,
    pub(super) tools: &'a mut Option<ToolConfiguration>,
    pub(super) messages: &'a [Message],
}

/// Adds the defaults.
pub(super) fn apply_defaults(request: RequestParts<'_>, defaults: &ConverseDefaults) {
    let RequestParts { inference, system, tools, messages } = request;
    if defaults.temperature.is_some() || defaults.top_p.is_some() || !defaults.stop_sequences.is_empty() {
        let inference = inference.get_or_insert_default();
        // Some models accept only one of the two, so a default never joins the caller's choice.
        if inference.temperature.is_none() && inference.top_p.is_none() {
            inference.temperature = defaults.temperature;
            inference.top_p = defaults.top_p;
        }
        if inference.stop_sequences.is_empty() {
            inference.stop_sequences.clone_from(&defaults.stop_sequences);
        }
    }
    if system.is_empty() {
        let block =
            |text: &String| SystemContentBlock { member: Some(system_content_block::Member::Text(text.clone())) };
        *system = defaults.system.iter().map(block).collect();
    }
    // A caller that sets cache points decides about all of them: there can be four at most, and their order matters.
    if has_cache_point(system, tools.as_ref(), messages) {
        return;
    }
    let point = || CachePointBlock { r#type: Some(CACHE_POINT_TYPE.to_owned()), ..CachePointBlock::default() };
    if let Some(tools) = tools.as_mut().filter(|tools| defaults.cache_tools && !tools.tools.is_empty()) {
        tools.tools.push(Tool { member: Some(tool::Member::CachePoint(point())) });
    }
    if defaults.cache_system && !system.is_empty() {
        system.push(SystemContentBlock { member: Some(system_content_block::Member::CachePoint(point())) });
    }
}

fn has_cache_point(system: &[SystemContentBlock], tools: Option<&ToolConfiguration>, messages: &[Message]) -> bool {
    let in_system =
        |block: &SystemContentBlock| matches!(block.member, Some(system_content_block::Member::CachePoint(_)));
    let in_tools = |tool: &Tool| matches!(tool.member, Some(tool::Member::CachePoint(_)));
    let mut content = messages.iter().flat_map(|message| &message.content);
    system.iter().any(in_system)
        || tools.is_some_and(|tools| tools.tools.iter().any(in_tools))
        || content.any(|block| matches!(block.member, Some(content_block::Member::CachePoint(_))))
}
