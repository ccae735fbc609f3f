//! A content block that is built from its deltas.

use bedrock_grpc_schema::runtime::v1::content_block::Member as Content;
use bedrock_grpc_schema::runtime::v1::content_block_delta::Member as Delta;
use bedrock_grpc_schema::runtime::v1::content_block_start::Member as Start;
use bedrock_grpc_schema::runtime::v1::image_source::Member as Source;
use bedrock_grpc_schema::runtime::v1::reasoning_content_block::Member as Reasoning;
use bedrock_grpc_schema::runtime::v1::reasoning_content_block_delta::Member as ReasoningDelta;
use bedrock_grpc_schema::runtime::v1::{
    Citation, CitationGeneratedContent, CitationSourceContent, CitationsContentBlock, CitationsDelta, ContentBlock,
    ErrorBlock, ImageBlock, ImageBlockDelta, ImageSource, ReasoningContentBlock, ReasoningTextBlock, ToolResultBlock,
    ToolResultBlockDelta, ToolResultContentBlock, ToolUseBlock, ToolUseBlockStart, citation_generated_content,
    citation_source_content, tool_result_block_delta, tool_result_content_block, tool_use_block::InputForm,
};
use serde_json::value::RawValue;

use super::error::AssembleError;

#[derive(Debug, Clone)]
pub(super) enum Block {
    Text {
        text: String,
        citations: Vec<Citation>,
    },
    ToolUse {
        start: ToolUseBlockStart,
        input: String,
    },
    ToolResult(ToolResultBlock),
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    Redacted(Vec<u8>),
    Image {
        format: Option<String>,
        bytes: Vec<u8>,
        /// A source other than bytes, for example an S3 location.
        reference: Option<Source>,
        error: Option<ErrorBlock>,
    },
    /// A block to which no delta can be joined.
    Unjoinable(Content),
}

/// Joins a delta to the last block of an index that accepts it, or adds a new block.
pub(super) fn add_delta(blocks: &mut Vec<Block>, delta: &Delta) {
    if matches!(delta, Delta::ReasoningContent(delta) if delta.member.is_none()) {
        return;
    }
    if !blocks.iter_mut().rev().any(|block| block.join(delta)) {
        let mut block = Block::empty_for(delta);
        block.join(delta);
        blocks.push(block);
    }
}

impl Block {
    pub(super) fn start(start: &Start) -> Self {
        match start {
            Start::ToolUse(start) => Self::ToolUse { start: start.clone(), input: String::new() },
            Start::ToolResult(start) => Self::ToolResult(ToolResultBlock {
                tool_use_id: start.tool_use_id.clone(),
                content: Vec::new(),
                status: start.status.clone(),
                r#type: start.r#type.clone(),
                unrecognized: start.unrecognized.clone(),
            }),
            Start::Image(start) => Self::image(start.format.clone()),
            Start::Unrecognized(document) => Self::Unjoinable(Content::Unrecognized(document.clone())),
        }
    }

    /// An empty block of the kind of `delta`. Text and reasoning have no start event. For a tool or an image the start event
    /// is missing, and so is the tool's name.
    fn empty_for(delta: &Delta) -> Self {
        match delta {
            Delta::Text(_) | Delta::Citation(_) => Self::Text { text: String::new(), citations: Vec::new() },
            Delta::ToolUse(_) => Self::ToolUse { start: ToolUseBlockStart::default(), input: String::new() },
            Delta::ToolResult(_) => Self::ToolResult(ToolResultBlock::default()),
            Delta::ReasoningContent(delta) => match &delta.member {
                Some(ReasoningDelta::RedactedContent(_)) => Self::Redacted(Vec::new()),
                Some(ReasoningDelta::Unrecognized(document)) => {
                    let member = Some(Reasoning::Unrecognized(document.clone()));
                    Self::Unjoinable(Content::ReasoningContent(ReasoningContentBlock { member }))
                }
                _ => Self::Reasoning { text: String::new(), signature: None },
            },
            Delta::Image(_) => Self::image(None),
            Delta::Unrecognized(document) => Self::Unjoinable(Content::Unrecognized(document.clone())),
        }
    }

    fn image(format: Option<String>) -> Self {
        Self::Image { format, bytes: Vec::new(), reference: None, error: None }
    }

    /// Joins `delta` to this block. Returns false if the delta has another kind.
    fn join(&mut self, delta: &Delta) -> bool {
        match (self, delta) {
            (Self::Text { text, .. }, Delta::Text(more)) => text.push_str(more),
            (Self::Text { citations, .. }, Delta::Citation(delta)) => citations.push(citation(delta)),
            (Self::ToolUse { input, .. }, Delta::ToolUse(delta)) => {
                input.push_str(delta.input.as_deref().unwrap_or_default())
            }
            (Self::ToolResult(result), Delta::ToolResult(deltas)) => {
                deltas.values.iter().for_each(|delta| add_tool_result(&mut result.content, delta));
            }
            (Self::Image { bytes, reference, error, .. }, Delta::Image(delta)) => {
                return join_image(bytes, reference, error, delta);
            }
            (block, Delta::ReasoningContent(delta)) => {
                return delta.member.as_ref().is_some_and(|delta| block.join_reasoning(delta));
            }
            _ => return false,
        }
        true
    }

