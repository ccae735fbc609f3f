//! The caller's `grpc-timeout` covers the whole call. The raw client has no timer of its own, so the server ends the call.

use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Request};

use crate::fixture::raw::{self, call_with_timeout};
use crate::fixture::*;

#[tokio::test]
async fn a_unary_call_ends_at_the_deadline_on_both_sides() {
    let (simulator, gateway, _) = started().await;
    let status = call_with_timeout(&gateway, "Converse", "100m", &converse("fault.stall", "Hi")).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert_eq!((info(&status, "phase").as_str(), info(&status, "attempts").as_str()), ("request", "1"));
    simulator.open_requests().wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "DEADLINE_EXCEEDED").await;
}

#[tokio::test]
async fn a_stream_ends_at_the_deadline_on_both_sides() {
    let (simulator, gateway, _) = started().await;
    let request = converse_stream("fault.stall.after.3", "Hi");
    let response = call_with_timeout(&gateway, "ConverseStream", "500m", &request).await;
    assert_eq!(
        (response.status.code(), reason(&response.status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
    assert_eq!(
        (response.messages, info(&response.status, "phase").as_str(), info(&response.status, "events").as_str()),
        (3, "stream", "3")
    );
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "DEADLINE_EXCEEDED").await;
}

#[tokio::test]
async fn an_expired_deadline_is_never_reported_as_cancelled() {
    let (_simulator, gateway, _) = started().await;
    let request = converse("fault.stall", "Hi");
    let timeouts: Vec<_> = (0..100).map(|i| format!("{}u", 1000 + i * 97)).collect();
    let calls = timeouts.iter().map(|timeout| call_with_timeout(&gateway, "Converse", timeout, &request));
    for response in futures::future::join_all(calls).await {
        // If an attempt fails so late that no retry fits before the deadline, the caller gets that failure.
        let expected = ["DEADLINE_EXCEEDED", "UNREACHABLE"];
        assert!(expected.contains(&reason(&response.status).as_str()), "{:?}", response.status);
    }
}

#[tokio::test]
async fn waiting_for_a_retry_never_passes_the_deadline() {
    let (simulator, gateway, _) = started().await;
    // Bedrock's Retry-After is 10 s and the caller's deadline is 5 s. Waiting is useless, so the call fails at once.
    let request = converse("fault.retry-after.10", "Hi");
    let status = call_with_timeout(&gateway, "Converse", "5S", &request).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "THROTTLING"));
    assert_eq!(simulator.requests().len(), 1);
}

#[tokio::test]
async fn a_malformed_timeout_is_rejected() {
    let (simulator, gateway, _) = started().await;
    for malformed in ["soon", "1", "S", "123456789S", "1x"] {
        let status = call_with_timeout(&gateway, "Converse", malformed, &converse("demo.model", "Hi")).await.status;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "MALFORMED_TIMEOUT"),
            "{malformed}"
        );
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "grpc-timeout");
    }
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn a_very_long_deadline_never_expires() {
    let (_simulator, gateway, mut client) = started().await;
    let response = call_with_timeout(&gateway, "Converse", "99999999H", &converse("demo.model", "Hi")).await;
    assert_eq!(response.status.code(), Code::Ok);
    let mut request = Request::new(converse("demo.model", "Hi"));
    request.set_timeout(Duration::from_secs(60));
    client.converse(request).await.unwrap();
}

#[tokio::test]
async fn the_deadline_applies_if_the_caller_does_not_read() {
    let (simulator, gateway, _) = started().await;
    let request = converse_stream("fault.stall.after.5", "Hi").encode_to_vec();
    // The client releases no capacity, and the window is too small for the first event, so the server cannot send.
    let response =
        raw::send_message_with_window(&gateway, "ConverseStream", &[("grpc-timeout", "300m")], &request, 1).await;
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "DEADLINE_EXCEEDED").await;
    drop(response);
}
