use serde_json::{Value, json};

use crate::support::{Fixture, MODEL, ask, user, with};
use crate::tools::weather;

async fn refused(fixture: &Fixture, request: Value, message: &str) {
    let reply = fixture.converse(MODEL, request.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"), "{request}");
    assert_eq!(reply.message(), message, "{request}");
    let streamed = fixture.stream(MODEL, request).await;
    assert_eq!(streamed.message(), message);
}

fn content(block: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "a" }, block] }] })
}

#[tokio::test]
async fn messages_and_roles() {
    let fixture = Fixture::start().await;
    let cases = [
        (
            json!({}),
            "1 validation error detected: Value null at 'messages' failed to satisfy constraint: Member must not be null",
        ),
        (
            json!({ "messages": [{}] }),
            "2 validation errors detected: Value null at 'messages.1.member.role' failed to satisfy constraint: Member must not be null; Value null at 'messages.1.member.content' failed to satisfy constraint: Member must not be null",
        ),
        (
            json!({ "messages": [{ "role": "robot", "content": [] }] }),
            "1 validation error detected: Value 'robot' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]",
        ),
        (
            json!({ "messages": [] }),
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [] }] }),
            "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.",
        ),
        (
            ask(" \n"),
            "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.",
        ),
        (
            with(ask("a"), "system", json!([{ "text": " " }])),
            "The text field in the SystemContentBlock object at system.0 is blank. Add text to the text field, and try again.",
        ),
    ];
    for (request, message) in cases {
        refused(&fixture, request, message).await;
    }
    let empty = fixture.converse(MODEL, content(json!({}))).await;
    assert!(empty.message().starts_with(
        "The ContentBlock object at messages.0.content.1 must set one of the following keys: text, image,"
    ));
}

#[tokio::test]
async fn numbers_and_settings() {
    let fixture = Fixture::start().await;
    let violation = |at: &str, rule: &str| {
        format!("1 validation error detected: Value {at} failed to satisfy constraint: Member must {rule}")
    };
    let cases = [
        (
            "inferenceConfig",
            json!({ "temperature": 1.5 }),
            violation("'1.5' at 'inferenceConfig.temperature'", "have value less than or equal to 1"),
        ),
        (
            "inferenceConfig",
            json!({ "topP": -0.1 }),
            violation("'-0.1' at 'inferenceConfig.topP'", "have value greater than or equal to 0"),
        ),
        (
            "inferenceConfig",
            json!({ "maxTokens": 0 }),
            violation("'0' at 'inferenceConfig.maxTokens'", "have value greater than or equal to 1"),
        ),
        (
            "inferenceConfig",
            json!({ "stopSequences": vec!["a"; 2_501] }),
            violation("at 'inferenceConfig.stopSequences'", "have length less than or equal to 2500"),
        ),
        (
            "requestMetadata",
            (0..17).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into(),
            violation("at 'requestMetadata'", "have length less than or equal to 16"),
        ),
        (
            "requestMetadata",
            json!({ "a": "é" }),
            violation(
                "'é' at 'requestMetadata.a'",
                "satisfy regular expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}",
            ),
        ),
        (
            "serviceTier",
            json!({ "type": "gold" }),
            violation("'gold' at 'serviceTier.type'", "satisfy enum value set: [priority, default, flex, reserved]"),
        ),
        (
            "guardrailConfig",
            json!({ "guardrailIdentifier": "a" }),
            "The guardrail identifier and the guardrail version must be given together.".to_owned(),
        ),
    ];
    for (member, value, message) in cases {
        refused(&fixture, with(ask("a"), member, value), &message).await;
    }
}

