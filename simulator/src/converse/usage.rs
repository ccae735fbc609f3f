//! The tokens of a request, and how many of them the prompt cache holds.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::content::{
    CachePointBlock, ContentBlock, GuardrailConverseContentBlock, ReasoningContentBlock, Source, SystemContentBlock,
    ToolResultContentBlock,
};
use super::request::{ConverseRequest, Tool, ToolInputSchema};
use crate::json::Text;
use crate::model_id::base_name;
use crate::prompt_cache::{Prefix, PromptCache};
use crate::tokens::{MEDIA, count};

/// Bedrock's TokenUsage: the three kinds of input tokens don't overlap, and the total is the sum of everything.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    pub(crate) input_tokens: usize,
    pub(crate) output_tokens: usize,
    pub(crate) total_tokens: usize,
    pub(crate) cache_read_input_tokens: usize,
    pub(crate) cache_write_input_tokens: usize,
    pub(crate) cache_details: Vec<CacheDetail>,
    pub(crate) future_member: Option<Box<RawValue>>,
    members: UsageMembers,
}

/// Which members Bedrock's usage has besides the token counts. Recordings show that it depends on the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum UsageMembers {
    /// The members of AWS's model, for ids that are the simulator's own.
    #[default]
    Documented,
    /// Claude from version 3 on: each cache count under two names, and `serverToolUsage`.
    Claude,
    /// Other models: `serverToolUsage`, and the cache counts if the request has a cache point.
    ServerTools { caches: bool },
    /// Titan and Claude 2: the token counts alone.
    TokensOnly,
}

impl UsageMembers {
    fn of_model(model_id: &str, caches: bool) -> Self {
        match base_name(model_id) {
            None => Self::Documented,
            Some(name) if name.starts_with("anthropic.claude-v2") || name.starts_with("amazon.titan") => {
                Self::TokensOnly
            }
            Some(name) if name.starts_with("anthropic.") => Self::Claude,
            Some(_) => Self::ServerTools { caches },
        }
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_cache_counts = match self.members {
            UsageMembers::Documented | UsageMembers::Claude => true,
            UsageMembers::ServerTools { caches } => caches,
            UsageMembers::TokensOnly => false,
        };
        let has_server_tools = matches!(self.members, UsageMembers::Claude | UsageMembers::ServerTools { .. });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("inputTokens", &self.input_tokens)?;
        map.serialize_entry("outputTokens", &self.output_tokens)?;
        map.serialize_entry("totalTokens", &self.total_tokens)?;
        if has_cache_counts {
            map.serialize_entry("cacheReadInputTokens", &self.cache_read_input_tokens)?;
            map.serialize_entry("cacheWriteInputTokens", &self.cache_write_input_tokens)?;
        }
        if has_cache_counts && has_server_tools {
            map.serialize_entry("cacheReadInputTokenCount", &self.cache_read_input_tokens)?;
            map.serialize_entry("cacheWriteInputTokenCount", &self.cache_write_input_tokens)?;
        }
        if !self.cache_details.is_empty() {
            map.serialize_entry("cacheDetails", &self.cache_details)?;
        }
        if has_server_tools {
            map.serialize_entry("serverToolUsage", &Empty {})?;
        }
        if let Some(member) = &self.future_member {
            map.serialize_entry("futureMember", member)?;
        }
        map.end()
    }
}

/// An object without members.
#[derive(Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheDetail {
    pub(crate) ttl: String,
    pub(crate) input_tokens: usize,
}

/// The same request once more, as raw text by block: what the cache is keyed on.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawRequest<'a> {
    #[serde(borrow)]
    tool_config: Option<RawTools<'a>>,
    #[serde(borrow)]
    system: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    messages: Option<Vec<RawMessage<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTools<'a> {
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMessage<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
}

/// A part of the prompt in the order tools, system, messages.
enum Part<'a> {
    /// So many tokens.
    Prompt(usize),
    CachePoint(&'a CachePointBlock<'a>),
}

/// All of a request's input tokens, whatever the cache may hold of them.
pub(crate) fn total(request: &ConverseRequest<'_>) -> usize {
    let tokens = parts(request).into_iter().map(|part| match part {
        Part::Prompt(tokens) => tokens,
        Part::CachePoint(_) => 0,
    });
    tokens.sum()
}

/// Counts a request's input against the cache, and remembers its prefixes there. Unlike Bedrock's, a prefix may be of
/// any length: a test's prompt need not have 1,024 tokens to be cached.
pub(super) fn input(model_id: &str, body: &[u8], request: &ConverseRequest<'_>, cache: &mut PromptCache) -> Usage {
    let parts = parts(request);
    let cached = parts.iter().any(|part| matches!(part, Part::CachePoint(_)));
    // Without a cachePoint there is no need to look at the body once more.
    let raw = if cached { raw_parts(body) } else { Vec::new() };

    let mut prefix = Prefix::new();
    prefix.add(model_id.as_bytes());
    let mut total = 0;
    let mut read = 0;
    let mut written = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Prompt(tokens) => {
                total += tokens;
                raw.get(index).into_iter().flatten().for_each(|text| prefix.add(text.as_bytes()));
            }
            Part::CachePoint(_) if cache.contains(prefix) => {
                // A longer prefix includes a shorter one, even one that has been forgotten.
                read = total;
                written.clear();
            }
            Part::CachePoint(point) => {
                let before = written.iter().map(|detail: &CacheDetail| detail.input_tokens);
                written.push(CacheDetail {
                    ttl: point.ttl.as_deref().unwrap_or("5m").to_owned(),
                    input_tokens: total - read - before.sum::<usize>(),
                });
                cache.insert(prefix);
            }
        }
    }
    let write = written.iter().map(|detail| detail.input_tokens).sum();
    Usage {
        input_tokens: total - read - write,
        output_tokens: 0,
        total_tokens: total,
        cache_read_input_tokens: read,
        cache_write_input_tokens: write,
        cache_details: merged(written),
        future_member: None,
        members: UsageMembers::of_model(model_id, cached),
    }
}

