//! The way out: refusals, statuses that tonic made, and streams that are no calls. (A call's own body is in `body`.)

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

use super::Call;
use super::body::CallBody;
use super::deadline::Deadline;
use crate::error::{self, Facts, Failure};

/// Ends the call as CANCELLED if nothing ended it before: the caller went away.
pub(super) struct EndOnDrop(pub(super) Arc<Call>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(Code::Cancelled);
    }
}

/// A failure before any message: one HEADERS frame with END_STREAM, so that clients may retry (gRFC A6).
pub(super) fn trailers_only(call: &Call, failure: &Failure) -> http::Response<Body> {
    let status = call.fail(failure);
    call.end(status.code());
    status.into_http()
}

/// Watches over an answer on its way out.
pub(super) fn wrap(ended: EndOnDrop, response: http::Response<Body>, expires: Deadline) -> http::Response<Body> {
    let call = &ended.0;
    if let Some(status) = Status::from_header_map(response.headers()) {
        if is_tonics_own(&status) {
            return trailers_only(call, &Failure::Rpc(status));
        }
        call.end(status.code());
        return response;
    }
    response.map(|body| Body::new(CallBody::new(body, ended, expires)))
}

/// tonic's statuses carry no details, ours always do.
pub(super) fn is_tonics_own(status: &Status) -> bool {
    status.code() != Code::Ok && status.details().is_empty()
}

/// Lets a stream that is no call of ours end with the gateway: what it has to say first, then UNAVAILABLE.
pub(super) fn until(terminated: CancellationToken, response: http::Response<Body>) -> http::Response<Body> {
    let terminated = Box::pin(terminated.cancelled_owned());
    response.map(|body| Body::new(UntilBody { body, terminated }))
}

struct UntilBody {
    body: Body,
    terminated: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for UntilBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let ready @ Poll::Ready(_) = Pin::new(&mut self.body).poll_frame(cx) {
            return ready;
        }
        ready!(self.terminated.as_mut().poll(cx));
        self.body = Body::empty();
        Poll::Ready(Some(Ok(trailers(&error::of(&Failure::Draining, &Facts::default())))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(super) fn trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Only metadata that is no header could fail here; the code alone always fits.
        trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
    }
    Frame::trailers(trailers)
}
