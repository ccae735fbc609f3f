//! The events of a stream, read when the caller takes them.

use bytes::Bytes;

use super::Body;
use super::body::LIMIT;
use super::event_stream::{self, FrameError, FrameReader};
use crate::error::{Exception, Failure};

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Frame {
    /// `:event-type`, as `contentBlockDelta`.
    pub(crate) event: String,
    /// The payload: JSON.
    pub(crate) payload: Bytes,
}

/// Decodes a body as it is polled: nothing is read before the caller takes it, so flow control reaches Bedrock.
pub(crate) struct Frames {
    body: Body,
    reader: FrameReader,
}

impl Frames {
    /// Reads `body` as an event stream.
    #[must_use]
    pub(crate) fn new(body: Body) -> Self {
        Self { body, reader: FrameReader::new(LIMIT) }
    }

    /// The next event; `None` when the stream ends between two frames.
    ///
    /// # Errors
    /// The exception that the stream contains (`:message-type` `exception` or `error`), [`Failure::Truncated`] when the
    /// stream ends within a frame or the connection breaks, [`Failure::Undecodable`] when a frame's checksum is wrong,
    /// [`Failure::ResponseTooLarge`] when a frame does not fit a message.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            if let Some(frame) = self.reader.next()? {
                return read(&frame).map(Some);
            }
            match self.body.chunk().await? {
                Some(data) => self.reader.push(data),
                None if self.reader.is_between_frames() => return Ok(None),
                None => return Err(Failure::Truncated),
            }
        }
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { limit, .. } => Self::ResponseTooLarge(limit),
            error => Self::Undecodable(error.to_string()),
        }
    }
}

fn read(frame: &event_stream::Frame) -> Result<Frame, Failure> {
    match frame.header(":message-type") {
        Some("event") => match frame.header(":event-type") {
            Some(event) => Ok(Frame { event: event.to_owned(), payload: Bytes::copy_from_slice(frame.payload()) }),
            None => Err(Failure::Undecodable("an event without :event-type".to_owned())),
        },
        Some("exception") => {
            Err(Failure::Exception(Exception::parse(frame.header(":exception-type"), frame.payload())))
        }
        // An error that AWS's model does not have has no payload. Its name and message are in headers.
        Some("error") => {
            let mut exception = Exception::parse(frame.header(":error-code"), &[]);
            exception.message = frame.header(":error-message").unwrap_or_default().to_owned();
            Err(Failure::Exception(exception))
        }
        _ => Err(Failure::Undecodable("a frame without :message-type".to_owned())),
    }
}
