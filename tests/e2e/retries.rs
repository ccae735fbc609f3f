//! The gateway's own retries: only before the first event, and never more than three attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use http::Response;
use tonic::Code;

use crate::fixture::*;

#[tokio::test]
async fn a_temporary_failure_is_not_visible_to_the_caller() {
    let (simulator, _gateway, mut client) = started().await;
    let response = client.converse(converse("fault.flaky.2.service-unavailable", "Hi")).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "3");
    assert_eq!(simulator.requests().len(), 3);
    let bodies: std::collections::HashSet<_> = simulator.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies.len(), 1, "each attempt sends the same");

    let response = client.converse_stream(converse_stream("fault.flaky.1.reset", "Hi")).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "2");
    let mut stream = response.into_inner();
    while stream.message().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_failure_in_a_streams_first_frame_is_retried() {
    let (_simulator, _gateway, mut client) = started().await;
    let response =
        client.converse_stream(converse_stream("fault.flaky.1.service-unavailable.after.0", "Hi")).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "2");
    let mut stream = response.into_inner();
    while stream.message().await.unwrap().is_some() {}
}

#[tokio::test]
async fn an_internal_error_is_retried_once() {
    let (_simulator, _gateway, mut client) = started().await;
    client.converse(converse("fault.flaky.1.internal-server", "Hi")).await.unwrap();
    let status = client.converse(converse("fault.flaky.2.internal-server", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), info(&status, "attempts").as_str()), (Code::Internal, "2"));
}

#[tokio::test]
async fn retries_of_the_caller_itself_get_one_attempt_each() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let endpoint = Http2Endpoint::start(move |mut call| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            let response = Response::builder().status(503).header("x-amzn-errortype", "ServiceUnavailableException");
            call.respond.send_response(response.body(()).unwrap(), true).unwrap();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    for (name, value) in [("grpc-previous-rpc-attempts", "1"), ("x-envoy-attempt-count", "2")] {
        let mut request = tonic::Request::new(converse("m", "Hi"));
        request.metadata_mut().insert(name, value.parse().unwrap());
        let status = gateway.client().await.converse(request).await.unwrap_err();
        assert_eq!(info(&status, "attempts"), "1", "{name}");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_not_multiplied_by_retries() {
    const CALLS: usize = 200;
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let endpoint = Http2Endpoint::start(move |mut call| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            let response = Response::builder().status(503).header("x-amzn-errortype", "ServiceUnavailableException");
            call.respond.send_response(response.body(()).unwrap(), true).unwrap();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    let client = gateway.client().await;
    let calls = (0..CALLS).map(|_| {
        let mut client = client.clone();
        async move { client.converse(converse("m", "Hi")).await.unwrap_err() }
    });
    for status in join_all(calls).await {
        assert_eq!(reason(&status), "SERVICE_UNAVAILABLE");
    }
    // A tenth of the calls and the floor: ten in ten seconds.
    let requests = requests.load(Ordering::SeqCst);
    assert!((CALLS..=CALLS + CALLS / 10 + 20).contains(&requests), "{requests} requests for {CALLS} calls");
}
