//! Tests the layer with a service that panics.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service as _, service_fn};

use super::{CallLayer, CallSettings, Shutdown};
use crate::admission::{Admission, AdmissionSettings};
use crate::routing::{Policy, PolicyHandle};

const PATH: &str = "/bedrock.runtime.v1.BedrockRuntimeService/ConverseStream";

fn request() -> http::Request<Body> {
    http::Request::post(PATH)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::empty())
        .unwrap()
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// A body that sends one message and then panics.
struct PanickingBody {
    polls: usize,
}

impl http_body::Body for PanickingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.polls += 1;
        assert!(self.polls == 1, "a test panic");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"message")))))
    }
}

fn new_layer(shutdown: Shutdown) -> CallLayer {
    let policy = PolicyHandle::new(Policy::default());
    CallLayer::new(CallSettings::default(), shutdown, Admission::new(AdmissionSettings::default()), None, policy)
}

#[tokio::test]
async fn panic_before_the_response_is_internal_with_gateway_bug_and_the_next_call_works() {
    // The layer clones its service for each call.
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = new_layer(Shutdown::default());
    let mut service = layer.layer(service_fn(move |_: http::Request<Body>| {
        let panics = calls.fetch_add(1, Ordering::Relaxed) < 2;
        async move {
            assert!(!panics, "a test panic");
            Ok::<_, Infallible>(Status::not_found("a status").into_http())
        }
    }));
    for expected in [Code::Internal, Code::Internal, Code::NotFound] {
        let response = service.call(request()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), expected);
        if expected == Code::Internal {
            assert_eq!(reason(&status), "GATEWAY_BUG");
            assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "-1");
        }
    }
}

#[tokio::test]
async fn panic_in_the_call_function_is_internal_with_gateway_bug() {
    let layer = new_layer(Shutdown::default());
    let mut service = layer.layer(service_fn(|request: http::Request<Body>| {
        assert!(request.uri().path().is_empty(), "a test panic");
        std::future::ready(Ok::<_, Infallible>(http::Response::new(Body::empty())))
    }));
    let response = service.call(request()).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "GATEWAY_BUG"));
}

#[tokio::test]
async fn panic_in_mid_stream_ends_the_stream_as_internal_with_gateway_bug() {
    let shutdown = Shutdown::default();
    let layer = new_layer(shutdown.clone());
    let mut service = layer.layer(service_fn(|_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::new(Body::new(PanickingBody { polls: 0 })))
    }));
    let body = service.call(request()).await.unwrap().into_body().collect().await.unwrap();
    let status = Status::from_header_map(body.trailers().unwrap()).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "GATEWAY_BUG"));
    assert_eq!(body.to_bytes(), "message");
    shutdown.running.close();
    shutdown.running.wait().await;
}
