//! The watch over a response body, with a paused clock.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::{CancelledOnDrop, Deadline, watch_body};
use crate::call::lifecycle::Call;
use crate::call::options::CallOptions;
use crate::call::{CallSettings, Shutdown};

/// A body whose frames the test sends. The test sees when it is dropped.
struct ChannelBody(mpsc::Receiver<Frame<Bytes>>);

impl http_body::Body for ChannelBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

struct Watched {
    call: Arc<Call>,
    shutdown: Shutdown,
    frames: mpsc::Sender<Frame<Bytes>>,
    body: Body,
}

/// Watches a body for a call with this deadline.
fn watched(deadline: Option<Duration>) -> Watched {
    let shutdown = Shutdown::default();
    let deadline = deadline.map(|timeout| Instant::now() + timeout);
    let call = Call::start(
        "",
        &HeaderMap::new(),
        CallSettings::default(),
        shutdown.clone(),
        deadline,
        CallOptions::default(),
        Arc::default(),
    );
    let (frames, receiver) = mpsc::channel(8);
    let response = http::Response::new(Body::new(ChannelBody(receiver)));
    let guard = CancelledOnDrop::new(Arc::clone(&call), None);
    let body = watch_body(guard, response, Deadline::new(deadline), None).into_body();
    Watched { call, shutdown, frames, body }
}

impl Watched {
    fn is_finished(&self) -> bool {
        self.call.update(|record| record.finished)
    }

    fn failure_reason(&self) -> Option<String> {
        self.call.update(|record| record.failure.as_ref().map(|failure| failure.reason.clone()))
    }

    async fn status(&mut self) -> Status {
        let trailers = self.body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        Status::from_header_map(&trailers).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_drops_the_response_although_the_caller_reads_nothing() {
    let mut watched = watched(Some(Duration::from_secs(5)));
    let started = Instant::now();
    watched.frames.closed().await;
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert!(watched.is_finished());
    assert_eq!(watched.failure_reason().as_deref(), Some("DEADLINE_EXCEEDED"));
    assert_eq!(watched.status().await.code(), Code::DeadlineExceeded);
    assert!(watched.body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn termination_ends_a_response_that_the_caller_waits_for() {
    let mut watched = watched(None);
    let terminated = watched.shutdown.terminated.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        terminated.cancel();
    });
    assert_eq!(watched.status().await.code(), Code::Unavailable);
    assert_eq!(watched.failure_reason().as_deref(), Some("DRAINING"));
}

#[tokio::test(start_paused = true)]
async fn trailers_of_the_response_finish_the_call_and_stop_the_deadline() {
    let mut watched = watched(Some(Duration::from_secs(5)));
    watched.frames.send(Frame::data(Bytes::from_static(b"message"))).await.unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    watched.frames.send(Frame::trailers(trailers)).await.unwrap();
    assert_eq!(watched.body.frame().await.unwrap().unwrap().into_data().unwrap(), "message");
    assert!(!watched.is_finished());
    assert_eq!(watched.status().await.code(), Code::Ok);
    assert!(watched.is_finished());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(watched.failure_reason(), None);
    assert!(watched.body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn status_without_details_gets_details_from_the_gateway() {
    let mut watched = watched(None);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "12".parse().unwrap());
    watched.frames.send(Frame::trailers(trailers)).await.unwrap();
    let status = watched.status().await;
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(!status.details().is_empty() && !status.message().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_finishes_the_call_as_cancelled_without_a_failure() {
    let watched = watched(Some(Duration::from_secs(5)));
    drop(watched.body);
    watched.frames.closed().await;
    assert!(watched.call.update(|record| record.finished));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(watched.call.update(|record| record.failure.is_none()));
}
