//! Traces as a collector receives them.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::fixture::*;

async fn traced() -> (bedrock_simulator::Simulator, Collector, Gateway) {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway = Gateway::builder(&simulator)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
        .await;
    (simulator, collector, gateway)
}

#[tokio::test]
async fn a_call_has_a_server_span_in_the_callers_trace_a_client_span_and_attempt_spans() {
    let (_simulator, collector, gateway) = traced().await;
    let mut request = tonic::Request::new(converse_stream("fault.flaky.1.service-unavailable", "a secret"));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request.get_mut().inference_config =
        Some(bedrock_grpc_schema::runtime::v1::InferenceConfiguration { max_tokens: Some(77), ..Default::default() });
    let mut stream = gateway.client().await.converse_stream(request).await.unwrap().into_inner();
    let mut usage = None;
    while let Some(event) = stream.message().await.unwrap() {
        if let Some(bedrock_grpc_schema::runtime::v1::converse_stream_response::Member::Metadata(metadata)) =
            event.member
        {
            usage = metadata.usage;
        }
    }
    let usage = usage.unwrap();

    let server = collector.span(|span| span.kind() == SpanKind::Server).await;
    assert_eq!(server.name, "bedrock.runtime.v1.BedrockRuntimeService/ConverseStream");
    assert_eq!(hex(&server.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&server.parent_span_id), "b7ad6b7169203331");
    let of_server = |name| attribute(&server.attributes, name);
    assert_eq!(of_server("rpc.system.name"), "grpc");
    assert_eq!(of_server("rpc.method"), "bedrock.runtime.v1.BedrockRuntimeService/ConverseStream");
    assert_eq!(of_server("rpc.response.status_code"), "OK");

    let client = collector.span(|span| span.kind() == SpanKind::Client).await;
    assert_eq!(client.name, "chat fault.flaky.1.service-unavailable");
    assert_eq!(client.parent_span_id, server.span_id);
    let of_client = |name| attribute(&client.attributes, name);
    assert_eq!(of_client("gen_ai.operation.name"), "chat");
    assert_eq!(of_client("gen_ai.provider.name"), "aws.bedrock");
    assert_eq!(of_client("gen_ai.request.model"), "fault.flaky.1.service-unavailable");
    assert_eq!(of_client("gen_ai.request.max_tokens"), "77");
    assert!(of_client("gen_ai.response.finish_reasons").contains("end_turn"));
    assert_eq!(of_client("gen_ai.usage.input_tokens"), usage.input_tokens.unwrap().to_string());
    assert_eq!(of_client("gen_ai.usage.output_tokens"), usage.output_tokens.unwrap().to_string());

    let first = collector.span(|span| span.name == "attempt 1").await;
    let second = collector.span(|span| span.name == "attempt 2").await;
    for attempt in [&first, &second] {
        assert_eq!(attempt.parent_span_id, client.span_id);
        assert_eq!(attribute(&attempt.attributes, "cloud.region"), "us-east-1");
    }
    assert_eq!(attribute(&first.attributes, "error.type"), "SERVICE_UNAVAILABLE");
    assert_eq!(attribute(&second.attributes, "error.type"), "");
    assert!(!format!("{:?}", collector.spans()).contains("secret"));

    let line = gateway.call_line(|_| true).await;
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn spans_of_a_failed_call_have_the_error() {
    let (_simulator, collector, gateway) = traced().await;
    let mut client = gateway.client().await;
    client.converse(converse("fault.model-timeout", "Hi")).await.unwrap_err();
    let server = collector.span(|span| span.kind() == SpanKind::Server).await;
    assert_eq!(attribute(&server.attributes, "rpc.response.status_code"), "DEADLINE_EXCEEDED");
    assert_eq!(attribute(&server.attributes, "error.type"), "MODEL_TIMEOUT");
    assert_eq!(server.status.unwrap().code(), StatusCode::Error);
    let client = collector.span(|span| span.kind() == SpanKind::Client).await;
    assert_eq!(attribute(&client.attributes, "error.type"), "MODEL_TIMEOUT");
}

#[tokio::test]
async fn spans_of_a_stream_that_fails_after_events_have_the_error() {
    let (_simulator, collector, gateway) = traced().await;
    let mut client = gateway.client().await;
    let mut stream =
        client.converse_stream(converse_stream("fault.truncate.after.3", "Hi")).await.unwrap().into_inner();
    while stream.message().await.is_ok_and(|event| event.is_some()) {}
    let server = collector.span(|span| span.kind() == SpanKind::Server).await;
    assert_eq!(attribute(&server.attributes, "rpc.response.status_code"), "UNAVAILABLE");
    assert_eq!(attribute(&server.attributes, "error.type"), "STREAM_TRUNCATED");
}

#[tokio::test]
async fn a_failed_call_is_logged_with_its_request_id_and_reason() {
    let (_simulator, gateway, mut client) = started().await;
    let status = client.converse(converse("fault.throttling-daily", "Hi")).await.unwrap_err();
    let line = gateway.call_line(|_| true).await;
    assert_eq!(line["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(line["reason"], "THROTTLING");
    assert_eq!(line["request_id"], info(&status, "aws_request_id"));
}

#[tokio::test]
async fn only_the_share_of_successes_is_logged_and_every_failure() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--log-success-sample").arg("0").start().await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        client.converse(converse("demo.model", "Hi")).await.unwrap();
        client.converse(converse("fault.throttling-daily", "Hi")).await.unwrap_err();
    }
    // The failed call ends after the successful ones, and the log has the calls in the order of their ends.
    client.converse(converse("fault.model-timeout", "Hi")).await.unwrap_err();
    gateway.call_line(|line| line["reason"] == "MODEL_TIMEOUT").await;
    assert_eq!(gateway.log.count(|line| line["message"] == "call" && line["status"] == "OK"), 0);
    assert_eq!(gateway.log.count(|line| line["reason"] == "THROTTLING"), 3);
}

#[tokio::test]
async fn fields_of_the_log_line_are_those_of_the_documentation() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway =
        Gateway::builder(&simulator).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.endpoint).start().await;
    let mut client = gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    client.converse(converse("fault.throttling-daily", "Hi")).await.unwrap_err();
    let lines = [
        gateway.call_line(|line| line["status"] == "OK").await,
        gateway.call_line(|line| line["reason"] == "THROTTLING").await,
    ];
    let text = include_str!("../../docs/operating.md");
    let table = text.split("| Field | Meaning |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split(", ").map(|name| name.trim().replace('`', "")));
    let documented: std::collections::BTreeSet<_> = names.collect();
    let found = lines.iter().flat_map(|line| line.as_object().unwrap().keys().cloned());
    let found: std::collections::BTreeSet<_> =
        found.filter(|name| !["timestamp", "level", "message"].contains(&name.as_str())).collect();
    let unknown: Vec<_> = found.difference(&documented).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not documented");
    // There are no callers and no names of models, and the model has no price.
    let absent: Vec<_> = documented.difference(&found).collect();
    assert_eq!(absent, ["caller", "cost_nanodollars", "target", "target_name"]);
}

