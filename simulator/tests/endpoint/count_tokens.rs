use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::claude::claude;
use crate::support::{Fixture, MODEL, Reply, ask, user, with};

async fn count(fixture: &Fixture, model: &str, input: Value) -> Reply {
    fixture.post(&format!("/model/{model}/count-tokens"), json!({ "input": input }).to_string()).await
}

fn invoke_model(body: &Value) -> Value {
    json!({ "invokeModel": { "body": STANDARD.encode(body.to_string()) } })
}

#[tokio::test]
async fn converse_counts_what_its_usage_says() {
    let fixture = Fixture::start().await;
    let document = json!({ "document": { "format": "txt", "name": "notes", "source": { "bytes": "aGk=" } } });
    let content = json!([{ "text": "What is the weather?" }, document]);
    let everything =
        json!({ "messages": [{ "role": "user", "content": content }], "system": [{ "text": "Be short." }] });
    let everything = with(everything, "toolConfig", crate::tools::weather());
    for request in [ask("Hello, world!"), everything] {
        let usage = fixture.converse(MODEL, request.clone()).await.json()["usage"].take();
        let counted = count(&fixture, MODEL, json!({ "converse": request })).await;
        assert_eq!((counted.status.as_u16(), counted.header("content-type")), (200, "application/json"));
        assert_eq!(counted.json(), json!({ "inputTokens": usage["inputTokens"] }));
    }
    // Nothing of a request that was only counted can have been read from the cache.
    let content = json!([{ "text": "one two" }, { "cachePoint": { "type": "default" } }, { "text": "three" }]);
    let cached = json!({ "messages": [{ "role": "user", "content": content }] });
    let usage = fixture.converse(MODEL, cached.clone()).await.json()["usage"].take();
    assert_eq!((&usage["inputTokens"], &usage["cacheWriteInputTokens"]), (&json!(1), &json!(2)));
    assert_eq!(count(&fixture, MODEL, json!({ "converse": cached })).await.json()["inputTokens"], 3);
}

#[tokio::test]
async fn a_body_counts_what_its_answer_says() {
    let fixture = Fixture::start().await;
    let nova = json!({ "messages": [user("Hello, world!")] });
    for (model, body) in [
        (MODEL, with(claude("Hello, world!"), "system", json!("Be short."))),
        ("amazon.nova-lite-v1:0", nova),
        ("meta.llama3-8b-instruct-v1:0", json!({ "prompt": "Hello, world!" })),
    ] {
        let reply = fixture.invoke(model, body.clone()).await;
        let counted = count(&fixture, model, invoke_model(&body)).await.json();
        assert_eq!(counted["inputTokens"].to_string(), reply.header("x-amzn-bedrock-input-token-count"), "{model}");
    }
}

#[tokio::test]
async fn some_models_do_not_count() {
    let fixture = Fixture::start().await;
    let embedding = invoke_model(&json!({ "inputText": "a" }));
    for (model, input) in [
        ("amazon.titan-embed-text-v2:0", embedding),
        ("amazon.titan-embed-text-v2:0", json!({ "converse": ask("a") })),
        ("amazon.nova-canvas-v1:0", json!({ "converse": ask("a") })),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", json!({ "converse": ask("a") })),
    ] {
        let reply = count(&fixture, model, input).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"), "{model}");
        assert_eq!(reply.message(), "The provided model doesn't support counting tokens.", "{model}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let fixture = Fixture::start().await;
    for (input, message) in [
        (Value::Null, "Value null at 'input'"),
        (json!({}), "must set one of the following keys: invokeModel, converse"),
        (json!({ "invokeModel": {} }), "'input.invokeModel.body'"),
        (json!({ "converse": { "messages": [user("")] } }), "is blank"),
        (invoke_model(&json!({ "prompt": 1 })), "#/prompt: expected type: String"),
    ] {
        let reply = count(&fixture, MODEL, input).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"));
        assert!(reply.message().contains(message), "{}", reply.message());
    }
    assert_eq!(count(&fixture, "nonsense", json!({})).await.message(), "The provided model identifier is invalid.");
    assert_eq!(count(&fixture, "fault.throttling", json!({})).await.error(), "ThrottlingException");
}
