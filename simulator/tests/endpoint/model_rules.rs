//! What recordings of Bedrock show: requests that it accepts although they look wrong, and what single families reject.

use serde_json::{Value, json};

use crate::support::{Fixture, MODEL, ask, user, with};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";

fn with_block(block: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }, block] }] })
}

fn tool_result(content: Value) -> Value {
    json!({
        "messages": [
            user("a"),
            { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "1", "name": "file", "input": {} } }] },
            { "role": "user", "content": [{ "toolResult": { "toolUseId": "1", "content": [content] } }] },
        ],
        "toolConfig": tools(&json!({ "type": "object" }), false),
    })
}

fn tools(schema: &Value, strict: bool) -> Value {
    json!({ "tools": [{ "toolSpec": { "name": "file", "strict": strict, "inputSchema": { "json": schema } } }] })
}

fn stored_image() -> Value {
    json!({ "image": { "format": "jpeg", "source": { "s3Location": { "uri": "s3://bucket/a.jpg" } } } })
}

fn stored_document() -> Value {
    let source = json!({ "s3Location": { "uri": "s3://bucket/a.pdf" } });
    json!({ "document": { "name": "a", "format": "pdf", "source": source } })
}

#[tokio::test]
async fn turns_of_one_role_blank_text_and_underscores_are_accepted() {
    let fixture = Fixture::start().await;
    let reply = json!({ "role": "assistant", "content": [{ "text": "Hello" }] });
    let document = json!({ "document": { "name": "company_policy", "format": "pdf", "source": { "bytes": "aGk=" } } });
    for request in [
        json!({ "messages": [user("a"), user("b")] }),
        json!({ "messages": [reply, user("b")] }),
        with_block(json!({ "text": "\n" })),
        with_block(document),
    ] {
        assert_eq!(fixture.converse(MODEL, request.clone()).await.status.as_u16(), 200, "{request}");
    }
}

#[tokio::test]
async fn a_model_rejects_what_its_family_lacks() {
    let fixture = Fixture::start().await;
    let video = json!({ "video": { "format": "mp4", "source": { "bytes": "aGk=" } } });
    let limited = json!({ "type": "object", "properties": { "n": { "type": "array", "maxItems": 5 } } });
    let strict = with(ask("a"), "toolConfig", tools(&limited, true));
    let format = json!({ "textFormat": { "type": "json_schema", "structure": {
        "jsonSchema": { "name": "n", "schema": r#"{"type":"integer","multipleOf":5}"# } } } });
    let lenient = with(ask("a"), "toolConfig", tools(&limited, false));
    for (model, request, message) in [
        (CLAUDE, with_block(video.clone()), "video content block"),
        (CLAUDE, with_block(stored_document()), "s3Uri"),
        (CLAUDE, tool_result(stored_image()), "s3Uri"),
        (CLAUDE, strict.clone(), "tools.0.custom: For 'array' type, property 'maxItems' is not supported"),
        (CLAUDE, with(ask("a"), "outputConfig", format), "For 'integer' type, property 'multipleOf' is not supported"),
        (NOVA, tool_result(stored_document()), "#/messages/2/content/0: extraneous key [toolResult]"),
    ] {
        let reply = fixture.converse(model, request.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"), "{request}");
        assert!(reply.message().contains(message), "{}", reply.message());
    }
    for (model, request) in [
        (NOVA, with_block(video)),
        (NOVA, with_block(stored_document())),
        (NOVA, tool_result(stored_image())),
        (CLAUDE, tool_result(stored_document())),
        (NOVA, strict),
        (CLAUDE, lenient),
    ] {
        assert_eq!(fixture.converse(model, request.clone()).await.status.as_u16(), 200, "{request}");
    }
}

#[tokio::test]
async fn the_members_of_usage_depend_on_the_model() {
    let fixture = Fixture::start().await;
    let tokens = ["inputTokens", "outputTokens", "totalTokens"];
    let counts = ["cacheReadInputTokens", "cacheWriteInputTokens"];
    let aliases = ["cacheReadInputTokenCount", "cacheWriteInputTokenCount"];
    let tools = ["serverToolUsage"];
    for (model, expected) in [
        (CLAUDE, [&tokens[..], &counts, &aliases, &tools].concat()),
        (NOVA, [&tokens[..], &tools].concat()),
        ("amazon.titan-text-express-v1", tokens.to_vec()),
        ("demo.model", [&tokens[..], &counts].concat()),
    ] {
        let reply: Value = serde_json::from_slice(&fixture.converse(model, ask("a")).await.body).unwrap();
        let members: Vec<_> = reply["usage"].as_object().unwrap().keys().collect();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(members, expected, "{model}");
    }
}

#[tokio::test]
async fn forced_tool_choice_calls_the_next_tool_after_a_result() {
    let fixture = Fixture::start().await;
    let tool = |name: &str| json!({ "toolSpec": { "name": name, "inputSchema": { "json": { "type": "object" } } } });
    let mut request = tool_result(json!({ "text": "done" }));
    for (choice, expected) in [(json!({ "any": {} }), "answer"), (json!({ "tool": { "name": "file" } }), "file")] {
        request["toolConfig"] = json!({ "tools": [tool("file"), tool("answer")], "toolChoice": choice });
        let reply: Value = serde_json::from_slice(&fixture.converse("demo.model", request.clone()).await.body).unwrap();
        assert_eq!(reply["stopReason"], "tool_use");
        assert_eq!(reply["output"]["message"]["content"][0]["toolUse"]["name"], expected);
    }
}

#[tokio::test]
async fn claude_has_two_versions_of_its_api() {
    let fixture = Fixture::start().await;
    let request = |version: &str| json!({ "anthropic_version": version, "max_tokens": 5, "messages": [{ "role": "user", "content": "Hi" }] });
    for version in ["bedrock-2023-05-31", "2026-10-21"] {
        assert_eq!(fixture.invoke(CLAUDE, request(version)).await.status.as_u16(), 200, "{version}");
    }
    let reply = fixture.invoke(CLAUDE, request("2020-01-01")).await;
    assert_eq!((reply.error(), reply.message()), ("ValidationException", "Invalid API version: 2020-01-01".to_owned()));
}

#[tokio::test]
async fn schema_in_the_additional_fields_gives_the_form_of_the_response() {
    let fixture = Fixture::start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let fields = json!({ "output_config": { "format": { "type": "json_schema", "schema": schema } } });
    let request = with(ask("Paris"), "additionalModelRequestFields", fields);
    let reply: Value = serde_json::from_slice(&fixture.converse(CLAUDE, request).await.body).unwrap();
    let text = reply["output"]["message"]["content"][0]["text"].as_str().unwrap();
    let object: Value = serde_json::from_str(text).unwrap();
    assert!(object["city"].is_string(), "{text}");
}
