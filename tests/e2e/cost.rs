//! What a call costs: in the trailers, in the log line and in the span.

use bedrock_simulator::Answer;
use http::StatusCode;
use serde_json::{Value, json};
use tonic::Code;

use crate::fixture::*;

/// The response of a Converse with this usage.
fn answer(usage: &Value) -> Answer {
    let message = json!({"role": "assistant", "content": [{"text": "Hi"}]});
    let body =
        json!({"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}});
    Answer::json(StatusCode::OK, body.to_string())
}

/// Usage as Bedrock reports it.
fn usage(input: u32, output: u32, cache_read: u32, cache_write: u32) -> Value {
    let mut usage = json!({
        "inputTokens": input, "outputTokens": output, "totalTokens": input + output + cache_read + cache_write,
        "cacheReadInputTokens": cache_read, "cacheWriteInputTokens": cache_write,
    });
    if cache_write > 0 {
        usage["cacheDetails"] = json!([{"inputTokens": cache_write, "ttl": "5m"}]);
    }
    usage
}

/// The cost in the trailers of a unary call.
fn cost_of<T>(response: &tonic::Response<T>) -> Option<u64> {
    response.metadata().get("bedrock-grpc-cost-nanodollars").map(|cost| cost.to_str().unwrap().parse().unwrap())
}

/// The usage is that of recorded conversations with a prompt cache. The costs were computed by hand from the price lists.
#[tokio::test]
async fn cost_of_a_cached_conversation_is_exact_for_five_models() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway = Gateway::builder(&simulator)
        .arg("--cost-trailer")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
        .await;
    let mut client = gateway.client().await;
    let turns = [
        // Dollars for a million tokens: input 3.30, output 16.50, cache read 0.33, cache write 4.125.
        // 3 x 3,300 + 227 x 16,500 + 1,712 x 4,125
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage(3, 227, 0, 1712), 9_900 + 3_745_500 + 7_062_000),
        // 433 x 3,300 + 16 x 16,500 + 2,752 x 330
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage(433, 16, 2752, 0), 1_428_900 + 264_000 + 908_160),
        // 1, 5, 0.10, 1.25: 3 x 1,000 + 16 x 5,000 + 6,469 x 1,250
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", usage(3, 16, 0, 6469), 3_000 + 80_000 + 8_086_250),
        // 5, 25, 0.50, 6.25: 2 x 5,000 + 13 x 25,000 + 7,654 x 6,250
        ("global.anthropic.claude-opus-4-8", usage(2, 13, 0, 7654), 10_000 + 325_000 + 47_837_500),
        // 0.06, 0.24: 22 x 60 + 13 x 240 + 2,492 x 60. Writes to the cache have no price of their own.
        ("us.amazon.nova-lite-v1:0", usage(22, 13, 0, 2492), 1_320 + 3_120 + 149_520),
        // 0.80, 3.20: 2,326 x 800 + 37 x 3,200 + 1,505 x 800
        ("us.amazon.nova-pro-v1:0", usage(2326, 37, 0, 1505), 1_860_800 + 118_400 + 1_204_000),
    ];
    for (model, usage, cost) in turns {
        simulator.script(answer(&usage));
        let response = client.converse(converse(model, "Hi")).await.unwrap();
        assert_eq!(cost_of(&response), Some(cost), "{model}");
        gateway.call_line(|line| line["model"] == model && line["cost_nanodollars"] == cost).await;
        let is_it = |value: &str| value == cost.to_string();
        collector.span(|span| is_it(&attribute(&span.attributes, "bedrock_grpc.cost_nanodollars"))).await;
    }
}

#[tokio::test]
async fn callers_get_no_cost_by_default() {
    let (simulator, gateway, mut client) = started().await;
    simulator.script(answer(&usage(10, 10, 0, 0)));
    let response = client.converse(converse("amazon.nova-pro-v1:0", "Hi")).await.unwrap();
    assert_eq!(cost_of(&response), None);
    gateway.call_line(|line| line["cost_nanodollars"] == 40_000).await;
}

#[tokio::test]
async fn model_without_a_price_has_no_cost() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--cost-trailer").start().await;
    let response = gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
    assert_eq!(cost_of(&response), None);
    let line = gateway.call_line(|_| true).await;
    assert!(line["cost_nanodollars"].is_null() && line["input_tokens"].is_number(), "{line}");
}

