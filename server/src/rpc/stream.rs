//! A call whose answer is a stream of events.
//!
//! The first event is awaited before the response's headers go out: gRPC clients may retry a call only until headers arrive
//! (gRFC A6), so a failure before it has to be trailers-only. From then on the caller's polls drive the decoder.

use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::json::{self, Union};
use futures::stream;
use tonic::{Request, Response, Status};

use super::prepare::{Prepared, prepare};
use super::runtime::Events;
use super::{Ask, Report, initial_metadata, learn, within};
use crate::bedrock::{Body, Frame, Frames, Upstream};
use crate::call::Call;
use crate::error::{Failure, Phase};
use crate::telemetry;

/// A union whose members are the events of a stream.
pub(super) trait EventStream: Union + Report + Send + 'static {
    /// The RPC's response message: one event.
    type Message: Send + 'static;

    /// What has to be remembered of a stream to tell its end from a break.
    type Progress: Default + Send;

    /// The message that carries the event.
    fn message(event: Self) -> Self::Message;

    /// Remembers the event.
    fn observe(&self, progress: &mut Self::Progress);

    /// What an end between two frames means: `Truncated`, unless the stream was complete.
    fn complete(progress: &Self::Progress) -> Result<(), Failure>;
}

/// Asks Bedrock and streams its answer.
pub(super) async fn run<Q: Ask, U: EventStream>(
    upstream: &Upstream,
    request: Request<Q>,
) -> Result<Response<Events<U::Message>>, Status> {
    let Prepared { call, target, operation, body } = prepare(upstream, request)?;
    let timeouts = call.policy.timeouts;
    let asked = call.attempts(upstream, &target, async || {
        let first = async {
            let answer = upstream.send(&operation, &target, body.clone()).await?;
            call.answered(&answer.headers);
            let mut rest = Decoded::<U>::new(Arc::clone(&call), answer.body);
            let first = rest.next().await?;
            Ok((answer.headers, first, rest))
        };
        within(timeouts.first_event, Failure::FirstEventTimeout, first).await
    });
    let (headers, first, rest) = asked.await.map_err(|failure| call.fail(&failure))?;
    call.first_event();
    call.with(|record| record.facts.phase = Phase::Stream);
    let events = match first {
        Some(first) => rest.events(Some(first), Some(timeouts.idle)),
        // A stream may have nothing to say.
        None => Box::pin(stream::empty()),
    };
    let mut response = Response::new(events);
    initial_metadata(&call, &headers, response.metadata_mut());
    Ok(response)
}

/// Frames read as events.
pub(super) struct Decoded<U: EventStream> {
    call: Arc<Call>,
    frames: Frames,
    progress: U::Progress,
}

impl<U: EventStream> Decoded<U> {
    /// The events in `body`.
    pub(super) fn new(call: Arc<Call>, body: Body) -> Self {
        Self { call, frames: Frames::new(body), progress: U::Progress::default() }
    }

    /// The next event; `None` at an end that is one.
    async fn next(&mut self) -> Result<Option<U>, Failure> {
        while let Some(Frame { event, payload }) = self.frames.next().await? {
            // An event of null says nothing.
            if let Some(event) = json::decode_event::<U>(&event, &payload, telemetry::unknown_member)? {
                event.observe(&mut self.progress);
                learn(&self.call, &event);
                return Ok(Some(event));
            }
        }
        U::complete(&self.progress)?;
        Ok(None)
    }

    /// The stream as the caller sees it: `first`, if there is one already, then whatever follows, then exactly one status.
    /// `idle` is how long it may be silent.
    pub(super) fn events(self, first: Option<U>, idle: Option<Duration>) -> Events<U::Message> {
        // The state is gone once the stream has failed, and with it the connection to Bedrock.
        Box::pin(stream::unfold((first, Some(self)), move |(ready, rest)| async move {
            let mut rest = rest?;
            let event = match (ready, idle) {
                (Some(event), _) => Ok(Some(event)),
                (None, Some(idle)) => within(idle, Failure::IdleTimeout, rest.next()).await,
                (None, None) => rest.next().await,
            };
            match event {
                Ok(Some(event)) => {
                    rest.call.with(|record| record.facts.events += 1);
                    Some((Ok(U::message(event)), (None, Some(rest))))
                }
                Ok(None) => None,
                Err(failure) => Some((Err(rest.call.fail(&failure)), (None, None))),
            }
        }))
    }
}
