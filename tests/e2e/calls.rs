//! Successful calls.

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::*;
use tonic::codec::CompressionEncoding;

use crate::fixture::*;

#[tokio::test]
async fn converse_returns_text_usage_and_origin_metadata() {
    let (simulator, gateway, mut client) = started().await;
    let response = client.converse(converse("demo.model", "Hello there")).await.unwrap();
    let metadata = response.metadata().clone();
    let response = response.into_inner();
    assert_eq!(response.stop_reason.as_deref(), Some("end_turn"));
    assert!(response.usage.as_ref().unwrap().input_tokens.unwrap() > 0);
    let Some(converse_output::Member::Message(message)) = response.output.unwrap().member else { panic!("no message") };
    let Some(content_block::Member::Text(text)) = &message.content[0].member else { panic!("no text") };
    assert!(text.contains("Hello there"), "{text}");
    assert!(metadata.get("x-amzn-requestid").unwrap().len() > 30);
    assert_eq!(metadata.get("bedrock-grpc-region").unwrap(), "us-east-1");
    assert_eq!(metadata.get("bedrock-grpc-attempts").unwrap(), "1");

    let sent = &simulator.requests()[0];
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/model/demo.model/converse"));
    assert_eq!(sent.headers["content-type"], "application/json");
    assert!(sent.headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));

    let line = gateway.call_line(|_| true).await;
    assert_eq!(line["rpc"], "Converse");
    assert_eq!(line["model"], "demo.model");
    assert_eq!(line["status"], "OK");
    assert_eq!(line["stop_reason"], "end_turn");
    assert_eq!(line["request_id"], metadata.get("x-amzn-requestid").unwrap().to_str().unwrap());
    assert_eq!(line["attempts"], 1);
    assert_eq!(line["region"], "us-east-1");
    assert!(line["duration_ms"].is_number() && line["first_event_ms"].is_number());
    assert_eq!(line["input_tokens"], response.usage.as_ref().unwrap().input_tokens.unwrap());
    assert_eq!(line["output_tokens"], response.usage.unwrap().output_tokens.unwrap());
    let log = gateway.log.text();
    assert!(!log.contains("Hello") && !log.contains("secret"), "content or credentials in the log: {log}");
}

#[tokio::test]
async fn converse_stream_sends_every_event_in_order() {
    let (_simulator, gateway, mut client) = started().await;
    let response = client.converse_stream(converse_stream("demo.model", "Hello there")).await.unwrap();
    assert!(response.metadata().get("x-amzn-requestid").is_some());
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "1");
    let mut stream = response.into_inner();
    let mut kinds = Vec::new();
    while let Some(event) = stream.message().await.unwrap() {
        kinds.push(match event.member.unwrap() {
            Event::MessageStart(_) => "start",
            Event::ContentBlockDelta(_) => "delta",
            Event::ContentBlockStop(_) => "block stop",
            Event::MessageStop(stop) => {
                assert_eq!(stop.stop_reason.as_deref(), Some("end_turn"));
                "stop"
            }
            Event::Metadata(metadata) => {
                assert!(metadata.usage.unwrap().total_tokens.unwrap() > 0);
                "metadata"
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds.first(), Some(&"start"));
    assert!(kinds.iter().filter(|k| **k == "delta").count() >= 8, "{kinds:?}");
    assert_eq!(kinds[kinds.len() - 3..], ["block stop", "stop", "metadata"]);
    let line = gateway.call_line(|_| true).await;
    assert_eq!((&line["stop_reason"], &line["events"]), (&"end_turn".into(), &kinds.len().into()));
    assert!(line["output_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_tool_conversation_runs_to_its_end() {
    let (_simulator, gateway, _) = started().await;
    let client = bedrock_grpc_client::Client::connect(format!("http://{}", gateway.address)).await.unwrap();
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    let spec = ToolSpecification {
        name: Some("get_weather".into()),
        description: Some("The weather in a city".into()),
        input_schema: Some(ToolInputSchema { member: Some(tool_input_schema::Member::JsonText(schema.into())) }),
        ..Default::default()
    };
    let tools =
        ToolConfiguration { tools: vec![Tool { member: Some(tool::Member::ToolSpec(spec)) }], ..Default::default() };
    let mut request = converse_stream("demo.model", "What is the weather in Paris?");
    request.tool_config = Some(tools);

    let response = client.converse_stream(request.clone()).await.unwrap().collect().await.unwrap();
    assert_eq!(response.stop_reason.as_deref(), Some("tool_use"));
    let Some(converse_output::Member::Message(message)) = response.output.unwrap().member else { panic!("no message") };
    let tool_use = message.content.iter().find_map(|block| match &block.member {
        Some(content_block::Member::ToolUse(tool_use)) => Some(tool_use.clone()),
        _ => None,
    });
    let tool_use = tool_use.unwrap();
    assert_eq!(tool_use.input_form, Some(tool_use_block::InputForm::InputJson(r#"{"city":"Paris"}"#.into())));

    let result = ToolResultBlock {
        tool_use_id: tool_use.tool_use_id,
        content: vec![ToolResultContentBlock {
            member: Some(tool_result_content_block::Member::Text("21 degrees".into())),
        }],
        ..Default::default()
    };
    request.messages.push(message);
    let content = vec![ContentBlock { member: Some(content_block::Member::ToolResult(result)) }];
    request.messages.push(Message { role: Some("user".into()), content, ..Default::default() });
    let response = client.converse_stream(request).await.unwrap().collect().await.unwrap();
    assert_eq!(response.stop_reason.as_deref(), Some("end_turn"));
    assert!(format!("{response:?}").contains("21 degrees"));
}

#[tokio::test]
async fn image_of_20_mb_arrives_unchanged() {
    let (simulator, _gateway, mut client) = started().await;
    let image: Vec<u8> = (0..20 * 1024 * 1024_u32).map(|i| (i * 31 % 251) as u8).collect();
    let block = ImageBlock {
        format: Some("png".into()),
        source: Some(ImageSource { member: Some(image_source::Member::Bytes(image.clone().into())) }),
        ..Default::default()
    };
    let mut request = converse("demo.model", "What is this?");
    request.messages[0].content.push(ContentBlock { member: Some(content_block::Member::Image(block)) });
    client.converse(request).await.unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&simulator.requests()[0].body).unwrap();
    let sent = sent["messages"][0]["content"][1]["image"]["source"]["bytes"].as_str().unwrap();
    use base64::Engine as _;
    assert!(base64::engine::general_purpose::STANDARD.decode(sent).unwrap() == image);
}

#[tokio::test]
async fn compressed_messages_are_accepted_and_sent() {
    let (_simulator, _gateway, client) = started().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = client.clone().send_compressed(encoding).accept_compressed(encoding);
        let response = client.converse(converse("demo.model", &"again and ".repeat(100))).await.unwrap();
        assert_eq!(response.into_inner().stop_reason.as_deref(), Some("end_turn"));
    }
}

#[tokio::test]
async fn an_arn_is_called_in_its_own_region() {
    let (simulator, _gateway, mut client) = started().await;
    let arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude";
    let response = client.converse(converse(arn, "Hi")).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-region").unwrap(), "eu-central-1");
    let sent = &simulator.requests()[0];
    assert!(sent.headers["authorization"].to_str().unwrap().contains("/eu-central-1/bedrock/aws4_request"));
    assert!(sent.path.contains("inference-profile%2Feu.anthropic.claude"), "{}", sent.path);
}
