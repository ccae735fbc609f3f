use serde_json::json;

use crate::support::{Fixture, MODEL, Reply, ask, user, with};

#[tokio::test]
async fn text_quotes_the_user() {
    let fixture = Fixture::start().await;
    let reply = fixture.converse(MODEL, ask("Hello there")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("x-amzn-requestid"), "00000000-0000-4000-8000-000000000001");
    assert!(reply.text().starts_with("You said: \"Hello there\". "), "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["stopReason"], "end_turn");
    assert_eq!(answer["usage"]["inputTokens"], 2);
    assert_eq!(answer["usage"]["cacheReadInputTokens"], 0);
    assert_eq!(answer["usage"]["cacheWriteInputTokens"], 0);
    assert!(answer["metrics"]["latencyMs"].as_u64().unwrap() > 0);
    assert!(answer.get("trace").is_none());
}

#[tokio::test]
async fn any_form_of_model_id_is_taken() {
    let fixture = Fixture::start().await;
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0";
    for model in [MODEL, arn, "amazon.nova-pro-v1:0"] {
        assert_eq!(fixture.converse(model, ask("a")).await.status, 200, "{model}");
    }
    let refused = fixture.converse("nonsense", ask("a")).await;
    assert_eq!(
        (refused.error(), refused.message().as_str()),
        ("ValidationException", "The provided model identifier is invalid.")
    );
}

#[tokio::test]
async fn the_same_requests_get_the_same_answers() {
    let requests = [ask("Hello"), ask("What is the weather in Paris?"), ask("")];
    let mut answers: Vec<Vec<Reply>> = Vec::new();
    for _ in 0..2 {
        let fixture = Fixture::start().await;
        let mut replies = Vec::new();
        for request in &requests {
            let request = with(request.clone(), "toolConfig", crate::tools::weather());
            for mut reply in
                [fixture.converse(MODEL, request.clone()).await, fixture.stream(MODEL, request.clone()).await]
            {
                reply.headers.remove("date"); // hyper's clock, not ours
                replies.push(reply);
            }
        }
        answers.push(replies);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn limits_cut_the_answer() {
    let fixture = Fixture::start().await;
    let request = with(ask("Hello"), "inferenceConfig", json!({ "maxTokens": 3 }));
    let answer = fixture.converse(MODEL, request).await;
    assert_eq!(answer.json()["stopReason"], "max_tokens");
    assert_eq!(answer.json()["usage"]["outputTokens"], 3);
    assert_eq!(answer.text(), "You said:");

    let request = with(ask("go on STOP here"), "inferenceConfig", json!({ "stopSequences": ["never", "STOP"] }));
    let answer = fixture.converse(MODEL, request.clone()).await;
    assert_eq!(answer.json()["stopReason"], "stop_sequence");
    assert_eq!(answer.text(), "You said: \"go on ");
    assert!(answer.json().get("additionalModelResponseFields").is_none());
    let request = with(request, "additionalModelResponseFieldPaths", json!(["/stop_sequence"]));
    let answer = fixture.converse(MODEL, request).await;
    assert_eq!(answer.json()["additionalModelResponseFields"], json!({ "stop_sequence": "STOP" }));
}

#[tokio::test]
async fn reasoning_comes_first_when_asked_for() {
    let fixture = Fixture::start().await;
    for fields in [
        json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
        json!({ "reasoning_config": { "type": "enabled" } }),
    ] {
        let request = with(ask("Hello"), "additionalModelRequestFields", fields);
        let content = fixture.converse(MODEL, request).await.json()["output"]["message"]["content"].take();
        assert_eq!(content[0]["reasoningContent"]["reasoningText"]["signature"].as_str().unwrap().len(), 64);
        assert!(content[1]["text"].is_string());
    }
    for fields in [json!({ "thinking": { "type": "disabled" } }), json!({ "top_k": 5 }), json!("thinking")] {
        let request = with(ask("Hello"), "additionalModelRequestFields", fields);
        assert!(fixture.converse(MODEL, request).await.text().contains("Hello"));
    }
}

#[tokio::test]
async fn json_follows_the_schema() {
    let fixture = Fixture::start().await;
    let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}}}"#;
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": { "schema": schema } } });
    let request = with(ask("I am Ada"), "outputConfig", json!({ "textFormat": format }));
    assert_eq!(fixture.converse(MODEL, request).await.text(), r#"{"z":"Ada","a":1}"#);
}

#[tokio::test]
async fn a_guardrail_blocks_one_word() {
    let fixture = Fixture::start().await;
    let guardrail = json!({ "guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled" });
    let request = with(ask("A Forbidden thing"), "guardrailConfig", guardrail.clone());
    let reply = fixture.converse(MODEL, request).await;
    assert_eq!(reply.text(), "Sorry, the model cannot answer this question.");
    let answer = reply.json();
    assert_eq!(answer["stopReason"], "guardrail_intervened");
    assert_eq!(answer["usage"]["totalTokens"], 0);
    let words = &answer["trace"]["guardrail"]["inputAssessment"]["abc"]["wordPolicy"]["customWords"];
    assert_eq!(words[0], json!({ "match": "Forbidden", "action": "BLOCKED", "detected": true }));

    let allowed = fixture.converse(MODEL, with(ask("Hello"), "guardrailConfig", guardrail)).await.json();
    assert_eq!(allowed["stopReason"], "end_turn");
    assert!(allowed["trace"]["guardrail"]["inputAssessment"]["abc"].get("wordPolicy").is_none());
    assert_eq!(fixture.converse(MODEL, ask("forbidden")).await.json()["stopReason"], "end_turn");
}

#[tokio::test]
async fn settings_come_back() {
    let fixture = Fixture::start().await;
    let request = with(ask("a"), "performanceConfig", json!({ "latency": "optimized" }));
    let answer = fixture.converse(MODEL, with(request, "serviceTier", json!({ "type": "flex" }))).await.json();
    assert_eq!(answer["performanceConfig"], json!({ "latency": "optimized" }));
    assert_eq!(answer["serviceTier"], json!({ "type": "flex" }));
}

#[tokio::test]
async fn media_are_counted_and_large_ones_taken() {
    let fixture = Fixture::start().await;
    let image = json!({ "image": { "format": "png", "source": { "bytes": "A".repeat(27_000_000) } } });
    let document = json!({ "document": { "format": "txt", "name": "notes", "source": { "bytes": "aGk=" } } });
    let content = json!([{ "text": "Look" }, image, document, document]);
    let reply = fixture.converse(MODEL, json!({ "messages": [{ "role": "user", "content": content }] })).await;
    assert_eq!(reply.text().split(". ").nth(1).unwrap(), "With it came 1 image and 2 documents");
    assert_eq!(reply.json()["usage"]["inputTokens"], 1 + 3 * 1024);
}

#[tokio::test]
async fn unknown_blocks_and_members_are_tolerated() {
    let fixture = Fixture::start().await;
    let unknown = json!({ "role": "assistant", "content": [{ "futureBlock": { "a": [1.0] } }], "futureMember": 1 });
    let request = json!({ "messages": [user("a"), unknown, user("b")], "futureMember": {}, "system": null });
    assert_eq!(fixture.converse(MODEL, request).await.status, 200);
}

#[tokio::test]
async fn what_is_no_operation_is_unknown() {
    let fixture = Fixture::start().await;
    for path in ["/", "/model/a.b/sing", "/model/a/b.c/converse"] {
        let reply = fixture.post(path, "{}").await;
        assert_eq!((reply.status.as_u16(), reply.error()), (404, "UnknownOperationException"), "{path}");
        assert!(!reply.message().is_empty());
        assert!(!reply.header("x-amzn-requestid").is_empty());
    }
}
