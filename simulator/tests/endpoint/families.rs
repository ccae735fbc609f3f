//! InvokeModel with the bodies of other models that talk.

use serde_json::{Value, json};

use crate::support::{Fixture, with};

/// Model, request, where the whole answer's text is, where a chunk's is, where the reason of the end is.
fn families() -> Vec<(&'static str, Value, &'static str, &'static str, &'static str)> {
    let prompt = json!({ "prompt": "Say this" });
    let nova = json!([{ "role": "user", "content": [{ "text": "Say this" }] }]);
    let chat =
        json!({ "messages": [{ "role": "system", "content": "Short." }, { "role": "user", "content": "Say this" }] });
    let claude = json!({ "prompt": "\n\nHuman: Say this\n\nAssistant:", "max_tokens_to_sample": 200 });
    vec![
        (
            "us.amazon.nova-lite-v1:0",
            json!({ "messages": nova }),
            "/output/message/content/0/text",
            "/contentBlockDelta/delta/text",
            "/messageStop/stopReason",
        ),
        (
            "amazon.titan-text-lite-v1",
            json!({ "inputText": "Say this" }),
            "/results/0/outputText",
            "/outputText",
            "/completionReason",
        ),
        ("meta.llama3-70b-instruct-v1:0", prompt.clone(), "/generation", "/generation", "/stop_reason"),
        (
            "mistral.mistral-7b-instruct-v0:2",
            prompt.clone(),
            "/outputs/0/text",
            "/outputs/0/text",
            "/outputs/0/stop_reason",
        ),
        ("us.deepseek.r1-v1:0", prompt.clone(), "/choices/0/text", "/choices/0/text", "/choices/0/stop_reason"),
        ("cohere.command-text-v14", prompt, "/generations/0/text", "/text", "/finish_reason"),
        ("cohere.command-r-v1:0", json!({ "message": "Say this" }), "/text", "/text", "/finish_reason"),
        ("anthropic.claude-v2:1", claude, "/completion", "/completion", "/stop_reason"),
        (
            "openai.gpt-oss-20b-1:0",
            chat.clone(),
            "/choices/0/message/content",
            "/choices/0/delta/content",
            "/choices/0/finish_reason",
        ),
        (
            "ai21.jamba-1-5-mini-v1:0",
            chat,
            "/choices/0/message/content",
            "/choices/0/delta/content",
            "/choices/0/finish_reason",
        ),
    ]
}

#[tokio::test]
async fn each_answers_in_its_own_form_whole_and_streamed() {
    let fixture = Fixture::start().await;
    for (model, request, whole, piece, reason) in families() {
        let reply = fixture.invoke(model, request.clone()).await;
        assert_eq!(reply.status, 200, "{model}: {:?}", reply.body);
        let text = reply.json().pointer(whole).unwrap().as_str().unwrap().to_owned();
        assert!(text.starts_with("You said: \"Say this\"."), "{model}: {text}");
        assert!(!reply.header("x-amzn-bedrock-output-token-count").is_empty());

        let reply = fixture.invoke_stream(model, request).await;
        let chunks = reply.chunks();
        let streamed: String = chunks.iter().filter_map(|chunk| chunk.pointer(piece)?.as_str()).collect();
        assert_eq!(streamed, text, "{model}");
        assert_eq!(
            chunks.iter().filter(|chunk| chunk.pointer(reason).is_some_and(Value::is_string)).count(),
            1,
            "{model}"
        );
        let metrics = &chunks[chunks.len() - 1]["amazon-bedrock-invocationMetrics"];
        assert!(metrics["outputTokenCount"].as_u64().unwrap() > 3, "{model}");
    }
}

