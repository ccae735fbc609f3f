//! Responses and trailers that are built from a status.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tonic::body::Body;
use tonic::{Code, Status};

use super::lifecycle::Call;
use crate::error::Failure;

/// Finishes the call with `failure` before any message was sent. The response is one HEADERS frame with END_STREAM, so that
/// clients may retry (gRFC A6).
pub(super) fn trailers_only_response(call: &Call, failure: &Failure) -> http::Response<Body> {
    let status = call.record_failure(failure);
    call.finish(status.code());
    status.into_http()
}

/// Whether tonic created the status. Statuses of tonic have no details, and ours always have them.
pub(super) fn is_created_by_tonic(status: &Status) -> bool {
    status.code() != Code::Ok && status.details().is_empty()
}

/// The trailers frame that carries `status`.
pub(super) fn to_trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Only metadata that cannot be a header could fail here. The code alone always fits.
        trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
    }
    Frame::trailers(trailers)
}
