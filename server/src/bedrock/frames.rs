//! The events of a stream, read when the caller takes them.

use std::task::{Context, Poll, ready};

use super::Body;
use super::body::LIMIT;
use super::event_stream::{self, FrameError, FrameReader};
use crate::error::{Exception, Failure};

/// One event of a stream. It shares the memory of the chunk in which it arrived.
#[derive(Debug)]
pub(crate) struct Frame(event_stream::Frame);

impl Frame {
    /// `:event-type`, as `contentBlockDelta`.
    pub(crate) fn event(&self) -> &str {
        self.0.header(":event-type").unwrap_or_default()
    }

    /// The payload: JSON.
    pub(crate) fn payload(&self) -> &[u8] {
        self.0.payload()
    }
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
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, Failure>> {
        loop {
            if let Some(frame) = self.reader.next()? {
                return Poll::Ready(check_event(frame).map(Some));
            }
            match ready!(self.body.poll_chunk(cx))? {
                Some(data) => self.reader.push(data),
                None if self.reader.is_between_frames() => return Poll::Ready(Ok(None)),
                None => return Poll::Ready(Err(Failure::Truncated)),
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

/// An event, or the failure that a frame of another type stands for.
fn check_event(frame: event_stream::Frame) -> Result<Frame, Failure> {
    match frame.header(":message-type") {
        Some("event") if frame.header(":event-type").is_some() => Ok(Frame(frame)),
        Some("event") => Err(Failure::Undecodable("an event without :event-type".to_owned())),
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