#[tokio::test]
async fn own_prices_apply_to_the_target_of_a_name_and_are_reloaded() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("prices.yaml", "models:\n  us-east-1/demo.model: { input: 0.5, output: 2.25 }\n  demo.model: { input: 9 }\n");
    write(
        "gateway.yaml",
        "prices: { file: prices.yaml, trailer: true }\nmodels:\n  chat: { targets: [{ model: demo.model }] }\n",
    );
    let config = folder.path().join("gateway.yaml");
    let builder = Gateway::builder(&simulator).arg("--config").arg(config.to_str().unwrap());
    let gateway = builder.arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let mut client = gateway.client().await;

    // The trailers of a stream follow its last event.
    let mut stream = client.converse_stream(converse_stream("chat", "Hi")).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    let trailers = stream.trailers().await.unwrap().unwrap();
    let line = gateway.call_line(|line| line["rpc"] == "ConverseStream").await;
    let count = |key: &str| line[key].as_u64().unwrap();
    let cost = count("input_tokens") * 500 + count("output_tokens") * 2250;
    assert_eq!(trailers.get("bedrock-grpc-cost-nanodollars").unwrap().to_str().unwrap(), cost.to_string());
    assert_eq!(line["cost_nanodollars"], cost);
    assert_eq!((&line["model"], &line["target"]), (&json!("chat"), &json!("demo.model")));

    let metrics = get(&admin_address(&gateway).await, "/metrics").await.body;
    let counter = metrics.lines().find(|line| line.starts_with("bedrock_grpc_cost_total{")).unwrap();
    for label in
        ["bedrock_grpc_caller=\"anonymous\"", "gen_ai_request_model=\"chat\"", "bedrock_grpc_target=\"demo.model\""]
    {
        assert!(counter.contains(label), "{counter}");
    }
    assert!(counter.ends_with(&format!(" {cost}")), "{counter}");

    // A mistake keeps the old prices and names the place.
    write("prices.yaml", "models:\n  demo.model: { output: 1, imput: 2 }\n");
    let rejected = gateway.log.line(|line| line["level"] == "ERROR").await;
    let message = rejected["message"].as_str().unwrap();
    assert!(message.contains("prices.yaml:2:") && message.contains("did you mean `input`"), "{message}");
    simulator.script(answer(&usage(10, 0, 0, 0)));
    assert_eq!(cost_of(&client.converse(converse("chat", "Hi")).await.unwrap()), Some(5_000));

    write("prices.yaml", "models:\n  demo.model: { input: 1 }\n");
    gateway.log.line(|line| line["generation"] == 2 && line["message"] == "the configuration was reloaded").await;
    simulator.script(answer(&usage(10, 0, 0, 0)));
    assert_eq!(cost_of(&client.converse(converse("chat", "Hi")).await.unwrap()), Some(10_000));
}

#[tokio::test]
async fn invoke_model_has_the_cost_of_its_tokens_images_and_tier() {
    use bedrock_grpc_schema::runtime::v1::InvokeModelRequest;
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--cost-trailer").start().await;
    let mut client = gateway.client().await;
    let request = |model: &str| InvokeModelRequest {
        model_id: Some(model.to_owned()),
        body: Some("{}".into()),
        ..InvokeModelRequest::default()
    };
    let with_tokens = |tier: &str| {
        Answer::json(StatusCode::OK, "{}")
            .with_header("x-amzn-bedrock-input-token-count", "10")
            .with_header("x-amzn-bedrock-output-token-count", "1")
            .with_header("x-amzn-bedrock-service-tier", tier)
    };
    for (tier, cost) in [("default", Some(11_200)), ("flex", Some(5_600)), ("reserved", None)] {
        simulator.script(with_tokens(tier));
        let response = client.invoke_model(request("amazon.nova-pro-v1:0")).await.unwrap();
        assert_eq!(cost_of(&response), cost, "{tier}");
    }
    simulator.script(Answer::json(StatusCode::OK, json!({"images": ["aGk=", "aGk="]}).to_string()));
    let response = client.invoke_model(request("stability.sd3-5-large-v1:0")).await.unwrap();
    assert_eq!(cost_of(&response), Some(160_000_000));
}

#[tokio::test]
async fn failed_call_has_no_cost() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--cost-trailer").start().await;
    let status = gateway.client().await.converse(converse("fault.validation", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), trailer(&status, "bedrock-grpc-cost-nanodollars")), (Code::InvalidArgument, None));
    let line = gateway.call_line(|_| true).await;
    assert!(line["cost_nanodollars"].is_null(), "{line}");
}