/// One entry a time to live.
fn merged(details: Vec<CacheDetail>) -> Vec<CacheDetail> {
    let mut merged: Vec<CacheDetail> = Vec::new();
    for detail in details {
        match merged.iter_mut().find(|other| other.ttl == detail.ttl) {
            Some(other) => other.input_tokens += detail.input_tokens,
            None => merged.push(detail),
        }
    }
    merged
}

/// The raw texts of each part, in step with [`parts`].
fn raw_parts(body: &[u8]) -> Vec<Vec<&str>> {
    let raw: RawRequest<'_> = serde_json::from_slice(body).unwrap_or_default();
    let tools = raw.tool_config.unwrap_or_default().tools.unwrap_or_default();
    let system = raw.system.unwrap_or_default();
    let mut parts: Vec<Vec<&str>> = tools.iter().chain(&system).map(|raw| vec![raw.get()]).collect();
    for message in raw.messages.unwrap_or_default() {
        let role = message.role.map_or("", RawValue::get);
        let blocks = message.content.unwrap_or_default();
        parts.extend(blocks.iter().map(|block| vec![role, block.get()]));
    }
    parts
}

fn parts<'a>(request: &'a ConverseRequest<'_>) -> Vec<Part<'a>> {
    let tools = request.tools().iter().map(|tool| match tool {
        Tool::CachePoint(point) => Part::CachePoint(point),
        tool => Part::Prompt(tool_tokens(tool)),
    });
    let system = request.system.iter().flatten().map(|block| match block {
        SystemContentBlock::CachePoint(point) => Part::CachePoint(point),
        SystemContentBlock::Text(text) => Part::Prompt(count(text)),
        SystemContentBlock::GuardContent(guarded) => Part::Prompt(guarded_tokens(guarded)),
        SystemContentBlock::Unrecognized | SystemContentBlock::Empty => Part::Prompt(0),
    });
    let content = request.messages().iter().flat_map(|message| message.content());
    let content = content.map(|block| match block {
        ContentBlock::CachePoint(point) => Part::CachePoint(point),
        block => Part::Prompt(block_tokens(block)),
    });
    tools.chain(system).chain(content).collect()
}

fn text(text: &Option<Text<'_>>) -> usize {
    text.as_deref().map_or(0, count)
}

fn tool_tokens(tool: &Tool<'_>) -> usize {
    match tool {
        Tool::ToolSpec(tool) => {
            let schema = match &tool.input_schema {
                Some(ToolInputSchema::Json(schema)) => count(schema.get()),
                _ => 0,
            };
            text(&tool.name) + text(&tool.description) + schema
        }
        Tool::SystemTool(tool) => text(&tool.name),
        Tool::CachePoint(_) | Tool::Unrecognized | Tool::Empty => 0,
    }
}

fn guarded_tokens(block: &GuardrailConverseContentBlock<'_>) -> usize {
    match block {
        GuardrailConverseContentBlock::Text(guarded) => text(&guarded.text),
        GuardrailConverseContentBlock::Image(_) => MEDIA,
        _ => 0,
    }
}

fn document_tokens(source: Option<&Source<'_>>) -> usize {
    match source {
        Some(Source::Text(text)) => count(text),
        Some(Source::Content(raw)) => count(raw.get()),
        _ => MEDIA,
    }
}

fn block_tokens(block: &ContentBlock<'_>) -> usize {
    match block {
        ContentBlock::Text(text) => count(text),
        ContentBlock::Image(_) | ContentBlock::Video(_) | ContentBlock::Audio(_) => MEDIA,
        ContentBlock::Document(document) => document_tokens(document.source.as_ref()),
        ContentBlock::ToolUse(tool) => text(&tool.name) + tool.input.map_or(0, |input| count(input.get())),
        ContentBlock::ToolResult(result) => result.content.iter().flatten().map(result_tokens).sum(),
        ContentBlock::GuardContent(guarded) => guarded_tokens(guarded),
        ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => text(&reasoning.text),
        ContentBlock::CitationsContent(raw)
        | ContentBlock::SearchResult(raw)
        | ContentBlock::ToolAddition(raw)
        | ContentBlock::ToolRemoval(raw) => count(raw.get()),
        ContentBlock::ReasoningContent(_)
        | ContentBlock::CachePoint(_)
        | ContentBlock::Unrecognized
        | ContentBlock::Empty => 0,
    }
}

fn result_tokens(block: &ToolResultContentBlock<'_>) -> usize {
    match block {
        ToolResultContentBlock::Json(raw) | ToolResultContentBlock::SearchResult(raw) => count(raw.get()),
        ToolResultContentBlock::Text(text) => count(text),
        ToolResultContentBlock::Image(_) | ToolResultContentBlock::Video(_) => MEDIA,
        ToolResultContentBlock::Document(document) => document_tokens(document.source.as_ref()),
        ToolResultContentBlock::Unrecognized | ToolResultContentBlock::Empty => 0,
    }
}

impl Usage {
    pub(super) fn with_output(mut self, tokens: usize) -> Self {
        self.output_tokens = tokens;
        self.total_tokens += tokens;
        self
    }
}
