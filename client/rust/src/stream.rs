//! A streamed answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedrock_grpc_schema::runtime::v1::{ConverseResponse, ConverseStreamResponse};
use futures::{Stream, StreamExt as _};
use tokio::time::{Sleep, sleep_until};
use tonic::metadata::MetadataMap;
use tonic::{Response, Status, Streaming};

use crate::answer::{Headers, REQUEST_ID};
use crate::deadline::{self, Deadline};
use crate::{Accumulator, Error, Event};

/// The events of a streamed answer, in order: `MessageStart`; for each content block `ContentBlockStart` (tools and images
/// only), `ContentBlockDelta` and `ContentBlockStop`; then `MessageStop` with the stop reason and `Metadata` with usage.
///
/// Read it as a [`Stream`], with [`next_event`](Self::next_event), or whole with [`collect`](Self::collect). A stream that
/// breaks off ends in an error, never as a success; after an error nothing follows. Dropping it cancels the call.
///
/// Nothing is read ahead beyond HTTP/2's flow control window: a slow reader slows the sender.
#[derive(Debug)]
pub struct ConverseStream {
    /// Gone once the stream has ended, so that the call is over at both ends.
    events: Option<Streaming<ConverseStreamResponse>>,
    headers: Headers,
    deadline: Deadline,
    expires: Option<Pin<Box<Sleep>>>,
}

impl ConverseStream {
    pub(crate) fn new(response: Response<Streaming<ConverseStreamResponse>>, deadline: Deadline) -> Self {
        let (headers, events, _) = response.into_parts();
        let expires = deadline.instant().map(|at| Box::pin(sleep_until(at)));
        Self { events: Some(events), headers: Headers(headers), deadline, expires }
    }

    /// Bedrock's id of the request (`x-amzn-requestid`), which AWS support asks for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.headers.request_id()
    }

    /// The Region that answers (`bedrock-grpc-region`), for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.headers.region()
    }

    /// How often the service asked Bedrock until the first event came (`bedrock-grpc-attempts`); 1 if it never had to
    /// retry.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.headers.attempts()
    }

    /// The answer's initial metadata.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.headers.0
    }

    /// The next event; `None` at the end. Cancel safe: an event is returned or stays for the next call.
    ///
    /// # Errors
    /// [`Error::Rpc`] if the answer breaks off, by Bedrock's doing (with its reason), the deadline's, or the network's.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.next().await.transpose()
    }

    /// Reads the stream to its end and makes of it the answer that Converse would have given. To watch the events as
    /// well, feed them to an [`Accumulator`].
    ///
    /// # Errors
    /// [`Error::Rpc`] if the answer breaks off, and [`Error::Assemble`] if its events make no whole answer. What came
    /// before is lost with it.
    pub async fn collect(mut self) -> Result<ConverseResponse, Error> {
        let mut answer = Accumulator::default();
        while let Some(event) = self.next_event().await? {
            answer.push(&event);
        }
        let request_id = || self.request_id().map(str::to_owned);
        answer.finish().map_err(|problem| Error::Assemble { request_id: request_id(), problem })
    }

    fn fail(&mut self, status: Status) -> Error {
        self.events = None;
        let mut status = self.deadline.name(status);
        // A connection that breaks has no trailers to name the request in; the headers did.
        if let Some(id) = self.headers.0.get(REQUEST_ID)
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
                return Poll::Ready(Some(Err(this.fail(deadline::exceeded()))));
            }
            match ready!(events.poll_next_unpin(cx)) {
                // A kind of event from a schema newer than this one has no member here.
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
