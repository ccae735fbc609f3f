//! A streamed response with its metadata and its deadline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::{Sleep, sleep_until};
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};

use crate::deadline::{Deadline, deadline_exceeded};
use crate::error::Error;
use crate::response_metadata::{REQUEST_ID, ResponseMetadata};

/// The messages of a streamed response, in order.
///
/// A stream that breaks ends with an error. Nothing follows an error. Dropping the stream cancels the call. The client reads
/// ahead at most one HTTP/2 flow-control window: a slow reader slows the sender.
#[derive(Debug)]
pub struct ResponseStream<T> {
    /// `None` after the end of the stream. Dropping it ends the call on both sides.
    messages: Option<Streaming<T>>,
    metadata: ResponseMetadata,
    /// `None` until the stream has ended.
    trailers: Option<ResponseMetadata>,
    deadline: Deadline,
    expires: Option<Pin<Box<Sleep>>>,
}

impl<T> ResponseStream<T> {
    pub(crate) fn new(response: tonic::Response<Streaming<T>>, deadline: Deadline) -> Self {
        let (metadata, messages, _) = response.into_parts();
        let expires = deadline.instant().map(|at| Box::pin(sleep_until(at)));
        Self { messages: Some(messages), metadata: ResponseMetadata(metadata), trailers: None, deadline, expires }
    }

    /// Bedrock's request ID (`x-amzn-requestid`). AWS support needs it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.metadata.request_id()
    }

    /// The AWS Region that serves the request (`bedrock-grpc-region`), for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.metadata.region()
    }

    /// The number of requests that the gateway sent to Bedrock until the first event (`bedrock-grpc-attempts`). It is 1
    /// without a retry.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.metadata.attempts()
    }

    /// The cost of the call in nano-dollars (10⁻⁹ dollars), if the gateway knows it and is configured to send it
    /// (`bedrock-grpc-cost-nanodollars`). It arrives with the end of the stream.
    #[must_use]
    pub fn cost_nanodollars(&self) -> Option<u64> {
        self.trailers.as_ref()?.cost_nanodollars()
    }

    /// The initial metadata of the response.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata.0
    }

    /// Returns the next message, or `None` at the end. Cancel safe: no message is lost if the future is dropped.
    ///
    /// # Errors
    /// [`Error::Rpc`] if the stream breaks: because of Bedrock (with its reason), the deadline or the network.
    pub async fn next_message(&mut self) -> Result<Option<T>, Error> {
        self.next().await.transpose()
    }

    fn fail(&mut self, status: Status) -> Error {
        self.messages = None;
        let mut status = self.deadline.correct_status(status);
        // A broken connection has no trailers. The headers had the request ID.
        if let Some(id) = self.metadata.0.get(REQUEST_ID)
            && !status.metadata().contains_key(REQUEST_ID)
        {
            let id = id.clone();
            status.metadata_mut().insert(REQUEST_ID, id);
        }
        status.into()
    }
}

impl<T> Stream for ResponseStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(messages) = &mut this.messages else { return Poll::Ready(None) };
        if let Some(expires) = &mut this.expires
            && expires.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(this.fail(deadline_exceeded()))));
        }
        match ready!(messages.poll_next_unpin(cx)) {
            Some(Ok(message)) => Poll::Ready(Some(Ok(message))),
            Some(Err(status)) => Poll::Ready(Some(Err(this.fail(status)))),
            None => {
                // They have arrived with the end of the stream.
                let trailers = messages.trailers().now_or_never().and_then(Result::ok).flatten();
                this.trailers = trailers.map(ResponseMetadata);
                this.messages = None;
                Poll::Ready(None)
            }
        }
    }
}
