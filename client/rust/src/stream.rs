//! A streamed response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{ConverseResponse, ConverseStreamResponse};
use futures::{Stream, StreamExt as _};
use tokio::time::{Sleep, sleep_until};
use tonic::metadata::MetadataMap;
use tonic::{Response, Status, Streaming};

use crate::accumulator::Accumulator;
use crate::deadline::{Deadline, deadline_exceeded};
use crate::error::Error;
use crate::response_metadata::{REQUEST_ID, ResponseMetadata};

/// The events of a streamed response, in order: `MessageStart`; for each content block `ContentBlockStart` (tools and images
/// only), `ContentBlockDelta` and `ContentBlockStop`; then `MessageStop` with the stop reason and `Metadata` with the usage.
///
/// Read it as a [`Stream`], with [`next_event`](Self::next_event), or completely with [`collect`](Self::collect). A stream
/// that breaks ends with an error. Nothing follows an error. Dropping the stream cancels the call.
///
/// The client reads ahead at most one HTTP/2 flow-control window: a slow reader slows the sender.
#[derive(Debug)]
pub struct ConverseStream {
    /// `None` after the end of the stream. Dropping it ends the call on both sides.
    events: Option<Streaming<ConverseStreamResponse>>,
    metadata: ResponseMetadata,
    deadline: Deadline,
    expires: Option<Pin<Box<Sleep>>>,
}

impl ConverseStream {
    pub(crate) fn new(response: Response<Streaming<ConverseStreamResponse>>, deadline: Deadline) -> Self {
        let (metadata, events, _) = response.into_parts();
        let expires = deadline.instant().map(|at| Box::pin(sleep_until(at)));
        Self { events: Some(events), metadata: ResponseMetadata(metadata), deadline, expires }
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

    /// The initial metadata of the response.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata.0
    }

    /// Returns the next event, or `None` at the end. Cancel safe: no event is lost if the future is dropped.
    ///
    /// # Errors
    /// [`Error::Rpc`] if the stream breaks: because of Bedrock (with its reason), the deadline or the network.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.next().await.transpose()
    }

    /// Reads the stream to its end and returns the response that Converse would return. To see the events too, push them to
    /// an [`Accumulator`].
    ///
    /// # Errors
    /// [`Error::Rpc`] if the stream breaks, and [`Error::Assemble`] if its events do not form a complete response. The events
    /// that arrived before are lost.
    pub async fn collect(mut self) -> Result<ConverseResponse, Error> {
        let mut accumulator = Accumulator::default();
        while let Some(event) = self.next_event().await? {
            accumulator.push(&event);
        }
        let request_id = || self.request_id().map(str::to_owned);
        accumulator.finish().map_err(|problem| Error::Assemble { request_id: request_id(), problem })
    }

    fn fail(&mut self, status: Status) -> Error {
        self.events = None;
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

impl Stream for ConverseStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let Some(events) = &mut this.events else { return Poll::Ready(None) };
            if let Some(expires) = &mut this.expires
                && expires.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Some(Err(this.fail(deadline_exceeded()))));
            }
            match ready!(events.poll_next_unpin(cx)) {
                // An event of a newer schema has no member here.
                Some(Ok(ConverseStreamResponse { member: None })) => {}
                Some(Ok(ConverseStreamResponse { member: Some(event) })) => return Poll::Ready(Some(Ok(event))),
                Some(Err(status)) => return Poll::Ready(Some(Err(this.fail(status)))),
                None => {
                    this.events = None;
                    return Poll::Ready(None);
                }
            }
        }
    }
}
