//! Marked content appears in no exported byte: log, spans, metrics, and the pages of the admin port.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bedrock_grpc_schema::runtime::v1::ConverseRequest;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpStream;

use crate::fixture::*;
use crate::support::aws_json;

/// What the requests contain, each in another place.
const SYSTEM: &str = "marked-system-7f3a";
const PROMPT: &str = "marked-prompt-7f3a";
const TOOL_ARGUMENT: &str = "marked-argument-7f3a";
const TOOL_RESULT: &str = "marked-result-7f3a";
const TOOL_NAME: &str = "marked_tool_7f3a";
const IMAGE: &[u8] = b"marked-image-7f3a";
const SECRET_KEY: &str = "marked-secret-key-7f3a";
const SESSION_TOKEN: &str = "marked-session-token-7f3a";
const CALLER_TOKEN: &str = "marked-caller-token-7f3a";
const ADMIN_TOKEN: &str = "marked-admin-token-7f3a";

/// A conversation with all kinds of content that a request can have.
fn conversation(model: &str) -> ConverseRequest {
    let messages = json!([
        {"role": "user", "content": [
            {"text": PROMPT},
            {"image": {"format": "png", "source": {"bytes": BASE64_STANDARD.encode(IMAGE)}}},
        ]},
        {"role": "assistant", "content": [
            {"toolUse": {"toolUseId": "t1", "name": TOOL_NAME, "input": {TOOL_ARGUMENT: 1}}},
        ]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t1", "content": [{"text": TOOL_RESULT}]}},
        ]},
    ]);
    let tool = json!({"toolSpec": {"name": TOOL_NAME, "inputSchema": {"json": {"type": "object"}}}});
    let request = json!({
        "modelId": model, "messages": messages, "system": [{"text": SYSTEM}], "toolConfig": {"tools": [tool]},
    });
    let message = aws_json::pool().get_message_by_name("bedrock.runtime.v1.ConverseRequest").unwrap();
    ConverseRequest::decode(aws_json::fill(&message, &request).encode_to_vec().as_slice()).unwrap()
}

#[tokio::test]
async fn marked_content_is_in_no_exported_byte_at_trace_level() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, ADMIN_TOKEN).unwrap();
    let gateway = Gateway::builder(&simulator)
        .arg("--admin-listen")
        .arg("127.0.0.1:0")
        .arg("--admin-token-file")
        .arg(token_file.to_str().unwrap())
        .env("RUST_LOG", "trace")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "50")
        .start()
        .await;
    let address = admin_address(&gateway).await;
    let mut client = gateway.client().await;
    let with_token = |model: &str| {
        let mut request = tonic::Request::new(conversation(model));
        request.metadata_mut().insert("authorization", format!("Bearer {CALLER_TOKEN}").parse().unwrap());
        request
    };
    // An error whose text may quote the request, one that is retried, and a success.
    client.converse(with_token("fault.validation")).await.unwrap_err();
    client.converse(with_token("fault.internal-server")).await.unwrap_err();
    client.converse(with_token("demo.model")).await.unwrap();
    let sent = String::from_utf8(simulator.requests().last().unwrap().body.to_vec()).unwrap();
    for marked in [SYSTEM, PROMPT, TOOL_ARGUMENT, TOOL_RESULT, TOOL_NAME] {
        assert!(sent.contains(marked), "{marked} was not sent: {sent}");
    }
    // A call that runs while the pages are read.
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.2", PROMPT)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let mut exported = String::new();
    for path in ["/", "/metrics", "/calls", "/config", "/readyz", "/log-level"] {
        let authorization = format!("Bearer {ADMIN_TOKEN}");
        let socket = TcpStream::connect(&address).await.unwrap();
        let page = send(socket, &format!("GET {path}"), &[("authorization", &authorization)], "").await;
        assert_eq!(page.status, 200, "{path}");
        exported.push_str(&page.head);
        exported.push_str(&page.body);
    }
    drop((stream, client));
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
    collector.span(|span| attribute(&span.attributes, "rpc.response.status_code") == "CANCELLED").await;
    collector.metric("rpc.server.call.duration").await;
    exported.push_str(&collector.text());
    let log = gateway.log.text();
    assert!(log.len() > 10_000, "the lines of the libraries are missing");
    exported.push_str(&log);
    assert!(exported.contains("demo.model") && exported.contains("fault.stall.after.2"));
    let image = String::from_utf8_lossy(IMAGE).into_owned();
    let encoded_image = BASE64_STANDARD.encode(IMAGE);
    for marked in [
        SYSTEM,
        PROMPT,
        TOOL_ARGUMENT,
        TOOL_RESULT,
        TOOL_NAME,
        &image,
        &encoded_image,
        SECRET_KEY,
        SESSION_TOKEN,
        CALLER_TOKEN,
        ADMIN_TOKEN,
        "marked",
    ] {
        let place = exported.find(marked);
        assert!(
            place.is_none(),
            "{marked}: ...{}",
            place
                .map(|at| exported[at.saturating_sub(300)..].chars().take(600).collect::<String>())
                .unwrap_or_default()
        );
    }
}