#[tokio::test]
async fn tool_use_and_results_pair_up() {
    let fixture = Fixture::start().await;
    let call = json!({ "role": "assistant", "content": [{ "toolUse": { "toolUseId": "tooluse_x", "name": "get_weather", "input": {} } }] });
    let result = |id: &str| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "21" }] } });
    let talk = |last: Value| json!({ "messages": [user("a"), call, { "role": "user", "content": last }], "toolConfig": weather() });

    assert_eq!(fixture.converse(MODEL, talk(json!([result("tooluse_x")]))).await.status, 200);
    let missing = "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_x";
    refused(&fixture, talk(json!([{ "text": "b" }])), missing).await;
    refused(&fixture, talk(json!([result("tooluse_y")])), missing).await;
    let too_many =
        "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.";
    refused(&fixture, talk(json!([result("tooluse_x"), result("tooluse_y")])), too_many).await;
    let undefined = "The toolConfig field must be defined when using toolUse and toolResult content blocks.";
    refused(&fixture, with(talk(json!([result("tooluse_x")])), "toolConfig", Value::Null), undefined).await;
    let id = "1 validation error detected: Value 'a b' at 'messages.1.member.content.2.member.toolResult.toolUseId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+";
    refused(&fixture, content(result("a b")), id).await;
}

#[tokio::test]
async fn tools_are_declared_well() {
    let fixture = Fixture::start().await;
    let tool = |name: &str, schema: Value| json!({ "toolSpec": { "name": name, "inputSchema": { "json": schema } } });
    let object = json!({ "type": "object" });
    let cases = [
        (
            json!({ "tools": [] }),
            "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            json!({ "tools": [tool("a b", object.clone())] }),
            "1 validation error detected: Value 'a b' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
        ),
        (
            json!({ "tools": [tool("a", json!({ "type": "array" }))] }),
            "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.",
        ),
        (
            json!({ "tools": [tool("a", json!([]))] }),
            "The value at toolConfig.tools.0.toolSpec.inputSchema.json must be an object.",
        ),
        (
            json!({ "tools": [tool("a", object.clone()), tool("a", object.clone())] }),
            "The tool a is already defined at toolConfig.tools.1. Tool names must be unique.",
        ),
        (
            json!({ "tools": [tool("a", object)], "toolChoice": { "tool": { "name": "b" } } }),
            "The toolChoice field names the tool b, which is not defined in the tools field.",
        ),
    ];
    for (config, message) in cases {
        refused(&fixture, with(ask("a"), "toolConfig", config), message).await;
    }
}

#[tokio::test]
async fn media() {
    let fixture = Fixture::start().await;
    let image = |format: &str| json!({ "image": { "format": format, "source": { "bytes": "aGk=" } } });
    let document = |name: &str| json!({ "document": { "name": name, "source": { "bytes": "aGk=" } } });
    let all = |blocks: Vec<Value>| json!({ "messages": [{ "role": "user", "content": blocks }] });
    let cases = [
        (
            content(image("bmp")),
            "1 validation error detected: Value 'bmp' at 'messages.1.member.content.2.member.image.format' failed to satisfy constraint: Member must satisfy enum value set: [png, jpeg, gif, webp]",
        ),
        (all(vec![image("png"); 21]), "The request holds 21 images; the maximum is 20."),
        (
            all(vec![document("a")]),
            "A text block must be included when using documents. Add a text block and retry your request.",
        ),
        (
            content(json!({ "document": { "source": { "bytes": "aGk=" } } })),
            "1 validation error detected: Value null at 'messages.1.member.content.2.member.document.name' failed to satisfy constraint: Member must not be null",
        ),
        (
            content(document("a.txt")),
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.",
        ),
    ];
    for (request, message) in cases {
        refused(&fixture, request, message).await;
    }
}

#[tokio::test]
async fn what_cannot_be_read() {
    let fixture = Fixture::start().await;
    let cases = [
        ("{", "The request body is not valid JSON"),
        ("", "1 validation error detected: Value null at 'messages'"),
        (r#"{"messages": 5}"#, "The request body does not have the operation's shape"),
        (
            r#"{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"@"}}}]}]}"#,
            "The value at messages.0.content.0.image.source.bytes is not valid base64.",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"text":"a","cachePoint":{"type":"default"}}]}]}"#,
            "The request body does not have the operation's shape: a ContentBlock must set exactly one member",
        ),
    ];
    for (body, message) in cases {
        let reply = fixture.post(&format!("/model/{MODEL}/converse"), body).await;
        let name = if body.is_empty() { "ValidationException" } else { "SerializationException" };
        assert_eq!((reply.status.as_u16(), reply.error()), (400, name), "{body}");
        assert!(reply.message().starts_with(message), "{}", reply.message());
    }
}
