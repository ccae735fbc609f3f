//! Documents are exact text in both directions.

use bedrock_grpc_schema::runtime::v1::converse_response::AdditionalModelResponseFieldsForm as Fields;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::message_stop_event::AdditionalModelResponseFieldsForm as StopFields;
use bedrock_grpc_schema::runtime::v1::tool_use_block::InputForm;
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, frames};
use http::StatusCode;

use crate::fixture::*;

const TEXT: &str =
    r#"{"zeta":{"type":"integer","maximum":12345678901234567890},"alpha":[1.0,1e400,-0.0],"mid":"caf\u00e9"}"#;

fn with_tool(schema: &str) -> ConverseRequest {
    let schema = ToolInputSchema { member: Some(tool_input_schema::Member::JsonText(schema.to_owned())) };
    let spec = ToolSpecification { name: Some("t".into()), input_schema: Some(schema), ..Default::default() };
    let tools = vec![Tool { member: Some(tool::Member::ToolSpec(spec)) }];
    ConverseRequest {
        tool_config: Some(ToolConfiguration { tools, ..Default::default() }),
        ..converse("demo.model", "Hi")
    }
}

#[tokio::test]
async fn a_tool_schema_reaches_bedrock_unchanged() {
    let (simulator, _gateway, mut client) = started().await;
    simulator.script(short_response());
    client.converse(with_tool(TEXT)).await.unwrap();
    let body = String::from_utf8(simulator.requests()[0].body.to_vec()).unwrap();
    assert!(body.contains(&format!(r#""inputSchema":{{"json":{TEXT}}}"#)), "{body}");
}

#[tokio::test]
async fn equal_requests_have_equal_bodies_so_that_the_prompt_cache_hits() {
    let (simulator, _gateway, mut client) = started().await;
    let mut request = with_tool(r#"{"type":"object","properties":{"b":{},"a":{},"d":{},"c":{}}}"#);
    let cache_point = CachePointBlock { r#type: Some("default".into()), ..Default::default() };
    let tools = &mut request.tool_config.as_mut().unwrap().tools;
    tools.push(Tool { member: Some(tool::Member::CachePoint(cache_point)) });
    let mut read = Vec::new();
    for _ in 0..6 {
        let usage = client.converse(request.clone()).await.unwrap().into_inner().usage.unwrap();
        read.push(usage.cache_read_input_tokens.unwrap_or_default() > 0);
    }
    assert_eq!(read, [false, true, true, true, true, true]);
    let bodies: std::collections::HashSet<_> = simulator.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn tool_arguments_reach_the_caller_unchanged() {
    let (simulator, _gateway, mut client) = started().await;
    let body = format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"i","name":"t","input":{TEXT}}}}}]}}}},"additionalModelResponseFields":{TEXT}}}"#
    );
    simulator.script(Answer::json(StatusCode::OK, body));
    let response = client.converse(converse("demo.model", "Hi")).await.unwrap().into_inner();
    assert_eq!(
        response.additional_model_response_fields_form,
        Some(Fields::AdditionalModelResponseFieldsJson(TEXT.to_owned()))
    );
    let Some(converse_output::Member::Message(message)) = response.output.unwrap().member else { panic!("no message") };
    let Some(content_block::Member::ToolUse(tool)) = &message.content[0].member else { panic!("no tool use") };
    assert_eq!(tool.input_form, Some(InputForm::InputJson(TEXT.to_owned())));
    // The caller sends it back in the next request.
    simulator.script(short_response());
    let mut next = converse("demo.model", "Hi");
    next.messages.push(message);
    client.converse(next).await.unwrap();
    let body = String::from_utf8(simulator.requests()[1].body.to_vec()).unwrap();
    assert!(body.contains(&format!(r#""input":{TEXT}"#)), "{body}");
}

#[tokio::test]
async fn a_document_in_an_event_reaches_the_caller_unchanged() {
    let (simulator, _gateway, mut client) = started().await;
    let stop = format!(r#"{{"stopReason":"end_turn","additionalModelResponseFields":{TEXT}}}"#);
    simulator.script(Answer::events([frames::event("messageStop", stop.as_bytes())]));
    let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    let Some(Event::MessageStop(stop)) = stream.message().await.unwrap().unwrap().member else { panic!("no stop") };
    assert_eq!(
        stop.additional_model_response_fields_form,
        Some(StopFields::AdditionalModelResponseFieldsJson(TEXT.to_owned()))
    );
}