/// Calls a gateway that logs everything, and returns its log.
async fn log_at_trace_level(credentials: &[(&str, &str)]) -> String {
    let simulator = simulator().await;
    let builder = Gateway::builder(&simulator).env("RUST_LOG", "trace");
    let gateway = credentials.iter().fold(builder, |builder, (name, value)| builder.env(name, *value)).start().await;
    let mut client = gateway.client().await;
    client.converse(converse("demo.model", "zebrafish")).await.unwrap();
    let mut stream = client.converse_stream(converse_stream("demo.model", "zebrafish")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    client.converse(converse("fault.validation", "zebrafish")).await.unwrap_err();
    gateway.call_line(|line| line["status"] == "INVALID_ARGUMENT").await;
    let header =
        if credentials.iter().any(|(name, _)| name.contains("BEARER")) { "Bearer " } else { "AWS4-HMAC-SHA256" };
    let sent = simulator.requests();
    assert!(sent.iter().all(|r| r.headers["authorization"].to_str().unwrap().starts_with(header)), "other credentials");
    gateway.log.text()
}

fn assert_not_in_log(log: &str, secrets: &[&str]) {
    assert!(log.len() > 10_000, "the lines of the libraries are missing");
    for secret in secrets {
        assert!(!log.contains(secret), "{}", log.lines().find(|line| line.contains(secret)).unwrap_or_default());
    }
}

#[tokio::test]
async fn prompts_and_signing_credentials_are_not_in_the_log_at_any_level() {
    let credentials = [("AWS_SECRET_ACCESS_KEY", "a-secret-key"), ("AWS_SESSION_TOKEN", "a-session-token")];
    assert_not_in_log(&log_at_trace_level(&credentials).await, &["zebrafish", "a-secret-key", "a-session-token"]);
}

#[tokio::test]
async fn prompts_and_api_keys_are_not_in_the_log_at_any_level() {
    let credentials = [("AWS_BEARER_TOKEN_BEDROCK", "an-api-key")];
    assert_not_in_log(&log_at_trace_level(&credentials).await, &["zebrafish", "an-api-key"]);
}

#[tokio::test]
async fn service_name_of_the_operator_wins_over_the_default() {
    for (variables, expected) in [
        (&[][..], "bedrock-grpc"),
        (&[("OTEL_SERVICE_NAME", "")][..], "bedrock-grpc"),
        (&[("OTEL_SERVICE_NAME", "by-name")][..], "by-name"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=by-attribute")][..], "by-attribute"),
    ] {
        let simulator = simulator().await;
        let collector = Collector::start().await;
        let builder = Gateway::builder(&simulator)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_BSP_SCHEDULE_DELAY", "50");
        let gateway = variables.iter().fold(builder, |builder, (name, value)| builder.env(name, *value)).start().await;
        gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
        collector.span(|_| true).await;
        assert_eq!(attribute(&collector.resource(), "service.name"), expected, "{variables:?}");
    }
}

#[tokio::test]
async fn path_that_the_schema_does_not_have_is_not_a_span_name() {
    let (_simulator, collector, gateway) = traced().await;
    raw::read_response(raw::send_message(&gateway, "/bedrock.anything/anything", &[], b"").await).await;
    let span = collector.span(|_| true).await;
    assert_eq!((span.name.as_str(), attribute(&span.attributes, "rpc.method").as_str()), ("_OTHER", "_OTHER"));
    assert_eq!(gateway.call_line(|_| true).await["rpc"], "_OTHER");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
