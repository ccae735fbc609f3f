//! Members, events and values that AWS has added and the schema does not know.

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, frames};
use http::StatusCode;

use crate::fixture::*;

#[tokio::test]
async fn an_unknown_content_block_reaches_the_caller_and_goes_back_unchanged() {
    let (simulator, gateway, mut client) = started().await;
    let response = client.converse(converse("fault.unknown-block", "Hi")).await.unwrap().into_inner();
    let Some(converse_output::Member::Message(message)) = response.output.unwrap().member else { panic!("no message") };
    let unknown = message.content.iter().find_map(|block| match &block.member {
        Some(content_block::Member::Unrecognized(document)) => Some(document.json.clone()),
        _ => None,
    });
    let unknown = unknown.unwrap();
    assert_eq!(unknown, r#"{"futureBlock":{"z": 1, "a": [1.0, 12345678901234567890]}}"#);

    let mut next = converse("demo.model", "Hi");
    next.messages.extend([message, user("And now?")]);
    client.converse(next).await.unwrap();
    let body = String::from_utf8(simulator.requests()[1].body.to_vec()).unwrap();
    assert!(body.contains(&unknown), "{body}");
    let line = gateway.log.line(|line| line["member"] == "usage.futureMember").await;
    assert_eq!(line["level"], "WARN");
}

#[tokio::test]
async fn an_unknown_event_reaches_the_caller_unchanged() {
    let (_simulator, _gateway, mut client) = started().await;
    let mut stream = client.converse_stream(converse_stream("fault.unknown-event", "Hi")).await.unwrap().into_inner();
    let (mut unknown, mut stopped) = (Vec::new(), false);
    while let Some(event) = stream.message().await.unwrap() {
        match event.member.unwrap() {
            Event::Unrecognized(document) => unknown.push(document),
            Event::MessageStop(_) => stopped = true,
            _ => {}
        }
    }
    assert!(stopped);
    assert_eq!(unknown.len(), 1);
    let value: serde_json::Value = serde_json::from_str(&unknown[0].json).unwrap();
    assert_eq!(value["futureEvent"]["answer"], 42);
}

#[tokio::test]
async fn an_unknown_enumeration_value_reaches_the_caller() {
    let (simulator, _gateway, mut client) = started().await;
    let body = r#"{"output":{"message":{"role":"narrator","content":[{"toolUse":{"toolUseId":"i","name":"t","input":{},"type":"tool_use"}}]}},"stopReason":"bored"}"#;
    simulator.script(Answer::json(StatusCode::OK, body));
    let response = client.converse(converse("demo.model", "Hi")).await.unwrap().into_inner();
    assert_eq!(response.stop_reason.as_deref(), Some("bored"));
    let Some(converse_output::Member::Message(message)) = response.output.unwrap().member else { panic!("no message") };
    assert_eq!(message.role.as_deref(), Some("narrator"));
    let Some(content_block::Member::ToolUse(tool)) = &message.content[0].member else { panic!("no tool use") };
    assert_eq!(tool.r#type.as_deref(), Some("tool_use"));
}

#[tokio::test]
async fn unknown_members_of_structures_are_counted_by_name_and_logged_once() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway = Gateway::builder(&simulator)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .start()
        .await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        simulator.script(Answer::json(StatusCode::OK, r#"{"usage":{"serverToolUsage":{"secret":1}}}"#));
        client.converse(converse("demo.model", "Hi")).await.unwrap();
    }
    let events = [frames::event("messageStop", br#"{"stopReason":"end_turn","mood":"good","p":"abc"}"#)];
    simulator.script(Answer::events(events));
    let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    gateway.terminate();

    collector.counts("bedrock_grpc.unknown_members", &[("messageStop.mood", 1), ("usage.serverToolUsage", 3)]).await;
    let log = gateway.log.text();
    assert_eq!(log.matches("usage.serverToolUsage").count(), 1, "{log}");
    assert!(!log.contains("secret"));
}
