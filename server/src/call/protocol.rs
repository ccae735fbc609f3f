//! Checks that an HTTP request is a gRPC request. tonic serves anything that has the right path.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>

use http::header::{ALLOW, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tonic::body::Body;

use crate::error::Failure;

/// The content type of gRPC. The suffix names the encoding of messages, and this gateway has protobuf only.
const GRPC_CONTENT_TYPES: [&[u8]; 2] = [b"application/grpc", b"application/grpc+proto"];

/// Why a request is not gRPC.
pub(super) enum NotGrpc {
    /// The HTTP status for a client that does not speak gRPC at all.
    Http(StatusCode),
    /// A gRPC status for a client that does.
    Grpc(Failure),
}

/// Checks method, content type and `te`.
pub(super) fn check_request<B>(request: &http::Request<B>) -> Result<(), NotGrpc> {
    if request.method() != Method::POST {
        return Err(NotGrpc::Http(StatusCode::METHOD_NOT_ALLOWED));
    }
    if !has_grpc_content_type(request.headers()) {
        return Err(NotGrpc::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    // A proxy that drops trailers also drops this header. It would drop the status of the call too.
    if !request.headers().get_all(TE).iter().any(|value| value == "trailers") {
        return Err(NotGrpc::Grpc(Failure::MalformedMessage(
            "the request has no `te: trailers`; a proxy on the way does not support gRPC",
        )));
    }
    Ok(())
}

/// Whether the content type is gRPC's, with or without parameters.
fn has_grpc_content_type(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    let media_type = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    GRPC_CONTENT_TYPES.contains(&media_type.trim_ascii())
}

/// The response to a request that is not gRPC.
pub(super) fn to_http_response(status: StatusCode) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, content_type: &str, te: Option<&str>) -> http::Request<()> {
        let mut request = http::Request::builder().method(method).header(CONTENT_TYPE, content_type);
        if let Some(te) = te {
            request = request.header(TE, te);
        }
        request.body(()).unwrap()
    }

    fn http_status(request: &http::Request<()>) -> Option<u16> {
        match check_request(request) {
            Err(NotGrpc::Http(status)) => Some(status.as_u16()),
            _ => None,
        }
    }

    #[test]
    fn grpc_content_types_pass_and_others_are_415() {
        for content_type in ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"] {
            assert!(check_request(&request(Method::POST, content_type, Some("trailers"))).is_ok(), "{content_type}");
        }
        for content_type in
            ["application/json", "application/grpc+json", "application/grpc-web", "application/grpcx", ""]
        {
            assert_eq!(
                http_status(&request(Method::POST, content_type, Some("trailers"))),
                Some(415),
                "{content_type}"
            );
        }
    }

    #[test]
    fn methods_other_than_post_are_405() {
        assert_eq!(http_status(&request(Method::GET, "application/grpc", Some("trailers"))), Some(405));
    }

    #[test]
    fn a_request_without_te_gets_a_grpc_status() {
        let outcome = check_request(&request(Method::POST, "application/grpc", None));
        assert!(matches!(outcome, Err(NotGrpc::Grpc(Failure::MalformedMessage(_)))));
    }
}
