//! InvokeModelWithBidirectionalStream, over TLS and HTTP/2.

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_request::Member as Input;
use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::*;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::fixture::*;

fn model(id: &str) -> InvokeModelWithBidirectionalStreamRequest {
    InvokeModelWithBidirectionalStreamRequest { model_id: Some(id.to_owned()), member: None }
}

fn chunk(bytes: &'static [u8]) -> InvokeModelWithBidirectionalStreamRequest {
    let part = BidirectionalInputPayloadPart { bytes: Some(Bytes::from_static(bytes)), ..Default::default() };
    InvokeModelWithBidirectionalStreamRequest { model_id: None, member: Some(Input::Chunk(part)) }
}

type Caller = mpsc::Sender<InvokeModelWithBidirectionalStreamRequest>;
type Output = Streaming<InvokeModelWithBidirectionalStreamResponse>;

/// Opens a stream and waits for its headers.
async fn open(gateway: &Gateway, id: &str) -> Result<(Caller, Output), Status> {
    let (caller, messages) = mpsc::channel(1);
    caller.send(model(id)).await.unwrap();
    let response = gateway.client().await.invoke_model_with_bidirectional_stream(ReceiverStream::new(messages)).await?;
    assert!(response.metadata().get("x-amzn-requestid").is_some());
    Ok((caller, response.into_inner()))
}

async fn next(responses: &mut Output) -> Result<Option<Bytes>, Status> {
    let Some(response) = responses.message().await? else { return Ok(None) };
    let Some(Event::Chunk(part)) = response.member else { panic!("no chunk: {response:?}") };
    Ok(part.bytes)
}

#[tokio::test]
async fn input_and_output_interleave_and_a_half_close_ends_both() {
    let (simulator, gateway, _) = started().await;
    // The headers arrive before any chunk was sent.
    let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
    for sent in [&b"one"[..], b"\x00\xff two", b""] {
        caller.send(chunk(sent)).await.unwrap();
        assert_eq!(next(&mut responses).await.unwrap().unwrap_or_default(), sent);
    }
    drop(caller);
    assert_eq!(next(&mut responses).await.unwrap(), None);
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    let sent = &simulator.requests()[0];
    assert!(sent.path.ends_with("/invoke-with-bidirectional-stream"), "{}", sent.path);
    let line = gateway.call_line(|_| true).await;
    assert_eq!(
        (&line["status"], &line["events"], &line["model"]),
        (&"OK".into(), &3.into(), &"amazon.nova-sonic-v1:0".into())
    );
    assert!(line["first_event_ms"].as_f64() <= line["duration_ms"].as_f64(), "{line}");
    assert!(line["first_event_ms"].is_number(), "{line}");
}

#[tokio::test]
async fn open_streams_whose_chunks_have_been_sent_take_no_part_of_the_byte_budget() {
    let simulator = simulator().await;
    // Small messages have an eighth of the budget: room for two chunks.
    let gateway = Gateway::builder(&simulator).arg("--max-bytes-in-flight=1MiB").start().await;
    static CHUNK: [u8; 60_000] = [7; 60_000];
    let mut open_streams = Vec::new();
    for _ in 0..5 {
        let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
        caller.send(chunk(&CHUNK)).await.unwrap();
        assert_eq!(next(&mut responses).await.unwrap().unwrap().len(), CHUNK.len());
        open_streams.push((caller, responses));
    }
    gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
}

#[tokio::test]
async fn a_caller_may_send_all_chunks_at_once_and_close() {
    let (_simulator, gateway, _) = started().await;
    let mut client = gateway.client().await;
    for _ in 0..30 {
        let input = futures::stream::iter([model("amazon.nova-sonic-v1:0"), chunk(b"one"), chunk(b"two")]);
        let mut responses = client.invoke_model_with_bidirectional_stream(input).await.unwrap().into_inner();
        assert_eq!(next(&mut responses).await.unwrap().unwrap(), &b"one"[..]);
        assert_eq!(next(&mut responses).await.unwrap().unwrap(), &b"two"[..]);
        assert_eq!(next(&mut responses).await.unwrap(), None);
    }
}

