use serde_json::{Value, json};

use crate::support::{Fixture, MODEL, ask, user, with};

pub(crate) fn weather() -> Value {
    let input = json!({
        "type": "object",
        "properties": { "city": { "type": "string" }, "unit": { "enum": ["celsius", "kelvin"] } },
        "required": ["city"],
    });
    let weather = json!({ "name": "get_weather", "description": "Current weather", "inputSchema": { "json": input } });
    let time = json!({ "name": "get_time", "description": "Clock", "inputSchema": { "json": { "type": "object" } } });
    json!({ "tools": [{ "toolSpec": weather }, { "toolSpec": time }] })
}

async fn calls(fixture: &Fixture, text: &str, choice: Value) -> Vec<String> {
    let config = with(weather(), "toolChoice", choice);
    let answer = fixture.converse(MODEL, with(ask(text), "toolConfig", config)).await.json();
    let content = answer["output"]["message"]["content"].as_array().unwrap();
    let name = |block: &Value| Some(block["toolUse"]["name"].as_str()?.to_owned());
    let calls: Vec<_> = content.iter().filter_map(name).collect();
    assert_eq!(answer["stopReason"] == "tool_use", !calls.is_empty());
    calls
}

#[tokio::test]
async fn the_choice_decides() {
    let fixture = Fixture::start().await;
    let none: Vec<String> = Vec::new();
    assert_eq!(calls(&fixture, "What is the weather in Paris?", Value::Null).await, ["get_weather"]);
    assert_eq!(calls(&fixture, "Hello", json!({ "auto": {} })).await, none);
    assert_eq!(calls(&fixture, "Use get_time and get_weather", Value::Null).await, ["get_weather", "get_time"]);
    assert_eq!(calls(&fixture, "Hello", json!({ "any": {} })).await, ["get_weather"]);
    assert_eq!(calls(&fixture, "Hello", json!({ "tool": { "name": "get_time" } })).await, ["get_time"]);
}

#[tokio::test]
async fn a_round_trip_ends_in_text_that_quotes_the_result() {
    let fixture = Fixture::start().await;
    let question = user("What is the weather in Paris?");
    let config = weather();
    let request = json!({ "messages": [question], "toolConfig": config });
    let answer = fixture.converse(MODEL, request).await.json();
    let call = &answer["output"]["message"]["content"][0]["toolUse"];
    assert_eq!(call["input"], json!({ "city": "Paris", "unit": "celsius" }));
    let id = call["toolUseId"].as_str().unwrap();
    assert_eq!((id.len(), &id[..8]), (30, "tooluse_"));

    for (content, status, expected) in [
        (json!([{ "json": { "degrees": 21 } }]), "success", r#"The tool answered: {"degrees":21}."#),
        (json!([{ "text": "no such city" }]), "error", "The tool failed: no such city."),
        (json!([]), "success", "The tool answered nothing."),
    ] {
        let result = json!({ "toolResult": { "toolUseId": id, "content": content, "status": status } });
        let turn = json!({ "role": "user", "content": [result] });
        let request = json!({ "messages": [question, answer["output"]["message"], turn], "toolConfig": config });
        let reply = fixture.converse(MODEL, request).await;
        assert_eq!(reply.text(), expected);
        assert_eq!(reply.json()["stopReason"], "end_turn");
    }
}

#[tokio::test]
async fn the_input_streams_as_fragments_of_its_text() {
    let fixture = Fixture::start().await;
    let request = with(ask("Weather in Oslo"), "toolConfig", weather());
    let events = fixture.stream(MODEL, request).await.events();
    let types: Vec<_> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(types[..3], ["messageStart", "contentBlockStart", "contentBlockDelta"]);
    assert_eq!(events[1].1["start"]["toolUse"]["name"], "get_weather");
    let fragments: Vec<_> =
        events.iter().filter_map(|(_, payload)| payload["delta"]["toolUse"]["input"].as_str()).collect();
    assert_eq!(fragments[0], "");
    assert!(fragments.len() > 3);
    assert_eq!(fragments.concat(), r#"{"city":"Oslo","unit":"celsius"}"#);
}

#[tokio::test]
async fn half_a_call_is_none() {
    let fixture = Fixture::start().await;
    let request = with(ask("Weather in Oslo"), "toolConfig", weather());
    let answer = fixture.converse(MODEL, with(request, "inferenceConfig", json!({ "maxTokens": 2 }))).await.json();
    assert_eq!(answer["stopReason"], "max_tokens");
    assert_eq!(answer["output"]["message"]["content"], json!([]));
}
