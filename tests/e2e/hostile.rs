//! Callers that misuse the protocol, with a healthy caller next to them.

use std::io::Read as _;
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::*;
use prost::Message as _;
use tonic::Code;

use crate::fixture::*;

const MIB: u64 = 1024 * 1024;

/// The resident memory of the gateway in bytes.
fn resident_memory(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

async fn expect_healthy(client: &mut Client) {
    let response =
        tokio::time::timeout(Duration::from_secs(10), client.converse(converse("demo.model", "Hello"))).await;
    assert_eq!(response.expect("a healthy call hangs").unwrap().into_inner().stop_reason.as_deref(), Some("end_turn"));
}

#[tokio::test]
async fn prefixes_that_claim_32_mib_take_no_memory() {
    let (_simulator, gateway, mut client) = started().await;
    let before = resident_memory(&gateway);
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut sender = raw::connect(&gateway).await;
        for _ in 0..100 {
            sender = sender.ready().await.unwrap();
            let (response, mut body) =
                sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
            body.send_data(raw::framed(0, 32 << 20, b""), false).unwrap();
            open.push((response, body));
        }
        open.shrink_to_fit();
    }
    expect_healthy(&mut client).await;
    let growth = resident_memory(&gateway).saturating_sub(before);
    assert!(growth < 100 * MIB, "1,000 prefixes took {} MiB", growth / MIB);
}

#[tokio::test]
async fn large_requests_to_health_and_reflection_are_rejected() {
    let (_simulator, gateway, _client) = started().await;
    for (path, code) in [
        ("/grpc.health.v1.Health/Check", Code::OutOfRange),
        // tonic's reflection ends its stream without an error when a request cannot be read.
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Code::Ok),
    ] {
        let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
        let uri = format!("http://{}{path}", gateway.address);
        let request = http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let (response, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        body.send_data(raw::framed(0, 32 << 20, b"a small part"), false).unwrap();
        let status = raw::read_response(response.await.unwrap()).await.status;
        assert_eq!(status.code(), code, "{path}: {status}");
    }
}

#[tokio::test]
async fn messages_that_inflate_to_more_than_the_limit_are_rejected_within_the_budget() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--max-bytes-in-flight=256MiB").start().await;
    let mut client = gateway.client().await;
    let before = resident_memory(&gateway);
    let bomb = zstd::encode_all(std::io::repeat(0).take(33 << 20), 3).unwrap();
    assert!(bomb.len() < 8 * 1024);
    let mut sender = raw::connect(&gateway).await;
    let mut responses = Vec::new();
    for _ in 0..100 {
        sender = sender.ready().await.unwrap();
        let request = raw::post(&gateway, "Converse").header("grpc-encoding", "zstd").body(()).unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        body.send_data(raw::framed(1, bomb.len(), &bomb), true).unwrap();
        responses.push(response);
    }
    expect_healthy(&mut client).await;
    for response in responses {
        let status = raw::read_response(response.await.unwrap()).await.status;
        let reason = reason(&status);
        assert!(["MESSAGE_TOO_LARGE", "ADMISSION_BYTES"].contains(&reason.as_str()), "{reason}");
    }
    let growth = resident_memory(&gateway).saturating_sub(before);
    assert!(growth < 700 * MIB, "100 bombs took {} MiB", growth / MIB);
}

#[tokio::test]
async fn a_message_of_millions_of_empty_blocks_is_rejected_and_takes_little_memory() {
    let (_simulator, gateway, mut client) = started().await;
    expect_healthy(&mut client).await;
    let before = resident_memory(&gateway);
    // A field number and a length of zero: two bytes for an empty content block.
    let blocks = [0x12, 0].repeat(15_000_000);
    let mut message = vec![0x12];
    prost::encoding::encode_varint(blocks.len() as u64, &mut message);
    message.extend(blocks);
    let bomb = zstd::encode_all(message.as_slice(), 3).unwrap();
    assert!(bomb.len() < 8 * 1024);
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let request = raw::post(&gateway, "Converse").header("grpc-encoding", "zstd").body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(raw::framed(1, bomb.len(), &bomb), true).unwrap();
    let healthy = async {
        for _ in 0..10 {
            expect_healthy(&mut client).await;
        }
    };
    let (response, ()) = tokio::join!(response, healthy);
    let status = raw::read_response(response.unwrap()).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
    assert!(status.message().contains("500000 fields"), "{}", status.message());
    let growth = resident_memory(&gateway).saturating_sub(before);
    assert!(growth < 200 * MIB, "15 million blocks took {} MiB", growth / MIB);
}

