//! The messages as Bedrock's JSON.

use super::*;

/// The JSON that the gateway sends to Bedrock.
fn json<T: bedrock_grpc_schema::json::AwsJson>(message: &T) -> String {
    String::from_utf8(bedrock_grpc_schema::json::encode(message, 0).unwrap().into()).unwrap()
}

#[test]
fn messages_have_bedrocks_json() {
    for (message, expected) in [
        (user("Hi"), r#"{"role":"user","content":[{"text":"Hi"}]}"#),
        (
            user([text("Hi"), cache_point()]),
            r#"{"role":"user","content":[{"text":"Hi"},{"cachePoint":{"type":"default"}}]}"#,
        ),
        (assistant(vec![text("a")]), r#"{"role":"assistant","content":[{"text":"a"}]}"#),
        (
            user(image("png", &b"\x01"[..])),
            r#"{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AQ=="}}}]}"#,
        ),
        (
            user(document("txt", "notes", &b"\x01"[..])),
            r#"{"role":"user","content":[{"document":{"format":"txt","name":"notes","source":{"bytes":"AQ=="}}}]}"#,
        ),
        (
            user(tool_result_text("t1", "ok")),
            r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"ok"}]}}]}"#,
        ),
        (
            user(tool_result_json("t1", r#"{"b":1,"a":2}"#)),
            r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"b":1,"a":2}}]}}]}"#,
        ),
        (
            user(tool_result_error("t1", "no")),
            r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"no"}],"status":"error"}}]}"#,
        ),
    ] {
        assert_eq!(json(&message), expected);
    }
}

#[test]
fn tools_and_system_prompts_have_bedrocks_json() {
    assert_eq!(
        json(&tools([tool("f", "does", r#"{"type":"object"}"#), tool_cache_point()])),
        r#"{"tools":[{"toolSpec":{"name":"f","description":"does","inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default"}}]}"#
    );
    assert_eq!(json(&system("Be brief.")), r#"{"text":"Be brief."}"#);
    assert_eq!(json(&system_cache_point()), r#"{"cachePoint":{"type":"default"}}"#);
}
