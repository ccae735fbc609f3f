//! Event-stream frames, read as they are asked for.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html> describes the framing; Smithy the
//! headers: <https://smithy.io/2.0/aws/amazon-eventstream.html>.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::{Bytes, BytesMut};

use super::Body;
use super::body::LIMIT;
use crate::error::{Exception, Failure};

/// One event of a stream.
#[derive(Debug)]
pub struct Frame {
    /// `:event-type`, as `contentBlockDelta`.
    pub event: String,
    /// The payload: JSON.
    pub payload: Bytes,
}

/// Decodes a body as it is polled: nothing is read ahead of what the caller takes, so flow control reaches Bedrock.
pub struct Frames {
    body: Body,
    buffer: BytesMut,
    decoder: MessageFrameDecoder,
    /// Whether the decoder holds the start of a frame: it takes the prelude out of the buffer before the rest is there.
    within_frame: bool,
}

impl Frames {
    /// Reads `body` as an event stream.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), decoder: MessageFrameDecoder::new(), within_frame: false }
    }

    /// The next event; `None` when the stream ends between two frames.
    ///
    /// # Errors
    /// The exception that stands in the stream (`:message-type` `exception` or `error`), [`Failure::Truncated`] when the
    /// stream ends within a frame or the connection breaks, [`Failure::Undecodable`] when a frame's checksum is wrong.
    pub async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            let before = self.buffer.len();
            match self.decoder.decode_frame(&mut self.buffer) {
                Ok(DecodedFrame::Complete(message)) => {
                    self.within_frame = false;
                    return read(&message).map(Some);
                }
                Ok(DecodedFrame::Incomplete) => {
                    self.within_frame |= self.buffer.len() < before;
                    match self.body.chunk().await? {
                        Some(data) if self.buffer.len() + data.len() > LIMIT => {
                            return Err(Failure::AnswerTooLarge(LIMIT));
                        }
                        Some(data) => self.buffer.extend_from_slice(&data),
                        None if self.buffer.is_empty() && !self.within_frame => return Ok(None),
                        None => return Err(Failure::Truncated),
                    }
                }
                Err(error) => return Err(Failure::Undecodable(format!("a frame of the stream: {error}"))),
            }
        }
    }
}

fn read(message: &Message) -> Result<Frame, Failure> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|h| h.name().as_str() == name);
        header.and_then(|h| h.value().as_string().ok()).map(|s| s.as_str())
    };
    match header(":message-type") {
        Some("event") => match header(":event-type") {
            Some(event) => Ok(Frame { event: event.to_owned(), payload: message.payload().clone() }),
            None => Err(Failure::Undecodable("an event without :event-type".to_owned())),
        },
        Some("exception") => Err(Failure::Exception(Exception::parse(header(":exception-type"), message.payload()))),
        // Unmodelled errors carry no payload but name themselves in headers.
        Some("error") => {
            let mut exception = Exception::parse(header(":error-code"), &[]);
            exception.message = header(":error-message").unwrap_or_default().to_owned();
            Err(Failure::Exception(exception))
        }
        _ => Err(Failure::Undecodable("a frame without :message-type".to_owned())),
    }
}