#[tokio::test]
async fn a_document_that_is_nested_too_deep_is_rejected() {
    let (_simulator, gateway, mut client) = started().await;
    let mut value = prost_types::Value::default();
    for _ in 0..100 {
        let list = prost_types::ListValue { values: vec![value] };
        value = prost_types::Value { kind: Some(prost_types::value::Kind::ListValue(list)) };
    }
    let mut request = converse("demo.model", "Hello");
    request.additional_model_request_fields_form =
        Some(converse_request::AdditionalModelRequestFieldsForm::AdditionalModelRequestFields(value));
    let status = client.converse(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
    expect_healthy(&mut gateway.client().await).await;
}

#[tokio::test]
async fn large_messages_beyond_the_budget_wait_and_are_then_rejected_with_a_delay() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--max-bytes-in-flight=40MiB").start().await;
    let (mut client, mut other) = (gateway.client().await, gateway.client().await);
    // The first message has room and stays incomplete, so that the second one has none. The gateway reserves the first one when
    // more than 64 KiB of it have arrived. If the second one comes earlier, it passes, and both are sent again.
    let mut sender = raw::connect(&gateway).await;
    let mut incomplete = Vec::new();
    let rejected = loop {
        sender = sender.ready().await.unwrap();
        let (response, mut body) =
            sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
        body.send_data(raw::framed(0, 32 << 20, &vec![0; 100_000]), false).unwrap();
        incomplete.push((response, body));
        if let Err(status) = other.converse(converse("demo.model", &"x".repeat(20 << 20))).await {
            break status;
        }
    };
    assert_eq!((rejected.code(), reason(&rejected).as_str()), (Code::ResourceExhausted, "ADMISSION_BYTES"));
    assert!(trailer(&rejected, "grpc-retry-pushback-ms").is_some());
    expect_healthy(&mut client).await;
}

#[tokio::test]
async fn calls_beyond_the_maximum_are_rejected_at_once_with_a_delay() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--max-concurrent-calls=1").start().await;
    let mut client = gateway.client().await;
    let stream = client.converse_stream(converse_stream("fault.stall.after.1", "Hello")).await.unwrap();
    let rejected = client.converse(converse("demo.model", "Hello")).await.unwrap_err();
    assert_eq!((rejected.code(), reason(&rejected).as_str()), (Code::ResourceExhausted, "ADMISSION_OVERLOAD"));
    let pushback: u32 = trailer(&rejected, "grpc-retry-pushback-ms").unwrap().parse().unwrap();
    assert!(pushback <= 10_000);
    assert!(trailer(&rejected, "retry-after").is_some());
    drop(stream);
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
    expect_healthy(&mut client).await;
}

#[tokio::test]
async fn two_messages_on_a_unary_call_are_rejected() {
    let (_simulator, gateway, mut client) = started().await;
    let message = converse("demo.model", "Hello").encode_to_vec();
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let (response, mut body) = sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
    body.send_data(raw::framed(0, message.len(), &message), false).unwrap();
    body.send_data(raw::framed(0, message.len(), &message), true).unwrap();
    let status = raw::read_response(response.await.unwrap()).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MALFORMED_MESSAGE"));
    expect_healthy(&mut client).await;
}

