//! The response to clients that do not speak HTTP/2.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::socket::Socket;

/// What a person reads who opens the port with a browser or with curl.
const TEXT: &str =
    "This port serves gRPC, which needs HTTP/2. Use a gRPC client, or try: grpcurl -plaintext HOST:PORT list\n";

/// Responds to an HTTP/1 request with a text, and closes the connection. Other bytes close it as well.
pub(super) async fn reject_http1(socket: impl Socket + 'static, header_timeout: Duration) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service_fn(|_| async { Ok::<_, Infallible>(response()) }));
    // The response is written before the body of the request is read.
    if let Ok(Err(error)) = tokio::time::timeout(header_timeout, served).await {
        tracing::debug!(%error, "an HTTP/1 connection broke");
    }
}

fn response() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(TEXT.as_bytes())));
    *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
