//! The content blocks of a conversation, as AWS's API reference names them. Members that the simulator neither
//! checks nor answers with are not listed: serde skips them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Text, union};

union! {
    ContentBlock<'a> {
        "text" => Text(Text<'a>),
        "image" => Image(ImageBlock<'a>),
        "document" => Document(DocumentBlock<'a>),
        "video" => Video(MediaBlock<'a>),
        "audio" => Audio(MediaBlock<'a>),
        "toolUse" => ToolUse(ToolUseBlock<'a>),
        "toolResult" => ToolResult(ToolResultBlock<'a>),
        "guardContent" => GuardContent(GuardrailConverseContentBlock<'a>),
        "cachePoint" => CachePoint(CachePointBlock<'a>),
        "reasoningContent" => ReasoningContent(ReasoningContentBlock<'a>),
        "citationsContent" => CitationsContent(&'a RawValue),
        "searchResult" => SearchResult(&'a RawValue),
        "toolAddition" => ToolAddition(&'a RawValue),
        "toolRemoval" => ToolRemoval(&'a RawValue),
    }
}

union! {
    SystemContentBlock<'a> {
        "text" => Text(Text<'a>),
        "guardContent" => GuardContent(GuardrailConverseContentBlock<'a>),
        "cachePoint" => CachePoint(CachePointBlock<'a>),
    }
}

union! {
    ToolResultContentBlock<'a> {
        "json" => Json(&'a RawValue),
        "text" => Text(Text<'a>),
        "image" => Image(ImageBlock<'a>),
        "document" => Document(DocumentBlock<'a>),
        "video" => Video(MediaBlock<'a>),
        "searchResult" => SearchResult(&'a RawValue),
    }
}

union! {
    GuardrailConverseContentBlock<'a> {
        "text" => Text(GuardrailConverseTextBlock<'a>),
        "image" => Image(ImageBlock<'a>),
    }
}

union! {
    /// Where an image, a document, a video or a recording comes from; the last two members are a document's.
    Source<'a> {
        "bytes" => Bytes(Text<'a>),
        "s3Location" => S3Location(&'a RawValue),
        "text" => Text(Text<'a>),
        "content" => Content(&'a RawValue),
    }
}

union! {
    ReasoningContentBlock<'a> {
        "reasoningText" => ReasoningText(ReasoningTextBlock<'a>),
        "redactedContent" => RedactedContent(Text<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ImageBlock<'a> {
    #[serde(borrow)]
    pub(crate) format: Option<Text<'a>>,
    pub(crate) source: Option<Source<'a>>,
}

/// A video or a recording: no format of theirs is refused.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MediaBlock<'a> {
    #[serde(borrow)]
    pub(crate) source: Option<Source<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DocumentBlock<'a> {
    #[serde(borrow)]
    pub(crate) format: Option<Text<'a>>,
    pub(crate) name: Option<Text<'a>>,
    pub(crate) source: Option<Source<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolUseBlock<'a> {
    #[serde(borrow)]
    pub(crate) tool_use_id: Option<Text<'a>>,
    pub(crate) name: Option<Text<'a>>,
    pub(crate) input: Option<&'a RawValue>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolResultBlock<'a> {
    #[serde(borrow)]
    pub(crate) tool_use_id: Option<Text<'a>>,
    pub(crate) content: Option<Vec<ToolResultContentBlock<'a>>>,
    pub(crate) status: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GuardrailConverseTextBlock<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CachePointBlock<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Text<'a>>,
    pub(crate) ttl: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReasoningTextBlock<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<Text<'a>>,
}
