//! The body of a response.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use tokio_util::task::AbortOnDropHandle;

use super::connections::IncomingBody;
use crate::error::Failure;

/// Maximum size of a response in bytes: the largest gRPC message as base64, and room for the member names of its JSON. If
/// the message itself is too large, tonic rejects it.
pub(super) const LIMIT: usize = crate::limits::MAX_MESSAGE_BYTES / 3 * 4 + 1024 * 1024;

/// The body of a response. Dropping it before its end resets the stream from Bedrock, which stops the generation.
pub(crate) struct Body {
    incoming: IncomingBody,
    length: Option<u64>,
    /// The task that sends the input of a bidirectional stream. It ends with the response.
    _input: Option<AbortOnDropHandle<()>>,
}

impl Body {
    pub(super) fn new(headers: &HeaderMap, incoming: IncomingBody) -> Self {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self { length: incoming.length().or(declared), incoming, _input: None }
    }

    /// Adds the task that sends the input. The task ends when this body is dropped.
    pub(super) fn with_input(self, input: AbortOnDropHandle<()>) -> Self {
        Self { _input: Some(input), ..self }
    }

    /// The next piece as it arrives from the network; `None` at the end.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the connection or the stream breaks.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        poll_data(|| self.incoming.poll_chunk(cx))
    }

    /// The next piece as it arrives from the network; `None` at the end.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the connection or the stream breaks.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`Failure::TruncatedResponse`] when the connection breaks, [`Failure::ResponseTooLarge`] when it does not fit a message.
    pub(crate) async fn read_to_end(self) -> Result<Bytes, Failure> {
        let expected = self.length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if expected.is_some_and(|expected| expected > LIMIT) {
            return Err(Failure::ResponseTooLarge(LIMIT));
        }
        self.collect(expected).await.map_err(|failure| match failure {
            Failure::Truncated => Failure::TruncatedResponse,
            failure => failure,
        })
    }

    async fn collect(mut self, expected: Option<usize>) -> Result<Bytes, Failure> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if Some(first.len()) == expected {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(expected.unwrap_or_default().max(first.len()));
        whole.extend_from_slice(&first);
        while let Some(data) = self.chunk().await? {
            if whole.len() + data.len() > LIMIT {
                return Err(Failure::ResponseTooLarge(LIMIT));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// The next piece that has data; `None` at the end. HTTP/2 may send frames without data, and an empty piece is not an empty body.
fn poll_data(mut poll_frame: impl FnMut() -> Poll<Option<Result<Bytes, ()>>>) -> Poll<Result<Option<Bytes>, Failure>> {
    loop {
        return Poll::Ready(match ready!(poll_frame()) {
            Some(Ok(data)) if data.is_empty() => continue,
            Some(Ok(data)) => Ok(Some(data)),
            Some(Err(())) => Err(Failure::Truncated),
            None => Ok(None),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_without_data_are_skipped() {
        let mut frames = [Bytes::new(), Bytes::new(), Bytes::from_static(b"data"), Bytes::new()].into_iter();
        let mut poll = || poll_data(|| Poll::Ready(frames.next().map(Ok)));
        assert!(matches!(poll(), Poll::Ready(Ok(Some(data))) if data == "data"));
        assert!(matches!(poll(), Poll::Ready(Ok(None))));
    }
}