#[tokio::test]
async fn a_caller_that_resets_within_a_message_is_logged_as_cancelled() {
    let (_simulator, gateway, _client) = started().await;
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let (_response, mut body) = sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
    body.send_data(raw::framed(0, 1000, b"half"), false).unwrap();
    body.send_reset(h2::Reason::CANCEL);
    let line = gateway.call_line(|_| true).await;
    assert_eq!(line["status"], "CANCELLED", "{line}");
}

#[tokio::test]
async fn requests_that_are_not_grpc_get_an_http_status() {
    let (_simulator, gateway, _client) = started().await;
    let uri = format!("http://{}{}", gateway.address, raw::path("Converse"));
    for (request, status) in [
        (http::Request::get(&uri).header("content-type", "application/grpc").header("te", "trailers"), 405),
        (http::Request::post(&uri).header("content-type", "application/json").header("te", "trailers"), 415),
        (http::Request::post(&uri).header("content-type", "application/grpc-web").header("te", "trailers"), 415),
    ] {
        let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
        let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), status);
    }
    let without_te = http::Request::post(&uri).header("content-type", "application/grpc").body(()).unwrap();
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let (response, _) = sender.send_request(without_te, true).unwrap();
    let status = raw::read_response(response.await.unwrap()).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MALFORMED_MESSAGE"));
}

#[tokio::test]
async fn a_request_that_is_half_sent_does_not_delay_the_shutdown() {
    let (_simulator, mut gateway, _client) = started().await;
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let (response, mut body) = sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
    body.send_data(raw::framed(0, 1000, b"half"), false).unwrap();
    let mut other = gateway.client().await;
    expect_healthy(&mut other).await;
    drop(other);
    gateway.terminate();
    let status = raw::read_response(response.await.unwrap()).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"));
    let ended = tokio::time::timeout(Duration::from_secs(10), gateway.process.wait()).await;
    assert!(ended.expect("the gateway waits for the grace period").unwrap().success());
}

#[tokio::test]
async fn documents_of_20_mb_in_many_calls_at_once_are_served() {
    let (_simulator, gateway, _client) = started().await;
    let calls = (0..16).map(|_| async {
        let mut client = gateway.client().await;
        let source = DocumentSource { member: Some(document_source::Member::Bytes(vec![b'%'; 20_000_000].into())) };
        let document = DocumentBlock {
            format: Some("pdf".to_owned()),
            name: Some("report".to_owned()),
            source: Some(source),
            ..DocumentBlock::default()
        };
        let mut request = converse("demo.model", "Summarize this.");
        request.messages[0].content.push(ContentBlock { member: Some(content_block::Member::Document(document)) });
        client.converse(request).await.map(|response| response.into_inner().stop_reason)
    });
    for outcome in futures::future::join_all(calls).await {
        assert_eq!(outcome.unwrap().as_deref(), Some("end_turn"));
    }
}

/// A client that sends its whole request before it reads the response, as connect-node does, must be able to send it.
#[tokio::test]
async fn rejected_request_can_be_sent_to_its_end_after_the_status() {
    let (simulator, gateway, _) = started().await;
    let too_large = 33 << 20;
    for (header, message, expected) in [
        (("grpc-timeout", "nonsense"), 10 << 20, "MALFORMED_TIMEOUT"),
        (("bedrock-grpc-nonsense", "x"), 10 << 20, "VALIDATION"),
        (("x-nothing", "x"), too_large, "MESSAGE_TOO_LARGE"),
    ] {
        let request = raw::post(&gateway, "Converse").header(header.0, header.1).body(()).unwrap();
        let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        body.send_data(raw::framed(0, message, b""), false).unwrap();
        let status = tonic::Status::from_header_map(response.await.unwrap().headers()).unwrap();
        assert_eq!(reason(&status), expected);
        let mut rest = message;
        while rest > 0 {
            body.reserve_capacity(rest.min(1 << 20));
            let capacity = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
            let size = capacity.unwrap_or_else(|| panic!("{expected}: the stream was reset")).unwrap().min(rest);
            body.send_data(bytes::Bytes::from(vec![0; size]), size == rest).unwrap();
            rest -= size;
        }
    }
    assert!(simulator.requests().is_empty());
}
