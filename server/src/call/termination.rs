//! Ends the streams of services that are not calls (a health watch, reflection) when the gateway terminates.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use super::context::CallContext;
use super::response::to_trailers;
use crate::error::Failure;

/// Ends the response with UNAVAILABLE once `terminated` is cancelled. Frames that are ready by then are sent first.
pub(super) fn end_on_termination(
    terminated: CancellationToken,
    response: http::Response<Body>,
) -> http::Response<Body> {
    let terminated = Box::pin(terminated.cancelled_owned());
    response.map(|body| Body::new(TerminableBody { body, terminated }))
}

struct TerminableBody {
    body: Body,
    terminated: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for TerminableBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let ready @ Poll::Ready(_) = Pin::new(&mut self.body).poll_frame(cx) {
            return ready;
        }
        ready!(self.terminated.as_mut().poll(cx));
        self.body = Body::empty();
        Poll::Ready(Some(Ok(to_trailers(&Failure::Draining.to_status(&CallContext::default())))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
