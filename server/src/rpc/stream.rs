//! Calls whose response is a stream of events.
//!
//! The gateway sends the response headers only after Bedrock's first event. gRPC clients may retry a call only until headers
//! arrive (gRFC A6), so a failure before the first event must be trailers-only. From then on the caller's polls drive the
//! decoder.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::json::{self, Union};
use futures::{Stream, stream};
use tonic::{Request, Response, Status};

use super::metadata::insert_initial_metadata;
use super::prepare::{PreparedRequest, prepare_request};
use super::request::UpstreamRequest;
use super::timeout::with_timeout;
use super::usage::{ReportsUsage, record_usage};
use crate::bedrock::{Body, Frame, Frames};
use crate::call::{Call, Phase};
use crate::error::Failure;
use crate::routing::Bedrock;
use crate::telemetry;

/// A stream of response messages as tonic expects it.
pub(super) type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A union whose members are the events of a stream.
pub(super) trait StreamEvent: Union + ReportsUsage + Send + 'static {
    /// The RPC's response message. It carries one event.
    type Message: Send + 'static;

    /// What must be remembered about a stream to distinguish a complete stream from a truncated one.
    type Progress: Default + Send;

    /// Wraps the event in its message.
    fn into_message(self) -> Self::Message;

    /// Updates the progress with this event.
    fn update_progress(&self, progress: &mut Self::Progress);

    /// Checks a stream that ended between two frames.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the stream is not complete.
    fn check_complete(progress: &Self::Progress) -> Result<(), Failure>;
}

/// Sends the request to Bedrock and streams the response.
pub(super) async fn run_stream<R: UpstreamRequest, E: StreamEvent>(
    bedrock: &Bedrock,
    request: Request<R>,
) -> Result<Response<ResponseStream<E::Message>>, Status> {
    let PreparedRequest { call, authorized, request } = prepare_request(bedrock, request)?;
    let (upstream, target) = (authorized.upstream(), authorized.target());
    let timeouts = call.settings.timeouts;
    let outcome = call.run_with_retries(upstream, target, async || {
        let attempt = async {
            let response = upstream.send(&request, target).await?;
            call.on_response_headers(&response.headers);
            let mut events = EventReader::<E>::new(Arc::clone(&call), response.body);
            let first = events.next().await?;
            Ok((response.headers, first, events))
        };
        with_timeout(timeouts.first_event, Failure::FirstEventTimeout, attempt).await
    });
    let (headers, first, events) = outcome.await.map_err(|failure| call.record_failure(&failure))?;
    call.on_first_event();
    call.update(|record| record.context.phase = Phase::Stream);
    let messages = match first {
        Some(first) => events.into_messages(Some(first), Some(timeouts.idle)),
        // A stream may be complete without an event.
        None => Box::pin(stream::empty()),
    };
    let mut response = Response::new(messages);
    insert_initial_metadata(&call, &headers, response.metadata_mut());
    Ok(response)
}

/// Reads the frames of a response body as events.
pub(super) struct EventReader<E: StreamEvent> {
    call: Arc<Call>,
    frames: Frames,
    progress: E::Progress,
}

impl<E: StreamEvent> EventReader<E> {
    /// A reader of the events in `body`.
    pub(super) fn new(call: Arc<Call>, body: Body) -> Self {
        Self { call, frames: Frames::new(body), progress: E::Progress::default() }
    }

    /// The next event, or `None` at the end of a complete stream.
    async fn next(&mut self) -> Result<Option<E>, Failure> {
        while let Some(Frame { event, payload }) = self.frames.next().await? {
            let documents = self.call.options.documents;
            // An event whose value is null is skipped.
            if let Some(event) =
                json::decode_event_with::<E>(documents, &event, &payload, telemetry::count_unknown_member)?
            {
                event.update_progress(&mut self.progress);
                record_usage(&self.call, &event);
                return Ok(Some(event));
            }
        }
        E::check_complete(&self.progress)?;
        Ok(None)
    }

    /// The messages for the caller: `first`, if it has been read already, then the remaining events, then exactly one status.
    /// `idle_timeout` is the maximum time between two events.
    pub(super) fn into_messages(self, first: Option<E>, idle_timeout: Option<Duration>) -> ResponseStream<E::Message> {
        // When the stream fails, the state is dropped, and with it the stream from Bedrock.
        Box::pin(stream::unfold((first, Some(self)), move |(first, reader)| async move {
            let mut reader = reader?;
            let event = match (first, idle_timeout) {
                (Some(event), _) => Ok(Some(event)),
                (None, Some(limit)) => with_timeout(limit, Failure::IdleTimeout, reader.next()).await,
                (None, None) => reader.next().await,
            };
            match event {
                Ok(Some(event)) => {
                    reader.call.on_event();
                    Some((Ok(event.into_message()), (None, Some(reader))))
                }
                Ok(None) => None,
                Err(failure) => Some((Err(reader.call.record_failure(&failure)), (None, None))),
            }
        }))
    }
}
