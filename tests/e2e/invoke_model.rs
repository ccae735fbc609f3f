//! InvokeModel: opaque bodies, and members that are headers.

use bedrock_grpc_schema::runtime::v1::invoke_model_with_response_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, frames};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tonic::Code;

use crate::fixture::*;

fn invoke(model_id: &str, body: impl Into<Bytes>) -> InvokeModelRequest {
    InvokeModelRequest { model_id: Some(model_id.to_owned()), body: Some(body.into()), ..Default::default() }
}

fn invoke_stream(model_id: &str, body: impl Into<Bytes>) -> InvokeModelWithResponseStreamRequest {
    InvokeModelWithResponseStreamRequest {
        model_id: Some(model_id.to_owned()),
        body: Some(body.into()),
        ..Default::default()
    }
}

const CLAUDE: &str = "anthropic.claude-3-haiku-20240307-v1:0";

fn claude(text: &str) -> String {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": text}]}).to_string()
}

#[tokio::test]
async fn a_body_is_unchanged_in_both_directions() {
    let (simulator, _gateway, mut client) = started().await;
    let odd = Bytes::from_static(b"\x00not json \xff\xfe");
    simulator.script(Answer::json(StatusCode::OK, odd.clone()));
    let response = client.invoke_model(invoke("demo.model", odd.clone())).await.unwrap().into_inner();
    assert_eq!(response.body.unwrap(), odd);
    assert_eq!(simulator.requests()[0].body, odd);
    assert_eq!(simulator.requests()[0].path, "/model/demo.model/invoke");
    assert_eq!(simulator.requests()[0].headers["content-type"], "application/json");
}

