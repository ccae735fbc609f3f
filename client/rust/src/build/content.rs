//! Messages and their content blocks.

use bedrock_grpc_schema::runtime::v1::{
    CachePointBlock, ContentBlock, DocumentBlock, DocumentSource, ImageBlock, ImageSource, Message, SystemContentBlock,
    content_block, document_source, image_source, system_content_block,
};
use bytes::Bytes;

use crate::vocabulary::{cache_point_type, role};

/// The content of a message: a text, a block, or several blocks.
pub trait IntoContent {
    /// Returns the blocks in order.
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

/// A user message: a text, or blocks such as images and tool results.
pub fn user(content: impl IntoContent) -> Message {
    message(role::USER, content)
}

/// A message of the model: an earlier turn, or the beginning of its response.
///
/// To continue a conversation, append the message of the response instead
/// ([`ConverseResponseExt::message`](crate::ConverseResponseExt::message)), unchanged.
pub fn assistant(content: impl IntoContent) -> Message {
    message(role::ASSISTANT, content)
}

/// A message with any [`role`].
pub fn message(role: impl Into<String>, content: impl IntoContent) -> Message {
    Message { role: Some(role.into()), content: content.into_content(), unrecognized: None }
}

/// A text block.
pub fn text(text: impl Into<String>) -> ContentBlock {
    block(content_block::Member::Text(text.into()))
}

/// A block with the bytes of an image file. [`vocabulary::image_format`](crate::vocabulary::image_format) lists the formats.
/// Bedrock accepts at most 3.75 MB and 8000 by 8000 pixels.
pub fn image(format: impl Into<String>, bytes: impl Into<Bytes>) -> ContentBlock {
    let source = ImageSource { member: Some(image_source::Member::Bytes(bytes.into())) };
    block(content_block::Member::Image(ImageBlock {
        format: Some(format.into()),
        source: Some(source),
        ..ImageBlock::default()
    }))
}

/// A block with the bytes of a document file. [`vocabulary::document_format`](crate::vocabulary::document_format) lists the
/// formats. The model sees `name`: use a neutral one. Bedrock accepts at most 4.5 MB and requires a text block in the same
/// message.
pub fn document(format: impl Into<String>, name: impl Into<String>, bytes: impl Into<Bytes>) -> ContentBlock {
    block(content_block::Member::Document(DocumentBlock {
        format: Some(format.into()),
        name: Some(name.into()),
        source: Some(DocumentSource { member: Some(document_source::Member::Bytes(bytes.into())) }),
        ..DocumentBlock::default()
    }))
}

/// The end of a prefix to cache, in a message: everything before it. The cache entry lives for the model's default time, five
/// minutes. For tools use [`tool_cache_point`](super::tool_cache_point), for the system prompt [`system_cache_point`].
#[must_use]
pub fn cache_point() -> ContentBlock {
    block(content_block::Member::CachePoint(default_cache_point()))
}

/// A text block of the system prompt.
pub fn system(text: impl Into<String>) -> SystemContentBlock {
    SystemContentBlock { member: Some(system_content_block::Member::Text(text.into())) }
}

/// The end of a prefix to cache, in the system prompt: the tools and the system prompt before it.
#[must_use]
pub fn system_cache_point() -> SystemContentBlock {
    SystemContentBlock { member: Some(system_content_block::Member::CachePoint(default_cache_point())) }
}

pub(super) fn block(member: content_block::Member) -> ContentBlock {
    ContentBlock { member: Some(member) }
}

pub(super) fn default_cache_point() -> CachePointBlock {
    CachePointBlock { r#type: Some(cache_point_type::DEFAULT.to_owned()), ..CachePointBlock::default() }
}