    fn join_reasoning(&mut self, delta: &ReasoningDelta) -> bool {
        match (self, delta) {
            (Self::Reasoning { text, .. }, ReasoningDelta::Text(more)) => text.push_str(more),
            (Self::Reasoning { signature, .. }, ReasoningDelta::Signature(more)) => {
                signature.get_or_insert_default().push_str(more);
            }
            (Self::Redacted(bytes), ReasoningDelta::RedactedContent(more)) => bytes.extend_from_slice(more),
            _ => return false,
        }
        true
    }

    /// The content block for the response. `None` for a text or reasoning block without content.
    pub(super) fn finish(self, index: i32, stop_reason: Option<&str>) -> Result<Option<ContentBlock>, AssembleError> {
        let member = match self {
            Self::Text { text, citations } if citations.is_empty() && text.is_empty() => return Ok(None),
            Self::Text { text, citations } if citations.is_empty() => Content::Text(text),
            Self::Text { text, citations } => Content::CitationsContent(CitationsContentBlock {
                content: cited_text(text),
                citations,
                unrecognized: None,
            }),
            Self::ToolUse { start, input } => Content::ToolUse(tool_use(start, &input, index, stop_reason)?),
            Self::ToolResult(result) => Content::ToolResult(result),
            Self::Reasoning { text, signature: None } if text.is_empty() => return Ok(None),
            Self::Reasoning { text, signature } => reasoning(Reasoning::ReasoningText(ReasoningTextBlock {
                text: Some(text),
                signature,
                unrecognized: None,
            })),
            Self::Redacted(bytes) => reasoning(Reasoning::RedactedContent(bytes.into())),
            Self::Image { format, bytes, reference, error } => {
                let source = reference.or_else(|| (!bytes.is_empty()).then(|| Source::Bytes(bytes.into())));
                let source = source.map(|member| ImageSource { member: Some(member) });
                Content::Image(ImageBlock { format, source, error, unrecognized: None })
            }
            Self::Unjoinable(content) => content,
        };
        Ok(Some(ContentBlock { member: Some(member) }))
    }
}

fn reasoning(member: Reasoning) -> Content {
    Content::ReasoningContent(ReasoningContentBlock { member: Some(member) })
}

/// A citation may have no text in its block.
fn cited_text(text: String) -> Vec<CitationGeneratedContent> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![CitationGeneratedContent { member: Some(citation_generated_content::Member::Text(text)) }]
}

fn citation(delta: &CitationsDelta) -> Citation {
    let passage = delta.source_content.iter().filter_map(|part| part.text.clone());
    let source_content = passage
        .map(|text| CitationSourceContent { member: Some(citation_source_content::Member::Text(text)) })
        .collect();
    Citation {
        title: delta.title.clone(),
        source: delta.source.clone(),
        source_content,
        location: delta.location.clone(),
        unrecognized: delta.unrecognized.clone(),
    }
}

/// A tool use with the JSON text as it arrived, which Converse would return.
fn tool_use(
    start: ToolUseBlockStart,
    input: &str,
    index: i32,
    stop_reason: Option<&str>,
) -> Result<ToolUseBlock, AssembleError> {
    let json = match input.trim() {
        "" => "{}",
        text if serde_json::from_str::<&RawValue>(text).is_ok() => text,
        _ => {
            return Err(AssembleError::ToolInput {
                index,
                name: start.name.unwrap_or_default(),
                tool_use_id: start.tool_use_id.unwrap_or_default(),
                stop_reason: stop_reason.unwrap_or_default().to_owned(),
            });
        }
    };
    Ok(ToolUseBlock {
        tool_use_id: start.tool_use_id,
        name: start.name,
        input_form: Some(InputForm::InputJson(json.to_owned())),
        r#type: start.r#type,
        unrecognized: start.unrecognized,
    })
}

fn add_tool_result(content: &mut Vec<ToolResultContentBlock>, delta: &ToolResultBlockDelta) {
    use tool_result_block_delta::Member as From;
    use tool_result_content_block::Member as To;
    let last = content.last_mut().and_then(|block| block.member.as_mut());
    let member = match (delta.member.as_ref(), last) {
        (Some(From::Text(more)), Some(To::Text(text))) => return text.push_str(more),
        (Some(From::Text(text)), _) => To::Text(text.clone()),
        (Some(From::Json(json)), _) => To::Json(json.clone()),
        (Some(From::JsonText(json)), _) => To::JsonText(json.clone()),
        (Some(From::Unrecognized(document)), _) => To::Unrecognized(document.clone()),
        (None, _) => return,
    };
    content.push(ToolResultContentBlock { member: Some(member) });
}

fn join_image(
    bytes: &mut Vec<u8>,
    reference: &mut Option<Source>,
    error: &mut Option<ErrorBlock>,
    delta: &ImageBlockDelta,
) -> bool {
    match (delta.source.as_ref().and_then(|source| source.member.as_ref()), &reference) {
        (None, _) => {}
        (Some(Source::Bytes(more)), None) => bytes.extend_from_slice(more),
        (Some(source), None) if bytes.is_empty() => *reference = Some(source.clone()),
        _ => return false,
    }
    if delta.error.is_some() {
        error.clone_from(&delta.error);
    }
    true
}
