//! The response body of a call. It ends exactly once: with its own trailers, at the deadline, when the gateway terminates,
//! or when the caller leaves.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::{Code, Status};

use super::cost::insert_cost;
use super::deadline::Deadline;
use super::lifecycle::CancelledOnDrop;
use super::load_report::LoadReporter;
use super::panic_guard::catch_panic;
use super::response::{is_created_by_tonic, to_trailers, trailers_only_response};
use crate::error::Failure;

/// Watches the response of a call until it ends. A response that is a status already finishes the call here.
pub(super) fn watch_body(
    guard: CancelledOnDrop,
    response: http::Response<Body>,
    deadline: Deadline,
    load: Option<LoadReporter>,
) -> http::Response<Body> {
    let call = &guard.call;
    if let Some(status) = Status::from_header_map(response.headers()) {
        if is_created_by_tonic(&status) {
            // tonic also keeps the status in the extensions, with the error that caused it.
            let status = response.extensions().get::<Status>().cloned().unwrap_or(status);
            let failure = call.failure_of(status);
            return trailers_only_response(call, &failure);
        }
        call.finish(status.code());
        return response;
    }
    response.map(|body| Body::new(CallBody::new(body, guard, deadline, load)))
}

/// A response body with a watch task. The body owns the task. HTTP/2 does not poll a body while the caller reads nothing, so
/// a deadline that waits for a poll would keep the stream from Bedrock open, and that stream is paid for.
struct CallBody {
    state: Arc<Mutex<BodyState>>,
    guard: CancelledOnDrop,
    watch: JoinHandle<()>,
    load: Option<LoadReporter>,
}

struct BodyState {
    /// The response. Dropping it closes the stream from Bedrock.
    body: Option<Body>,
    /// The status with which the watch task ended the call, until it is sent to the caller.
    pending_status: Option<Status>,
    /// The task that waits for the next frame.
    waker: Option<Waker>,
}

impl CallBody {
    fn new(body: Body, guard: CancelledOnDrop, deadline: Deadline, load: Option<LoadReporter>) -> Self {
        let state = Arc::new(Mutex::new(BodyState { body: Some(body), pending_status: None, waker: None }));
        let (watched, call) = (Arc::clone(&state), Arc::clone(&guard.call));
        let watch = tokio::spawn(async move {
            let failure = tokio::select! {
                () = deadline => Failure::DeadlineExceeded,
                () = call.shutdown.terminated.cancelled() => Failure::Draining,
            };
            let mut state = lock(&watched);
            if state.body.take().is_some() {
                let status = call.record_failure(&failure);
                call.finish(status.code());
                state.pending_status = Some(status);
                if let Some(waker) = state.waker.take() {
                    waker.wake();
                }
            }
        });
        Self { state, guard, watch, load }
    }

    /// Finishes the call with the status that the response itself ended with.
    fn finish(&self, state: &mut BodyState, status: &Status) {
        state.body = None;
        self.watch.abort();
        self.guard.call.finish(status.code());
    }

    fn fail(&self, state: &mut BodyState, failure: &Failure) -> Frame<Bytes> {
        let status = self.guard.call.record_failure(failure);
        self.finish(state, &status);
        to_trailers(&status)
    }
}

impl Drop for CallBody {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn lock(state: &Mutex<BodyState>) -> MutexGuard<'_, BodyState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let state = &mut *lock(&self.state);
        if let Some(status) = state.pending_status.take() {
            return Poll::Ready(Some(Ok(to_trailers(&status))));
        }
        let Some(body) = &mut state.body else { return Poll::Ready(None) };
        let polled = match catch_panic(|| Pin::new(body).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(failure) => return Poll::Ready(Some(Ok(self.fail(state, &failure)))),
        };
        if polled.is_pending() {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Ready(match ready!(polled) {
            Some(Ok(frame)) => Some(Ok(match frame.into_trailers() {
                Ok(mut trailers) => match Status::from_header_map(&trailers) {
                    Some(status) if is_created_by_tonic(&status) => {
                        let failure = self.guard.call.failure_of(status);
                        self.fail(state, &failure)
                    }
                    status => {
                        self.finish(state, &status.unwrap_or_else(|| Status::new(Code::Unknown, "")));
                        let call = &self.guard.call;
                        insert_cost(&call.policy.pricing, call.update(|record| record.cost), &mut trailers);
                        if let Some(load) = &self.load {
                            let usage = call.update(|record| record.usage.clone());
                            load.insert_report(usage.as_ref(), &mut trailers);
                        }
                        Frame::trailers(trailers)
                    }
                },
                Err(data) => {
                    self.guard.call.count_response_bytes(data.data_ref().map_or(0, Bytes::len));
                    data
                }
            })),
            Some(Err(status)) => {
                let failure = self.guard.call.failure_of(status);
                Some(Ok(self.fail(state, &failure)))
            }
            None => {
                state.body = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        let state = lock(&self.state);
        state.pending_status.is_none() && state.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.state).body.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
