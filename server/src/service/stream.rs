//! A call whose answer is a stream of events.
//!
//! The first event is awaited before the response's headers go out: gRPC clients may retry a call only until headers arrive
//! (gRFC A6), so a failure before it has to be trailers-only. From then on the caller's polls drive the decoder.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::json::{self, Union};
use futures::stream;
use tonic::{Request, Response, Status};

use super::{Ask, Events, Prepared, Report, initial_metadata, learn, prepare};
use crate::call::Call;
use crate::status::{Failure, Phase};
use crate::telemetry;
use crate::upstream::{Frame, Frames, Operation, Upstream};

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

/// Asks `operation` and streams its answer.
pub(super) async fn run<Q: Ask, U: EventStream>(
    upstream: &Upstream,
    operation: Operation,
    request: Request<Q>,
) -> Result<Response<Events<U::Message>>, Status> {
    let Prepared { call, target, body } = prepare(upstream, request)?;
    let timeouts = call.policy.timeouts;
    let asked = call.attempts(upstream, &target, async |_| {
        let first = async {
            let answer = upstream.send(operation, &target, body.clone()).await?;
            call.answered(&answer.headers);
            let mut stream = Decoded::<U> {
                call: Arc::clone(&call),
                frames: Frames::new(answer.body),
                progress: U::Progress::default(),
            };
            let event = stream.next().await?;
            Ok((event, stream))
        };
        within(timeouts.first_event, Failure::FirstEventTimeout, first).await
    });
    let (first, rest) = asked.await.map_err(|failure| call.fail(&failure))?;
    call.first_event();
    call.with(|record| record.facts.phase = Phase::Stream);
    let mut response = Response::new(events(first, rest, timeouts.idle));
    initial_metadata(&call, response.metadata_mut());
    Ok(response)
}

/// The stream as the caller sees it: `first`, then whatever follows, then exactly one status.
fn events<U: EventStream>(first: Option<U>, rest: Decoded<U>, idle: Duration) -> Events<U::Message> {
    // The state is gone once the stream has failed, and with it the connection to Bedrock.
    Box::pin(stream::unfold((first, Some(rest)), move |(ready, rest)| async move {
        let mut rest = rest?;
        let event = match ready {
            Some(event) => Ok(Some(event)),
            None => within(idle, Failure::IdleTimeout, rest.next()).await,
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

async fn within<T>(
    limit: Duration,
    failure: impl FnOnce(Duration) -> Failure,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(failure(limit)))
}

/// Frames read as events.
struct Decoded<U: EventStream> {
    call: Arc<Call>,
    frames: Frames,
    progress: U::Progress,
}

impl<U: EventStream> Decoded<U> {
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
}
