//! The events of ConverseStream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{ConverseResponse, ConverseStreamResponse};
use futures::{Stream, StreamExt as _};
use tonic::metadata::MetadataMap;

use crate::accumulator::Accumulator;
use crate::error::Error;
use crate::response_stream::ResponseStream;

/// The events of a streamed response, in order: `MessageStart`; for each content block `ContentBlockStart` (tools and images
/// only), `ContentBlockDelta` and `ContentBlockStop`; then `MessageStop` with the stop reason and `Metadata` with the usage.
///
/// Read it as a [`Stream`], with [`next_event`](Self::next_event), or completely with [`collect`](Self::collect). A stream
/// that breaks ends with an error. Nothing follows an error. Dropping the stream cancels the call.
#[derive(Debug)]
pub struct ConverseStream(pub(crate) ResponseStream<ConverseStreamResponse>);

impl ConverseStream {
    /// Bedrock's request ID (`x-amzn-requestid`). AWS support needs it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id()
    }

    /// The AWS Region that serves the request (`bedrock-grpc-region`), for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.region()
    }

    /// The number of requests that the gateway sent to Bedrock until the first event (`bedrock-grpc-attempts`). It is 1
    /// without a retry.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.0.attempts()
    }

    /// The cost of the call in nano-dollars (10⁻⁹ dollars), if the gateway knows it and is configured to send it
    /// (`bedrock-grpc-cost-nanodollars`). It arrives with the end of the stream.
    #[must_use]
    pub fn cost_nanodollars(&self) -> Option<u64> {
        self.0.cost_nanodollars()
    }

    /// The initial metadata of the response.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        self.0.metadata()
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
}

impl Stream for ConverseStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.0.poll_next_unpin(cx)) {
                // An event of a newer schema has no member here.
                Some(Ok(ConverseStreamResponse { member: None })) => {}
                Some(Ok(ConverseStreamResponse { member: Some(event) })) => return Poll::Ready(Some(Ok(event))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