#[tokio::test]
async fn nova_calls_tools_and_counts_caches() {
    let fixture = Fixture::start().await;
    let messages = json!([{ "role": "user", "content": [{ "text": "What is the weather in Oslo?" }] }]);
    let request =
        json!({ "schemaVersion": "messages-v1", "messages": messages, "toolConfig": crate::tools::weather() });
    let reply = fixture.invoke("amazon.nova-micro-v1:0", request.clone()).await;
    let answer = reply.json();
    assert_eq!(answer["stopReason"], "tool_use");
    assert_eq!(answer["output"]["message"]["content"][0]["toolUse"]["name"], "get_weather");
    assert_eq!(answer["usage"]["cacheReadInputTokenCount"], 0);
    assert_eq!(reply.header("x-amzn-bedrock-cache-write-input-token-count"), "0");
    let chunks = fixture.invoke_stream("amazon.nova-micro-v1:0", request.clone()).await.chunks();
    assert_eq!(chunks[0], json!({ "messageStart": { "role": "assistant" } }));
    assert_eq!(chunks[1]["contentBlockStart"]["start"]["toolUse"]["name"], "get_weather");
    assert!(chunks[chunks.len() - 1]["metadata"]["usage"].is_object());

    let limits = with(request.clone(), "inferenceConfig", json!({ "max_new_tokens": 2 }));
    assert_eq!(fixture.invoke("amazon.nova-micro-v1:0", limits).await.json()["stopReason"], "max_tokens");
    let extra = fixture.invoke("amazon.nova-micro-v1:0", with(request, "max_tokens", json!(1))).await;
    assert!(extra.message().contains("extraneous key [max_tokens]"));
}

#[tokio::test]
async fn limits_have_each_familys_words() {
    let fixture = Fixture::start().await;
    let config = json!({ "maxTokenCount": 3 });
    let titan =
        fixture.invoke("amazon.titan-text-lite-v1", json!({ "inputText": "a", "textGenerationConfig": config })).await;
    assert_eq!(titan.json()["results"][0]["completionReason"], "LENGTH");
    assert_eq!(titan.json()["results"][0]["tokenCount"], 3);
    let llama = fixture.invoke("meta.llama3-8b-instruct-v1:0", json!({ "prompt": "a", "max_gen_len": 2 })).await;
    assert_eq!(llama.json()["stop_reason"], "length");
    let stop = json!({ "message": "one STOP", "stop_sequences": ["STOP"] });
    assert_eq!(fixture.invoke("cohere.command-r-v1:0", stop).await.json()["finish_reason"], "STOP_SEQUENCE");
    let jurassic = json!({ "prompt": "a", "maxTokens": 2 });
    let answer = fixture.invoke("ai21.j2-mid-v1", jurassic.clone()).await.json();
    assert_eq!(answer["completions"][0]["finishReason"], json!({ "reason": "length", "length": 2 }));
    let streamed = fixture.invoke_stream("ai21.j2-mid-v1", jurassic).await;
    assert_eq!(
        (streamed.error(), streamed.message().as_str()),
        ("ValidationException", "The model is unsupported for streaming.")
    );
}

#[tokio::test]
async fn families_are_found_behind_arns_or_not_at_all() {
    let fixture = Fixture::start().await;
    let opaque = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc";
    assert!(fixture.invoke(opaque, json!({ "inputText": "a" })).await.json()["embedding"].is_array());
    assert_eq!(fixture.invoke(opaque, crate::claude::claude("a")).await.json()["type"], "message");
    let named =
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Feu.meta.llama3-8b-instruct-v1%3A0";
    assert!(fixture.invoke(named, json!({ "prompt": "a" })).await.json()["generation"].is_string());
    for (model, body) in [
        (opaque, json!({ "a": 1 })),
        ("somebody.model-v1", json!({ "prompt": "a" })),
        ("amazon.nova-reel-v1:0", json!({ "taskType": "TEXT_VIDEO" })),
        ("meta.llama3-8b-instruct-v1:0", json!({ "inputText": "a" })),
        ("openai.gpt-oss-20b-1:0", json!({ "prompt": "a" })),
        ("amazon.nova-micro-v1:0", json!({ "messages": [{ "role": "user", "content": "a" }] })),
    ] {
        let reply = fixture.invoke(model, body).await;
        assert_eq!((reply.status.as_u16(), reply.error()), (400, "ValidationException"), "{model}");
    }
}
