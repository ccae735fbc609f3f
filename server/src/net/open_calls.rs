//! Counts the open calls of a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use crate::callers::Peer;

/// The open calls of one connection. Clones share the count.
#[derive(Debug, Clone)]
pub(super) struct OpenCalls(Arc<State>);

#[derive(Debug)]
struct State {
    opened: Instant,
    calls: AtomicUsize,
    /// When the last call ended, in milliseconds after `opened`.
    last_end: AtomicU64,
}

/// One open call. Dropping it ends the call.
#[derive(Debug)]
pub(super) struct OpenCall(OpenCalls);

/// A service that counts the calls of its connection until their responses have been sent.
#[derive(Debug, Clone)]
pub(super) struct CountedService<S> {
    service: S,
    calls: OpenCalls,
    peer: Arc<Peer>,
}

/// The body of a response, and the call that ends with it.
pub(super) struct CountedBody {
    body: Body,
    _call: OpenCall,
}

impl OpenCalls {
    /// The calls of a connection that has just been opened.
    pub(super) fn new() -> Self {
        Self(Arc::new(State { opened: Instant::now(), calls: AtomicUsize::new(0), last_end: AtomicU64::new(0) }))
    }

    /// Starts a call.
    pub(super) fn start(&self) -> OpenCall {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        OpenCall(self.clone())
    }

    /// For how long the connection has had no call. `None` while it has one.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let state = &self.0;
        (state.calls.load(Ordering::Relaxed) == 0)
            .then(|| (state.opened + Duration::from_millis(state.last_end.load(Ordering::Relaxed))).elapsed())
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let state = &(self.0).0;
        let now = u64::try_from(state.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        state.last_end.fetch_max(now, Ordering::Relaxed);
        state.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> CountedService<S> {
    /// Counts the calls of `service` in `calls`. Each request gets `peer` as an extension.
    pub(super) fn new(service: S, calls: OpenCalls, peer: Peer) -> Self {
        Self { service, calls, peer: Arc::new(peer) }
    }
}

impl<S> hyper::service::Service<Request<Incoming>> for CountedService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone,
    S::Future: Unpin,
{
    type Response = Response<CountedBody>;
    type Error = S::Error;
    type Future = CountedResponse<S::Future>;

    /// The service must always be ready, as tonic's are.
    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let call = self.calls.start();
        request.extensions_mut().insert(Arc::clone(&self.peer));
        CountedResponse { response: self.service.clone().call(request.map(Body::new)), call: Some(call) }
    }
}

/// The response of a [`CountedService`].
pub(super) struct CountedResponse<F> {
    response: F,
    call: Option<OpenCall>,
}

impl<F, E> Future for CountedResponse<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<CountedBody>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.response).poll(cx))?;
        match self.call.take() {
            Some(call) => Poll::Ready(Ok(response.map(|body| CountedBody { body, _call: call }))),
            // A future that is polled after its end has no meaning.
            None => Poll::Pending,
        }
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_time_starts_at_the_end_of_the_last_call() {
        let calls = OpenCalls::new();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(calls.idle_for(), Some(Duration::from_secs(1)));
        let (first, second) = (calls.start(), calls.start());
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(first);
        assert_eq!(calls.idle_for(), None);
        drop(second);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(calls.idle_for(), Some(Duration::from_secs(3)));
    }
}
