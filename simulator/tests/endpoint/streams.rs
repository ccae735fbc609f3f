use serde_json::json;

use crate::support::{Fixture, MODEL, ask, header, with};

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let fixture = Fixture::start().await;
    let reply = fixture.stream(MODEL, ask("Hi")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/vnd.amazon.eventstream");
    assert_eq!(reply.header("transfer-encoding"), "chunked");
    let events = reply.events();
    let types: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(types[0], "messageStart");
    assert_eq!(types[types.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    assert!(types.iter().filter(|kind| **kind == "contentBlockDelta").count() >= 8, "{types:?}");
    assert!(!types.contains(&"contentBlockStart"));

    let text: String = events.iter().filter_map(|(_, payload)| payload["delta"]["text"].as_str()).collect();
    let unary = fixture.converse(MODEL, ask("Hi")).await;
    assert_eq!(text, unary.text());
    assert_eq!(events.last().unwrap().1["usage"], unary.json()["usage"]);
    assert_eq!(events.last().unwrap().1["metrics"], unary.json()["metrics"]);
}

#[tokio::test]
async fn frames_look_like_bedrocks() {
    let fixture = Fixture::start().await;
    let (frames, _) = fixture.stream(MODEL, ask("Hi")).await.frames();
    let mut lengths = std::collections::BTreeSet::new();
    for frame in &frames {
        assert_eq!(header(frame, ":content-type"), "application/json");
        assert_eq!(header(frame, ":message-type"), "event");
        let payload: serde_json::Value = serde_json::from_slice(frame.payload()).unwrap();
        let padding = payload["p"].as_str().unwrap();
        assert!(padding.starts_with('a'));
        lengths.insert(padding.len());
    }
    assert!(lengths.len() > 3, "{lengths:?}");
}

#[tokio::test]
async fn reasoning_streams_as_text_and_then_its_signature() {
    let fixture = Fixture::start().await;
    let request = with(ask("Hi"), "additionalModelRequestFields", json!({ "thinking": { "type": "enabled" } }));
    let events = fixture.stream(MODEL, request).await.events();
    let deltas: Vec<_> = events.iter().filter(|(kind, _)| kind == "contentBlockDelta").map(|(_, p)| p).collect();
    let reasoning: Vec<_> = deltas.iter().filter(|delta| delta["contentBlockIndex"] == 0).collect();
    assert!(reasoning[0]["delta"]["reasoningContent"]["text"].is_string());
    assert!(reasoning.last().unwrap()["delta"]["reasoningContent"]["signature"].is_string());
    assert!(deltas.last().unwrap()["delta"]["text"].is_string());
    assert_eq!(deltas.last().unwrap()["contentBlockIndex"], 1);
}

#[tokio::test]
async fn why_it_ends_is_in_the_last_events() {
    let fixture = Fixture::start().await;
    let request = with(ask("a STOP b"), "inferenceConfig", json!({ "stopSequences": ["STOP"] }));
    let request = with(request, "additionalModelResponseFieldPaths", json!(["/stop_sequence"]));
    let request = with(request, "serviceTier", json!({ "type": "priority" }));
    let guardrail = json!({ "guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled" });
    let events = fixture.stream(MODEL, with(request, "guardrailConfig", guardrail)).await.events();
    let find = |name: &str| &events.iter().find(|(kind, _)| kind == name).unwrap().1;
    assert_eq!(find("messageStop")["stopReason"], "stop_sequence");
    assert_eq!(find("messageStop")["additionalModelResponseFields"]["stop_sequence"], "STOP");
    assert_eq!(find("metadata")["serviceTier"]["type"], "priority");
    assert!(find("metadata")["trace"]["guardrail"]["inputAssessment"]["abc"].is_object());
}
