//! The body of an answer, which ends exactly once: by its own trailers, at the deadline, with the gateway's grace, or when
//! the caller goes away.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::{Code, Status};

use super::deadline::Deadline;
use super::response::{EndOnDrop, is_tonics_own, trailers};
use crate::error::Failure;

/// A body under watch. The watch is a task of its own, which the body owns: HTTP/2 does not poll a body whose caller takes
/// nothing, and a deadline that waited for a poll would leave the stream from Bedrock open, and paid for.
pub(super) struct CallBody {
    state: Arc<Mutex<State>>,
    ended: EndOnDrop,
    watch: JoinHandle<()>,
}

struct State {
    /// The answer. Dropping it closes the connection to Bedrock.
    body: Option<Body>,
    /// What ended it from outside and has not been told yet.
    cut: Option<Status>,
    /// Whoever waits for the next frame.
    waker: Option<Waker>,
}

impl CallBody {
    pub(super) fn new(body: Body, ended: EndOnDrop, expires: Deadline) -> Self {
        let state = Arc::new(Mutex::new(State { body: Some(body), cut: None, waker: None }));
        let (watched, call) = (Arc::clone(&state), Arc::clone(&ended.0));
        let watch = tokio::spawn(async move {
            let failure = tokio::select! {
                () = expires => Failure::DeadlineExceeded,
                () = call.policy.terminated.cancelled() => Failure::Draining,
            };
            let mut state = lock(&watched);
            if state.body.take().is_some() {
                let status = call.fail(&failure);
                call.end(status.code());
                state.cut = Some(status);
                if let Some(waker) = state.waker.take() {
                    waker.wake();
                }
            }
        });
        Self { state, ended, watch }
    }

    /// The end that the answer itself has come to.
    fn end(&self, state: &mut State, status: &Status) {
        state.body = None;
        self.watch.abort();
        self.ended.0.end(status.code());
    }

    fn fail(&self, state: &mut State, failure: &Failure) -> Frame<Bytes> {
        let status = self.ended.0.fail(failure);
        self.end(state, &status);
        trailers(&status)
    }
}

impl Drop for CallBody {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let state = &mut *lock(&self.state);
        if let Some(status) = state.cut.take() {
            return Poll::Ready(Some(Ok(trailers(&status))));
        }
        let Some(body) = &mut state.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if polled.is_pending() {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Ready(match ready!(polled) {
            Some(Ok(frame)) => Some(Ok(match frame.into_trailers() {
                Ok(found) => match Status::from_header_map(&found) {
                    Some(status) if is_tonics_own(&status) => self.fail(state, &Failure::Rpc(status)),
                    status => {
                        self.end(state, &status.unwrap_or_else(|| Status::new(Code::Unknown, "")));
                        Frame::trailers(found)
                    }
                },
                Err(data) => data,
            })),
            Some(Err(status)) => Some(Ok(self.fail(state, &Failure::Rpc(status)))),
            None => {
                state.body = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        let state = lock(&self.state);
        state.cut.is_none() && state.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.state).body.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}