#[tokio::test]
async fn members_that_aws_binds_to_headers_are_sent_as_headers() {
    let (simulator, _gateway, mut client) = started().await;
    let body = claude("Hi");
    simulator.script(
        Answer::json(StatusCode::OK, "{}")
            .with_header("x-amzn-bedrock-performanceconfig-latency", "optimized")
            .with_header("x-amzn-bedrock-service-tier", "flex")
            .with_header("x-amzn-bedrock-input-token-count", "12")
            .with_header("x-amzn-bedrock-output-token-count", "34")
            .with_header("x-amzn-bedrock-invocation-latency", "56"),
    );
    let request = InvokeModelRequest {
        content_type: Some("text/plain".into()),
        accept: Some("image/png".into()),
        trace: Some("ENABLED".into()),
        guardrail_identifier: Some("gr1".into()),
        guardrail_version: Some("7".into()),
        performance_config_latency: Some("optimized".into()),
        service_tier: Some("a tier of tomorrow".into()),
        request_metadata: Some(r#"{"team":"a"}"#.into()),
        ..invoke(CLAUDE, body)
    };
    let response = client.invoke_model(request).await.unwrap();
    let sent = &simulator.requests()[0].headers;
    for (name, value) in [
        ("content-type", "text/plain"),
        ("accept", "image/png"),
        ("x-amzn-bedrock-trace", "ENABLED"),
        ("x-amzn-bedrock-guardrailidentifier", "gr1"),
        ("x-amzn-bedrock-guardrailversion", "7"),
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "a tier of tomorrow"),
        ("x-amzn-bedrock-request-metadata", r#"{"team":"a"}"#),
    ] {
        assert_eq!(sent.get(name).map(|v| v.to_str().unwrap()), Some(value), "{name}");
    }
    for (name, value) in [("input-token-count", "12"), ("output-token-count", "34"), ("invocation-latency", "56")] {
        assert_eq!(response.metadata().get(format!("x-amzn-bedrock-{name}")).unwrap(), value);
    }
    let response = response.into_inner();
    assert_eq!(response.performance_config_latency.as_deref(), Some("optimized"));
    assert_eq!(response.service_tier.as_deref(), Some("flex"));
    assert_eq!(response.content_type.as_deref(), Some("application/json"));
}

#[tokio::test]
async fn a_member_that_cannot_be_a_header_is_rejected() {
    let (simulator, _gateway, mut client) = started().await;
    let request = InvokeModelRequest { accept: Some("a\nb".into()), ..invoke(CLAUDE, "{}") };
    let status = client.invoke_model(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "accept");
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn invoke_model_usage_is_logged() {
    let (_simulator, gateway, mut client) = started().await;
    client.invoke_model(invoke(CLAUDE, claude("Hello there"))).await.unwrap();
    let line = gateway.call_line(|line| line["rpc"] == "InvokeModel").await;
    assert!(line["input_tokens"].as_u64().unwrap() > 0 && line["output_tokens"].as_u64().unwrap() > 0, "{line}");
    let mut stream =
        client.invoke_model_with_response_stream(invoke_stream(CLAUDE, claude("Hello"))).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    let line = gateway.call_line(|line| line["rpc"] == "InvokeModelWithResponseStream").await;
    assert!(line["output_tokens"].as_u64().unwrap() > 0, "{line}");
    assert!(!gateway.log.text().contains("Hello"));
}

#[tokio::test]
async fn embeddings_and_images_reach_the_caller_unchanged() {
    let (_simulator, _gateway, mut client) = started().await;
    let body = json!({"inputText": "a text", "dimensions": 256, "normalize": true}).to_string();
    let response = client.invoke_model(invoke("amazon.titan-embed-text-v2:0", body)).await.unwrap().into_inner();
    let vector: Value = serde_json::from_slice(&response.body.unwrap()).unwrap();
    assert_eq!(vector["embedding"].as_array().unwrap().len(), 256);
    let body = json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}}).to_string();
    let response = client.invoke_model(invoke("amazon.nova-canvas-v1:0", body)).await.unwrap().into_inner();
    let images: Value = serde_json::from_slice(&response.body.unwrap()).unwrap();
    assert!(images["images"][0].as_str().unwrap().starts_with("iVBORw0KGgo"), "no PNG");
    let status = client.invoke_model(invoke(CLAUDE, r#"{"nonsense":1}"#)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION"));
}

#[tokio::test]
async fn chunks_are_unchanged_and_response_headers_become_metadata() {
    let (simulator, _gateway, mut client) = started().await;
    let chunk = |bytes: &str| frames::event("chunk", json!({"bytes": bytes, "p": "abc"}).to_string().as_bytes());
    simulator.script(
        Answer::events([chunk("AAH/"), chunk("")])
            .with_header("x-amzn-bedrock-content-type", "application/json")
            .with_header("x-amzn-bedrock-performanceconfig-latency", "standard"),
    );
    let response = client.invoke_model_with_response_stream(invoke_stream("demo.model", "{}")).await.unwrap();
    assert_eq!(response.metadata().get("x-amzn-bedrock-content-type").unwrap(), "application/json");
    assert_eq!(response.metadata().get("x-amzn-bedrock-performanceconfig-latency").unwrap(), "standard");
    let mut stream = response.into_inner();
    for expected in [&b"\x00\x01\xff"[..], b""] {
        let Some(Event::Chunk(part)) = stream.message().await.unwrap().unwrap().member else { panic!("no chunk") };
        assert_eq!(part.bytes.unwrap(), expected);
    }
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_may_end_between_two_chunks_and_any_other_end_is_truncation() {
    let (simulator, _gateway, mut client) = started().await;
    for (fault, end) in [
        ("fault.truncate.after.2", Ok(())),
        ("fault.cut.after.2", Err("STREAM_TRUNCATED")),
        ("fault.reset.after.2", Err("STREAM_TRUNCATED")),
        ("fault.corrupt.after.2", Err("DATA_LOSS")),
        ("fault.model-timeout.after.2", Err("MODEL_TIMEOUT")),
        ("fault.model-stream-error.after.2", Err("MODEL_STREAM_ERROR")),
    ] {
        let mut stream =
            client.invoke_model_with_response_stream(invoke_stream(fault, "{}")).await.unwrap().into_inner();
        for _ in 0..2 {
            stream.message().await.unwrap().unwrap();
        }
        let ended = stream.message().await.map(|more| assert!(more.is_none())).map_err(|status| reason(&status));
        assert_eq!(ended, end.map_err(str::to_owned), "{fault}");
    }
    simulator.script(Answer::events([]));
    let mut empty =
        client.invoke_model_with_response_stream(invoke_stream("demo.model", "{}")).await.unwrap().into_inner();
    assert!(empty.message().await.unwrap().is_none());
}
