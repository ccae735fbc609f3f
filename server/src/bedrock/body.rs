//! The body of an answer.

use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::error::Failure;

/// The most that an answer may hold: what a gRPC message may, which in JSON is base64 and names. What is still too large as
/// a message, tonic refuses.
pub(super) const LIMIT: usize = crate::limits::MAX_MESSAGE_BYTES / 3 * 4 + 1024 * 1024;

/// The body of an answer. Dropping it unread closes the connection, which stops the generation.
pub(crate) struct Body(SdkBody);

impl Body {
    pub(super) fn new(body: SdkBody) -> Self {
        Self(body)
    }

    /// The next piece as it comes off the wire; `None` at the end.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the connection breaks.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(Failure::Truncated),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the connection breaks, [`Failure::ResponseTooLarge`] when it does not fit a message.
    pub(crate) async fn whole(mut self) -> Result<Bytes, Failure> {
        let expected = usize::try_from(self.0.size_hint().lower()).unwrap_or(usize::MAX);
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() == expected && expected <= LIMIT {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(expected.min(LIMIT).max(first.len()));
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
