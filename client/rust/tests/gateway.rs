//! The client with a real gateway. `client/test rust` starts the gateway and runs these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::time::{Duration, Instant};

use bedrock_grpc_client::build::{image, text, user};
use bedrock_grpc_client::tonic::Code;
use bedrock_grpc_client::v1::{
    ApplyGuardrailRequest, ConverseRequest, ConverseStreamRequest, GuardrailContentBlock, GuardrailTextBlock, Message,
    guardrail_content_block,
};
use bedrock_grpc_client::{Client, ClientBuilder, ConverseResponseExt as _};

const MODEL: &str = "demo.model";

fn builder() -> ClientBuilder {
    let target = std::env::var("BEDROCK_GRPC_TARGET").expect("run the tests with client/test rust");
    Client::builder(format!("http://{target}"))
}

async fn connect() -> Client {
    builder().connect().await.unwrap()
}

fn converse(model: &str, message: Message) -> ConverseRequest {
    ConverseRequest { model_id: Some(model.to_owned()), messages: vec![message], ..Default::default() }
}

fn converse_stream(model: &str) -> ConverseStreamRequest {
    ConverseStreamRequest { model_id: Some(model.to_owned()), messages: vec![user("Hello")], ..Default::default() }
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn stream_collects_to_the_response_of_converse() {
    let client = connect().await;
    let whole = client.converse(converse(MODEL, user("Hello"))).await.unwrap();
    assert!(whole.text().contains("Hello") && whole.request_id().is_some());
    let collected = client.converse_stream(converse_stream(MODEL)).await.unwrap().collect().await.unwrap();
    assert_eq!(collected.message(), whole.message());
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn throttled_call_is_retried_after_the_pushback() {
    // The gateway sends three requests for the first attempt of the client, and one for each retry of the client.
    let request = converse("fault.flaky.3.throttling", user("Hello from Rust"));
    assert_eq!(connect().await.converse(request).await.unwrap().stop_reason(), "end_turn");
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn deadline_ends_a_call_and_a_stream() {
    let client = builder().timeout(Duration::from_millis(500)).connect().await.unwrap();
    let error = client.converse(converse("fault.stall", user("Hello"))).await.unwrap_err();
    assert_eq!(error.status(), Code::DeadlineExceeded);
    let stream = client.converse_stream(converse_stream("fault.stall.after.2")).await.unwrap();
    assert_eq!(stream.collect().await.unwrap_err().status(), Code::DeadlineExceeded);
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn request_with_an_image_of_10_mb_is_sent() {
    let bytes = [b"\x89PNG".to_vec(), vec![0; 10_000_000]].concat();
    let message = user(vec![text("Describe this picture."), image("png", bytes)]);
    assert!(connect().await.converse(converse(MODEL, message)).await.unwrap().text().contains("1 image"));
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn response_of_5_mb_is_received() {
    let text = format!("a@example.com {}", "lorem ipsum ".repeat(450_000));
    let block = GuardrailTextBlock { text: Some(text), ..Default::default() };
    let content = GuardrailContentBlock { member: Some(guardrail_content_block::Member::Text(block)) };
    let request = ApplyGuardrailRequest {
        guardrail_identifier: Some("guard1".to_owned()),
        guardrail_version: Some("1".to_owned()),
        source: Some("OUTPUT".to_owned()),
        content: vec![content],
        ..Default::default()
    };
    let response = connect().await.apply_guardrail(request).await.unwrap();
    assert!(response.outputs[0].text.as_ref().unwrap().len() > 5_000_000);
}

#[tokio::test]
#[ignore = "needs a gateway"]
async fn slow_call_outlives_many_keepalive_pings() {
    let client = builder().keepalive(Duration::from_secs(10), Duration::from_secs(20)).connect().await.unwrap();
    let started = Instant::now();
    let response = client.converse(converse("fault.slow.65000", user("Hello"))).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(65));
    assert_eq!(response.stop_reason(), "end_turn");
}
