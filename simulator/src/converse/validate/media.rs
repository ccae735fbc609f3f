//! Images, documents, videos and recordings: their number, size and names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::converse::content::{ContentBlock, DocumentBlock, Source, ToolResultContentBlock};
use crate::converse::request::ConverseRequest;
use crate::exception::Exception;

const MAX_IMAGES: usize = 20;
const MAX_DOCUMENTS: usize = 5;
const MAX_CACHE_POINTS: usize = 4;
/// Bedrock's limit is 3.75 MB an image for most models and 25 MB a request; only the latter is kept here.
const MAX_BYTES: usize = 25_000_000;

#[derive(Default)]
struct Tally {
    images: usize,
    documents: usize,
    bytes: usize,
}

pub(super) fn check(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    let mut tally = Tally::default();
    for (index, message) in request.messages().iter().enumerate() {
        for (position, block) in message.content().iter().enumerate() {
            tally.content_block(block, &format!("messages.{index}.content.{position}"))?;
        }
        let has_text = message
            .content()
            .iter()
            .any(|block| matches!(block, ContentBlock::Text(_) | ContentBlock::GuardContent(_)));
        let has_document = message.content().iter().any(|block| matches!(block, ContentBlock::Document(_)));
        if has_document && !has_text {
            return refuse(
                "A text block must be included when using documents. Add a text block and retry your request.",
            );
        }
    }
    if tally.images > MAX_IMAGES {
        return refuse(format!("The request holds {} images; the maximum is {MAX_IMAGES}.", tally.images));
    }
    if tally.documents > MAX_DOCUMENTS {
        return refuse(format!("The request holds {} documents; the maximum is {MAX_DOCUMENTS}.", tally.documents));
    }
    if tally.bytes > MAX_BYTES {
        return refuse("The images, documents and videos of the request are larger than 25 MB in all.");
    }
    cache_points(request)
}

fn cache_points(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    use crate::converse::{content::SystemContentBlock, request::Tool};
    let tools = request.tools().iter().filter(|tool| matches!(tool, Tool::CachePoint(_))).count();
    let system = request.system.iter().flatten();
    let system = system.filter(|block| matches!(block, SystemContentBlock::CachePoint(_))).count();
    let content = request.messages().iter().flat_map(|message| message.content());
    let content = content.filter(|block| matches!(block, ContentBlock::CachePoint(_))).count();
    match tools + system + content {
        count if count > MAX_CACHE_POINTS => {
            refuse(format!("The request holds {count} cache points; the maximum is {MAX_CACHE_POINTS}."))
        }
        _ => Ok(()),
    }
}

impl Tally {
    fn content_block(&mut self, block: &ContentBlock<'_>, path: &str) -> Result<(), Exception> {
        match block {
            ContentBlock::Image(image) => {
                self.images += 1;
                self.source(image.source.as_ref(), &format!("{path}.image.source"))
            }
            ContentBlock::Document(document) => self.document(document, path),
            ContentBlock::Video(video) => self.source(video.source.as_ref(), &format!("{path}.video.source")),
            ContentBlock::Audio(audio) => self.source(audio.source.as_ref(), &format!("{path}.audio.source")),
            ContentBlock::ToolResult(result) => {
                for (index, block) in result.content.iter().flatten().enumerate() {
                    let path = format!("{path}.toolResult.content.{index}");
                    match block {
                        ToolResultContentBlock::Image(image) => {
                            self.images += 1;
                            self.source(image.source.as_ref(), &format!("{path}.image.source"))?;
                        }
                        ToolResultContentBlock::Document(document) => self.document(document, &path)?,
                        ToolResultContentBlock::Video(video) => {
                            self.source(video.source.as_ref(), &format!("{path}.video.source"))?;
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn document(&mut self, document: &DocumentBlock<'_>, path: &str) -> Result<(), Exception> {
        self.documents += 1;
        let name = document.name.as_deref().unwrap_or_default();
        let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "-_()[]".contains(c);
        let spaces = name.chars().zip(name.chars().skip(1)).any(|(a, b)| a.is_whitespace() && b.is_whitespace());
        if spaces || !name.chars().all(allowed) {
            return refuse(
                "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, \
                 parentheses, and square brackets. The name can't contain more than one consecutive whitespace \
                 character.",
            );
        }
        self.source(document.source.as_ref(), &format!("{path}.document.source"))
    }

    fn source(&mut self, source: Option<&Source<'_>>, path: &str) -> Result<(), Exception> {
        match source {
            Some(Source::Bytes(bytes)) => match STANDARD.decode(bytes.as_bytes()) {
                Ok(decoded) if decoded.is_empty() => refuse(format!(
                    "The bytes field at {path} is empty. Add content to the bytes field, and try again."
                )),
                Ok(decoded) => {
                    self.bytes += decoded.len();
                    Ok(())
                }
                Err(_) => Err(Exception::serialization(format!("The value at {path}.bytes is not valid base64."))),
            },
            Some(Source::Empty) => {
                refuse(format!("The source object at {path} must set one of the following keys: bytes, s3Location."))
            }
            _ => Ok(()),
        }
    }
}

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), Exception> {
    Err(Exception::validation(message))
}
