//! InvokeModel with Anthropic's bodies.

use serde_json::{Value, json};

use crate::support::{Fixture, MODEL, Reply, ask, with};

pub(crate) fn claude(text: &str) -> Value {
    messages(json!([{ "role": "user", "content": text }]))
}

fn messages(messages: Value) -> Value {
    json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 500, "messages": messages })
}

fn weather() -> Value {
    let properties = json!({ "unit": { "enum": ["celsius"] }, "city": { "type": "string" } });
    let schema = json!({ "type": "object", "properties": properties });
    json!([{ "name": "get_weather", "description": "Weather of a city", "input_schema": schema }])
}

#[tokio::test]
async fn messages_are_answered_as_converse_answers() {
    let fixture = Fixture::start().await;
    let reply = fixture.invoke(MODEL, claude("Hello there")).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    let answer = reply.json();
    let converse = fixture.converse(MODEL, ask("Hello there")).await;
    assert_eq!(answer["content"], json!([{ "type": "text", "text": converse.text() }]));
    assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!(answer["model"], "claude-sonnet-4-20250514");
    assert!(answer["id"].as_str().unwrap().starts_with("msg_bdrk_"));
    assert_eq!((&answer["stop_reason"], &answer["stop_sequence"]), (&json!("end_turn"), &Value::Null));
    let usage = &converse.json()["usage"];
    assert_eq!(answer["usage"]["input_tokens"], usage["inputTokens"]);
    assert_eq!(answer["usage"]["output_tokens"], usage["outputTokens"]);
    assert_eq!(reply.header("x-amzn-bedrock-input-token-count"), usage["inputTokens"].to_string());
    assert_eq!(reply.header("x-amzn-bedrock-output-token-count"), usage["outputTokens"].to_string());
    assert_eq!(reply.header("x-amzn-bedrock-cache-read-input-token-count"), "0");
    assert!(reply.header("x-amzn-bedrock-invocation-latency").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn streams_say_what_the_whole_answer_says() {
    let fixture = Fixture::start().await;
    let request = with(claude("Hello there"), "stream", json!(true));
    let reply = fixture.invoke_stream(MODEL, request.clone()).await;
    assert_eq!(reply.header("content-type"), "application/vnd.amazon.eventstream");
    assert_eq!(reply.header("x-amzn-bedrock-content-type"), "application/json");
    let chunks = reply.chunks();
    let types: Vec<_> = chunks.iter().map(|chunk| chunk["type"].as_str().unwrap()).collect();
    assert_eq!(types[..3], ["message_start", "content_block_start", "content_block_delta"]);
    assert_eq!(types[types.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
    let text: String = chunks.iter().filter_map(|chunk| chunk["delta"]["text"].as_str()).collect();
    let whole = fixture.invoke(MODEL, request).await.json();
    assert_eq!(whole["content"][0]["text"], text);
    assert_eq!(chunks[0]["message"]["content"], json!([]));
    assert_eq!(chunks[0]["message"]["usage"]["input_tokens"], whole["usage"]["input_tokens"]);
    assert_eq!(chunks[chunks.len() - 2]["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    let metrics = &chunks[chunks.len() - 1]["amazon-bedrock-invocationMetrics"];
    assert_eq!(metrics["inputTokenCount"], whole["usage"]["input_tokens"]);
    assert_eq!(metrics["outputTokenCount"], whole["usage"]["output_tokens"]);
    assert!(metrics["invocationLatency"].is_u64() && metrics["firstByteLatency"].is_u64());
}

#[tokio::test]
async fn tools_are_called_and_answered() {
    let fixture = Fixture::start().await;
    let request = with(claude("What is the weather in Paris?"), "tools", weather());
    let answer = fixture.invoke(MODEL, request.clone()).await.json();
    assert_eq!(answer["stop_reason"], "tool_use");
    let call = &answer["content"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("tool_use"), &json!("get_weather")));
    assert_eq!(call["input"], json!({ "unit": "celsius", "city": "Paris" }));
    assert!(call["id"].as_str().unwrap().starts_with("toolu_bdrk_"));

    let chunks = fixture.invoke_stream(MODEL, request).await.chunks();
    assert_eq!(
        chunks[1]["content_block"],
        json!({ "type": "tool_use", "id": call["id"], "name": "get_weather", "input": {} })
    );
    let input: String = chunks.iter().filter_map(|chunk| chunk["delta"]["partial_json"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&input).unwrap(), call["input"]);

    let result = json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "21 degrees" });
    let turns = json!([
        { "role": "user", "content": "What is the weather in Paris?" },
        { "role": "assistant", "content": answer["content"] },
        { "role": "user", "content": [result] },
    ]);
    let answer = fixture.invoke(MODEL, with(messages(turns), "tools", weather())).await.json();
    assert_eq!(answer["content"][0]["text"], "The tool answered: 21 degrees.");
    let none = with(claude("What is the weather?"), "tools", weather());
    let none = fixture.invoke(MODEL, with(none, "tool_choice", json!({ "type": "none" }))).await.json();
    assert_eq!(none["stop_reason"], "end_turn");
}

#[tokio::test]
async fn limits_thinking_and_schemas() {
    let fixture = Fixture::start().await;
    let answer = fixture.invoke(MODEL, with(claude("Hello"), "max_tokens", json!(3))).await.json();
    assert_eq!((&answer["stop_reason"], &answer["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(3)));
    let answer = fixture.invoke(MODEL, with(claude("go STOP on"), "stop_sequences", json!(["STOP"]))).await.json();
    assert_eq!((&answer["stop_reason"], &answer["stop_sequence"]), (&json!("stop_sequence"), &json!("STOP")));
    let thinking = with(claude("Hello"), "thinking", json!({ "type": "enabled", "budget_tokens": 1024 }));
    let answer = fixture.invoke(MODEL, thinking.clone()).await.json();
    assert_eq!((&answer["content"][0]["type"], &answer["content"][1]["type"]), (&json!("thinking"), &json!("text")));
    let chunks = fixture.invoke_stream(MODEL, thinking).await.chunks();
    assert!(chunks.iter().any(|chunk| chunk["delta"]["type"] == "signature_delta"));
    let format = json!({ "type": "json_schema", "schema": { "properties": { "name": { "type": "string" } } } });
    let answer = fixture.invoke(MODEL, with(claude("I am Ada"), "output_config", json!({ "format": format }))).await;
    assert_eq!(answer.json()["content"][0]["text"], r#"{"name":"Ada"}"#);
}

#[tokio::test]
async fn the_prompt_cache_is_the_same_one() {
    let fixture = Fixture::start().await;
    let system =
        json!([{ "type": "text", "text": "Be very short.", "cache_control": { "type": "ephemeral", "ttl": "1h" } }]);
    let first = fixture.invoke(MODEL, with(claude("One?"), "system", system.clone())).await;
    let usage = &first.json()["usage"];
    assert_eq!((&usage["cache_creation_input_tokens"], &usage["cache_read_input_tokens"]), (&json!(4), &json!(0)));
    assert_eq!(usage["cache_creation"], json!({ "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 4 }));
    assert_eq!(first.header("x-amzn-bedrock-cache-write-input-token-count"), "4");
    let second = fixture.invoke(MODEL, with(claude("Two?"), "system", system)).await;
    assert_eq!(second.header("x-amzn-bedrock-cache-read-input-token-count"), "4");
    assert_eq!(second.header("x-amzn-bedrock-input-token-count"), "2");
}

#[tokio::test]
async fn pictures_count() {
    let fixture = Fixture::start().await;
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "aGk=" });
    let content = json!([{ "type": "text", "text": "Look" }, { "type": "image", "source": source }]);
    let reply = fixture.invoke(MODEL, messages(json!([{ "role": "user", "content": content }]))).await;
    assert!(reply.json()["content"][0]["text"].as_str().unwrap().contains("1 image"));
    assert_eq!(reply.header("x-amzn-bedrock-input-token-count"), "1025");
}

#[tokio::test]
async fn settings_travel_as_headers() {
    let fixture = Fixture::start().await;
    let path = |operation: &str| format!("/model/{MODEL}/{operation}");
    let settings = [
        ("x-amzn-bedrock-performanceconfig-latency", "optimized"),
        ("x-amzn-bedrock-service-tier", "flex"),
        ("x-amzn-bedrock-request-metadata", r#"{"team":"tests"}"#),
    ];
    for operation in ["invoke", "invoke-with-response-stream"] {
        let reply = fixture.post_with(&path(operation), &settings, claude("Hi")).await;
        assert_eq!(reply.header("x-amzn-bedrock-performanceconfig-latency"), "optimized");
        assert_eq!(reply.header("x-amzn-bedrock-service-tier"), "flex");
    }
    for (name, value) in [
        ("x-amzn-bedrock-service-tier", "first"),
        ("x-amzn-bedrock-trace", "enabled"),
        ("x-amzn-bedrock-request-metadata", "[]"),
        ("x-amzn-bedrock-guardrailidentifier", "abc"),
    ] {
        let reply = fixture.post_with(&path("invoke"), &[(name, value)], claude("Hi")).await;
        assert_eq!(reply.error(), "ValidationException", "{name}");
    }
}

#[tokio::test]
async fn a_guardrail_says_what_it_did() {
    let fixture = Fixture::start().await;
    let guardrail = [
        ("x-amzn-bedrock-guardrailidentifier", "abc"),
        ("x-amzn-bedrock-guardrailversion", "DRAFT"),
        ("x-amzn-bedrock-trace", "ENABLED"),
    ];
    let invoke = async |operation: &str, text: &str| {
        fixture.post_with(&format!("/model/{MODEL}/{operation}"), &guardrail, claude(text)).await
    };
    let blocked = invoke("invoke", "a forbidden thing").await.json();
    assert_eq!(blocked["amazon-bedrock-guardrailAction"], "INTERVENED");
    assert!(blocked["amazon-bedrock-trace"]["guardrail"]["input"]["abc"]["wordPolicy"].is_object(), "{blocked}");
    let last = invoke("invoke-with-response-stream", "a forbidden thing").await.chunks().pop().unwrap();
    assert_eq!(last["amazon-bedrock-guardrailAction"], "INTERVENED");
    assert_eq!(invoke("invoke", "a fine thing").await.json()["amazon-bedrock-guardrailAction"], "NONE");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let fixture = Fixture::start().await;
    let refused = async |request: Value| -> String {
        let reply: Reply = fixture.invoke(MODEL, request).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"));
        reply.message()
    };
    let missing = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5 });
    assert_eq!(
        refused(missing).await,
        "Malformed input request: #: required key [messages] not found, please reformat your input and try again."
    );
    assert!(refused(json!({ "inputText": "Hi" })).await.contains("required key [anthropic_version]"));
    assert!(refused(json!([])).await.starts_with("Malformed input request"));
    assert!(refused(messages(json!([]))).await.contains("at least one message"));
    assert!(refused(messages(json!([{ "role": "assistant", "content": "a" }]))).await.contains("first message"));
    assert!(refused(claude("")).await.contains("must be non-empty"));
    let unknown = json!([{ "type": "sing", "text": "la" }]);
    assert!(refused(messages(json!([{ "role": "user", "content": unknown }]))).await.contains("Input tag 'sing'"));
    let search = with(claude("a"), "tools", json!([{ "type": "web_search_20250305", "name": "web_search" }]));
    assert!(refused(search).await.starts_with("tools.0: Input tag 'web_search_20250305'"));
    let result = json!([{ "type": "tool_result", "tool_use_id": "x", "content": "a" }]);
    assert!(
        refused(messages(json!([{ "role": "user", "content": result }]))).await.contains("unexpected `tool_use_id`")
    );
    let call = json!([{ "type": "tool_use", "id": "x", "name": "a", "input": {} }]);
    let turns = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": call }]);
    assert!(refused(messages(turns)).await.contains("without `tool_result` blocks immediately after: x"));
}
