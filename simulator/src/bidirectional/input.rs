//! The request body of a bidirectional stream: frames in frames.
//!
//! Under SigV4, a client wraps each event's frame in an outer one that has `:date` and `:chunk-signature` as headers;
//! one without a payload says that nothing follows. With an API key there is nothing to sign, and no outer frame.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;

use crate::exception::Exception;
use crate::json::Text;

/// More than AWS allows in a frame (16 MB of payload); a length beyond it is nonsense that would be waited for.
const MAX_FRAME: usize = 24 * 1024 * 1024;
/// The start of a frame that holds its length.
const LENGTH: usize = size_of::<u32>();

/// Bytes on their way to chunks.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Not yet decoded.
    buffer: BytesMut,
    ended: bool,
}

/// BidirectionalInputPayloadPart
#[derive(Deserialize)]
struct PayloadPart<'a> {
    #[serde(borrow)]
    bytes: Option<Text<'a>>,
}

impl Input {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Whether the empty frame has come that says that nothing follows.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next chunk's bytes in base64, as sent.
    pub(super) fn next_chunk(&mut self) -> Result<Option<String>, Exception> {
        let Some(frame) = self.next_frame()? else { return Ok(None) };
        let is_outer = has_header(&frame, ":chunk-signature");
        if is_outer && frame.payload().is_empty() {
            self.ended = true;
            return Ok(None);
        }
        let event = match is_outer {
            true => read_message_from(frame.payload().clone())
                .map_err(|error| malformed(format!("a signed frame holds no frame: {error}")))?,
            false => frame,
        };
        chunk(&event).map(Some)
    }

    /// The body has ended: was that at the end of a frame?
    pub(super) fn finish(&self) -> Result<(), Exception> {
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Err(malformed("the request body ends within a frame".to_owned())),
        }
    }

    fn next_frame(&mut self) -> Result<Option<Message>, Exception> {
        let length = self.buffer.first_chunk::<LENGTH>().map(|length| u32::from_be_bytes(*length));
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return Ok(None) };
        if length > MAX_FRAME {
            return Err(malformed(format!("a frame claims to have {length} bytes")));
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        let frame = self.buffer.split_to(length).freeze();
        read_message_from(frame).map(Some).map_err(|error| malformed(error.to_string()))
    }
}

fn chunk(event: &Message) -> Result<String, Exception> {
    let event_type = header(event, ":event-type").unwrap_or_default();
    if event_type != "chunk" {
        return Err(malformed(format!("the event type '{event_type}' is unknown")));
    }
    let part: PayloadPart<'_> =
        serde_json::from_slice(event.payload()).map_err(|error| malformed(format!("a chunk is not JSON: {error}")))?;
    let bytes = part.bytes.as_deref().unwrap_or_default();
    match STANDARD.decode(bytes) {
        Ok(_) => Ok(bytes.to_owned()),
        Err(_) => Err(malformed("the bytes of a chunk are not base64".to_owned())),
    }
}

fn has_header(frame: &Message, name: &str) -> bool {
    frame.headers().iter().any(|header| header.name().as_str() == name)
}

fn header<'a>(frame: &'a Message, name: &str) -> Option<&'a str> {
    let header = frame.headers().iter().find(|header| header.name().as_str() == name)?;
    Some(header.value().as_string().ok()?.as_str())
}

fn malformed(what: String) -> Exception {
    Exception::validation(format!("The input stream could not be read: {what}."))
}
