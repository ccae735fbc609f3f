//! The gateway's own retries: only before the first event, and never more than three attempts.

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
