use serde_json::Value;

use crate::support::{Fixture, MODEL};

async fn usage(fixture: &Fixture, body: &str) -> Value {
    let reply = fixture.post(&format!("/model/{MODEL}/converse"), body.to_owned()).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let usage = reply.json()["usage"].take();
    let parts = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"];
    let sum: u64 = parts.iter().map(|part| usage[*part].as_u64().unwrap()).sum();
    assert_eq!(usage["totalTokens"], sum);
    usage
}

/// Tools, then system with a cachePoint, then a question. The texts are raw: key order and spaces count.
fn body(schema: &str, question: &str) -> String {
    format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":"{question}"}}]}}],
            "system":[{{"text":"one two three"}},{{"cachePoint":{{"type":"default"}}}}],
            "toolConfig":{{"tools":[{{"toolSpec":{{"name":"t","inputSchema":{{"json":{schema}}}}}}}]}}}}"#
    )
}

#[tokio::test]
async fn the_same_bytes_hit_and_others_miss() {
    let fixture = Fixture::start().await;
    let schema = r#"{"type":"object","title":"a"}"#;
    let first = usage(&fixture, &body(schema, "hello")).await;
    let written = first["cacheWriteInputTokens"].as_u64().unwrap();
    assert!(written > 3, "{first}");
    assert_eq!((&first["cacheReadInputTokens"], &first["inputTokens"]), (&0.into(), &1.into()));
    assert_eq!(first["cacheDetails"][0]["ttl"], "5m");
    assert_eq!(first["cacheDetails"][0]["inputTokens"], written);

    let second = usage(&fixture, &body(schema, "something else")).await;
    assert_eq!(second["cacheReadInputTokens"], written);
    assert_eq!((&second["cacheWriteInputTokens"], &second["inputTokens"]), (&0.into(), &2.into()));
    assert!(second.get("cacheDetails").is_none());

    // The same schema, its keys in another order: what a client that reorders them pays for.
    let reordered = usage(&fixture, &body(r#"{"title":"a","type":"object"}"#, "hello")).await;
    assert_eq!((&reordered["cacheReadInputTokens"], &reordered["cacheWriteInputTokens"]), (&0.into(), &written.into()));
    let spaced = usage(&fixture, &body(r#"{"type": "object","title":"a"}"#, "hello")).await;
    assert_eq!(spaced["cacheReadInputTokens"], 0);
}

#[tokio::test]
async fn a_longer_prefix_reads_the_shorter_and_writes_the_rest() {
    let fixture = Fixture::start().await;
    let point = r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#;
    let conversation =
        |more: &str| format!(r#"{{"messages":[{{"role":"user","content":[{{"text":"a b"}},{point}{more}]}}]}}"#);
    assert_eq!(usage(&fixture, &conversation("")).await["cacheWriteInputTokens"], 2);
    let longer = usage(&fixture, &conversation(&format!(r#",{{"text":"c d e"}},{point},{{"text":"f"}}"#))).await;
    assert_eq!(longer["cacheReadInputTokens"], 2);
    assert_eq!(longer["cacheWriteInputTokens"], 3);
    assert_eq!(longer["cacheDetails"][0]["ttl"], "1h");
    assert_eq!(longer["inputTokens"], 1);
}

#[tokio::test]
async fn models_do_not_share_prefixes() {
    let fixture = Fixture::start().await;
    let body = body(r#"{"type":"object"}"#, "hello");
    usage(&fixture, &body).await;
    let other = fixture.post("/model/amazon.nova-pro-v1:0/converse", body).await.json();
    assert_eq!(other["usage"]["cacheReadInputTokens"], 0);
}