#[tokio::test]
async fn rejected_credentials_are_reloaded_for_the_next_call() {
    let (_simulator, gateway, _) = started().await;
    for _ in 0..2 {
        let status = open(&gateway, "fault.expired-token").await.unwrap_err();
        assert_eq!(reason(&status), "GATEWAY_CREDENTIALS");
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(gateway.channel().await);
    let mut states = health.watch(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner();
    let not_serving = tonic_health::pb::health_check_response::ServingStatus::NotServing;
    while states.message().await.unwrap().unwrap().status() != not_serving {}
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_stopped_by_backpressure_and_loses_nothing() {
    let (_simulator, gateway, _) = started().await;
    let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
    static LARGE: [u8; 100_000] = [7; 100_000];
    // The caller does not read the echo, so at some point the gateway accepts no more input. The windows and buffers hold a few
    // megabytes.
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(1), caller.send(chunk(&LARGE))).await.is_ok() {
        sent += 1;
        assert!(sent < 1000, "the gateway accepted 100 MB from a caller that does not read");
    }
    drop(caller);
    let mut received = 0;
    while let Some(bytes) = next(&mut responses).await.unwrap() {
        received += bytes.len();
    }
    assert_eq!(received, sent * LARGE.len());
}

#[tokio::test]
async fn a_caller_that_leaves_closes_the_upstream_stream() {
    let (simulator, gateway, _) = started().await;
    let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
    caller.send(chunk(b"one")).await.unwrap();
    next(&mut responses).await.unwrap();
    assert_eq!(*simulator.open_streams().borrow(), 1);
    drop((responses, caller));
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
}

#[tokio::test]
async fn a_hundred_callers_that_vanish_leave_nothing_behind() {
    let (simulator, gateway, mut client) = started().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
        caller.send(chunk(b"hello")).await.unwrap();
        next(&mut responses).await.unwrap();
        streams.push((caller, responses));
    }
    assert_eq!(*simulator.open_streams().borrow(), 100);
    // The streams go first, and each one's connection with it.
    drop(streams);
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    client.converse(converse("demo.model", "Hello")).await.unwrap();
    gateway.call_line(|line| line["rpc"] == "Converse" && line["status"] == "OK").await;
    let cancelled = gateway.log.count(|line| line["message"] == "call" && line["status"] == "CANCELLED");
    assert_eq!(cancelled, 100);
}

#[tokio::test]
async fn exceptions_before_and_inside_the_stream_become_statuses() {
    let (simulator, gateway, _) = started().await;
    let status = open(&gateway, "fault.throttling").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "THROTTLING"));
    assert_eq!((info(&status, "phase").as_str(), info(&status, "attempts").as_str()), ("request", "1"));
    for (fault, reason_wanted) in [
        ("fault.throttling.after.1", "THROTTLING"),
        ("fault.model-stream-error.after.1", "MODEL_STREAM_ERROR"),
        ("fault.cut.after.1", "STREAM_TRUNCATED"),
    ] {
        let (caller, mut responses) = open(&gateway, fault).await.unwrap();
        caller.send(chunk(b"one")).await.unwrap();
        assert_eq!(next(&mut responses).await.unwrap().unwrap(), &b"one"[..], "{fault}");
        let _ = caller.send(chunk(b"two")).await;
        let status = next(&mut responses).await.unwrap_err();
        assert_eq!((reason(&status).as_str(), info(&status, "phase").as_str()), (reason_wanted, "stream"), "{fault}");
    }
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_ends_the_call_with_its_field() {
    let (simulator, gateway, _) = started().await;
    let later = unrecognized(r#"{"later":{}}"#);
    let part = BidirectionalInputPayloadPart { bytes: None, unrecognized: Some(later.clone()) };
    for (model_id, member, field) in [
        (None, Some(Input::Unrecognized(later)), "unrecognized"),
        (None, Some(Input::Chunk(part)), "chunk.unrecognized"),
        (Some("another.model".to_owned()), chunk(b"one").member, "modelId"),
    ] {
        let (caller, mut responses) = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap();
        caller.send(InvokeModelWithBidirectionalStreamRequest { model_id, member }).await.unwrap();
        let status = next(&mut responses).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, field);
        simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    }
}

#[tokio::test]
async fn the_first_message_must_name_the_model() {
    let (_simulator, gateway, mut client) = started().await;
    for first in [vec![chunk(b"one")], vec![]] {
        let status = client.invoke_model_with_bidirectional_stream(futures::stream::iter(first)).await.unwrap_err();
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "modelId");
    }
    drop(gateway);
}

#[tokio::test]
async fn endpoint_without_tls_gives_no_http2() {
    let simulator = simulator_over_http1().await;
    let gateway = Gateway::builder(&simulator).start().await;
    let status = open(&gateway, "amazon.nova-sonic-v1:0").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_HTTP2"));
    assert!(status.message().contains("HTTP/2"));
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn other_calls_work_over_tls() {
    let (_simulator, gateway, _) = started().await;
    let mut client = gateway.client().await;
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
}

#[tokio::test]
async fn an_invalid_upstream_ca_is_rejected_at_start() {
    let file = std::env::temp_dir().join(format!("bedrock-grpc-{}-none.pem", std::process::id()));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .args(["serve", "--listen", "127.0.0.1:0", "--upstream-ca", file.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--upstream-ca"));
    std::fs::remove_file(file).unwrap();
}
