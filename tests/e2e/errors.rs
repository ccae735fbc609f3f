//! Errors beyond the table: the delay, the field, the members of an exception, and requests that the gateway rejects itself.

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::tool_use_block::InputForm;
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, Chunk, frames};
use http::StatusCode;
use serde_json::json;
use tonic::Code;

use crate::fixture::dynamic::Dynamic;
use crate::fixture::*;

#[tokio::test]
async fn an_error_frame_is_an_exception_too() {
    let (_simulator, _gateway, mut client) = started().await;
    let mut stream = client.converse_stream(converse_stream("fault.error.after.2", "Hi")).await.unwrap().into_inner();
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    let status = stream.message().await.unwrap_err();
    assert_eq!((info(&status, "phase").as_str(), info(&status, "events").as_str()), ("stream", "2"));
    assert_ne!(info(&status, "aws_error_code"), "");
}

#[tokio::test]
async fn bedrocks_retry_after_reaches_the_caller() {
    let (_simulator, _gateway, mut client) = started().await;
    // The delay is longer than the gateway waits, so there is one request.
    let status = client.converse(converse("fault.retry-after.45", "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(info(&status, "attempts"), "1");
    assert_eq!(trailer(&status, "grpc-retry-pushback-ms"), Some("45000"));
    assert_eq!(trailer(&status, "retry-after"), Some("45"));
    assert_eq!(details(&status).retry_info().unwrap().retry_delay, Some(Duration::from_secs(45)));
}

#[tokio::test]
async fn a_validation_exception_names_its_field() {
    let (_simulator, _gateway, mut client) = started().await;
    let status = client.converse(converse("demo.model", " ")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = details(&status).bad_request().unwrap().field_violations.clone();
    assert!(violations[0].field.starts_with("messages[0].content[0]"), "{violations:?}");
}

#[tokio::test]
async fn account_ids_are_redacted_unless_upstream_messages_are_exposed() {
    let simulator = simulator().await;
    let message = "User: arn:aws:sts::123456789012:assumed-role/Admin/me is not authorized";
    let response = || Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, message);
    for (exposed, flags) in [(false, &[][..]), (true, &["--expose-upstream-messages"][..])] {
        let gateway = flags.iter().fold(Gateway::builder(&simulator), |builder, flag| builder.arg(flag)).start().await;
        simulator.script(response());
        let status = gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap_err();
        assert_eq!(status.message().contains("123456789012"), exposed, "{}", status.message());
        assert_eq!(status.message().contains("Admin"), exposed, "{}", status.message());
        // The gateway's log has the complete text.
        let line = gateway.call_line(|_| true).await;
        assert!(line["error"].as_str().unwrap().contains("123456789012"), "{line}");
    }
}

#[tokio::test]
async fn long_messages_and_messages_in_other_scripts_fit_the_trailers() {
    let (simulator, _gateway, mut client) = started().await;
    let text = "\u{201c}prompt\u{201d} is too long \u{2014} ".repeat(2000);
    simulator.script(Answer::exception("ValidationException", StatusCode::BAD_REQUEST, &text));
    let status = client.converse(converse(&"m".repeat(2000).replace("mm", "m."), "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!status.message().is_empty() && status.message().len() <= 1024);
    assert!(text.starts_with(status.message()), "{}", status.message());
    let percent_encoded: usize = status.message().bytes().map(|b| if b.is_ascii() { 1 } else { 3 }).sum();
    assert!(percent_encoded + status.details().len() * 4 / 3 < 8 * 1024);
}

#[tokio::test]
async fn invalid_input_is_rejected_with_its_field_and_no_request_is_sent() {
    let (simulator, _gateway, mut client) = started().await;
    let block = |member| ConverseRequest {
        messages: vec![Message {
            role: Some("user".into()),
            content: vec![ContentBlock { member }],
            ..Default::default()
        }],
        ..converse("demo.model", "")
    };
    let tool_use =
        |input| Some(content_block::Member::ToolUse(ToolUseBlock { input_form: Some(input), ..Default::default() }));
    let infinite = InferenceConfiguration { temperature: Some(f32::NAN), ..Default::default() };
    let cases = [
        (ConverseRequest::default(), "modelId"),
        (ConverseRequest { model_id: Some(String::new()), ..Default::default() }, "modelId"),
        (block(None), "messages[0].content[0]"),
        (block(tool_use(InputForm::InputJson("{\"secret".into()))), "messages[0].content[0].toolUse.inputJson"),
        (block(tool_use(InputForm::Input(prost_types::Value { kind: None }))), "messages[0].content[0].toolUse.input"),
        (
            block(Some(content_block::Member::Unrecognized(unrecognized("\"secret\"")))),
            "messages[0].content[0].unrecognized",
        ),
        (
            ConverseRequest { inference_config: Some(infinite), ..converse("demo.model", "Hi") },
            "inferenceConfig.temperature",
        ),
    ];
    for (request, field) in cases {
        let status = client.converse(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "VALIDATION"),
            "{field}: {status:?}"
        );
        assert_eq!((info(&status, "phase").as_str(), info(&status, "attempts").as_str()), ("admission", "0"));
        let violations = details(&status).bad_request().unwrap().field_violations.clone();
        assert_eq!(violations[0].field, field, "{status:?}");
        assert!(!violations[0].description.is_empty());
        assert!(!format!("{status:?}").contains("secret"));
    }
    let status = client.converse(converse(&"m".repeat(2049), "Hi")).await.unwrap_err();
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "modelId");
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn an_unreadable_response_is_data_loss() {
    let (simulator, gateway, mut client) = started().await;
    for body in ["{\"stopReason\": {\"secret\": 1}}", "secret", ""] {
        simulator.script(Answer::json(StatusCode::OK, body));
        let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::DataLoss, "DATA_LOSS"), "{body}");
        // The response is paid for, and a retry would be paid again.
        assert_eq!(info(&status, "attempts"), "1");
        assert!(!format!("{status:?}").contains("secret"));
    }
    gateway.call_line(|_| true).await;
    assert!(!gateway.log.text().contains("secret"));
}

#[tokio::test]
async fn a_truncated_unary_response_is_unavailable_and_not_requested_again() {
    let (simulator, _gateway, mut client) = started().await;
    simulator.script(Answer::json(StatusCode::OK, "{\"stopReason\":").then(Chunk::Cut));
    let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "STREAM_TRUNCATED"));
    assert_eq!(info(&status, "attempts"), "1");
    assert_eq!(simulator.requests().len(), 1);
}

#[tokio::test]
async fn members_of_an_exception_are_in_the_error_details() {
    let (simulator, _gateway, mut client) = started().await;
    let payload = br#"{"message":"m","originalStatusCode":429,"originalMessage":"slow"}"#;
    let start = frames::event("messageStart", br#"{"role":"assistant"}"#);
    simulator.script(Answer::events([start, frames::exception("modelStreamErrorException", payload)]));
    let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "m"));
    assert_eq!(info(&status, "original_status_code"), "429");
    assert_eq!(info(&status, "aws_error_code"), "ModelStreamErrorException");
}

#[tokio::test]
async fn an_unreachable_endpoint_is_unavailable_after_three_attempts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::builder_for(&format!("http://{address}")).start().await;
    let status = gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNREACHABLE"));
    assert_eq!(info(&status, "attempts"), "3");
    assert!(trailer(&status, "grpc-retry-pushback-ms").is_some());
    assert!(!status.message().contains(&address.to_string()), "{}", status.message());
}

#[tokio::test]
async fn long_values_of_the_caller_do_not_make_trailers_large() {
    let (simulator, gateway, mut client) = started().await;
    let long = "k".repeat(60_000);
    let mut request = converse("demo.model", "Hi");
    request.prompt_variables.insert(long.clone(), PromptVariableValues { member: None });
    let status = client.converse(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(!status.message().is_empty() && status.details().len() < 6000, "{}", status.details().len());
    // The key belongs to the caller, so it is in no log.
    let line = gateway.call_line(|line| line["reason"] == "VALIDATION").await;
    assert!(!line.to_string().contains("kkk"), "{line}");
    let path = format!("1 error at messages.0.content.{}", "9.".repeat(20_000));
    simulator.script(Answer::exception("ValidationException", StatusCode::BAD_REQUEST, &path));
    let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert!(!status.message().is_empty() && status.details().len() < 6000, "{}", status.details().len());
    let path = format!("/bedrock.runtime.v1.BedrockRuntimeService/{}", "M".repeat(9000));
    let status = raw::read_response(raw::send_message(&gateway, &path, &[], b"").await).await.status;
    assert_eq!((status.code(), info(&status, "operation").as_str()), (Code::Unimplemented, "_OTHER"));
}

#[tokio::test]
async fn an_arn_with_an_invalid_region_is_rejected_by_bedrock() {
    let (simulator, _gateway, mut client) = started().await;
    for region in ["not a region", "x@127.0.0.1/", "US-EAST-1", ""] {
        let arn = format!("arn:aws:bedrock:{region}:123456789012:inference-profile/x");
        simulator.script(Answer::exception("ValidationException", StatusCode::BAD_REQUEST, "no such model"));
        let status = client.converse(converse(&arn, "Hi")).await.unwrap_err();
        assert_eq!((status.code(), info(&status, "region").as_str()), (Code::InvalidArgument, "us-east-1"), "{region}");
    }
    assert_eq!(simulator.requests().len(), 4);
}

#[tokio::test]
async fn a_unary_call_without_a_response_ends_by_timeout() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--response-timeout").arg("50ms").start().await;
    let status = gateway.client().await.converse(converse("fault.stall", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "RESPONSE_TIMEOUT"));
    simulator.open_requests().wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test]
async fn help_and_resource_info_name_the_resource_of_the_operation() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    for (operation, request, action, kind) in [
        ("CountTokens", json!({"modelId": "demo.model", "input": {"converse": {}}}), "bedrock:CountTokens", "model"),
        (
            "ApplyGuardrail",
            json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1"}),
            "bedrock:ApplyGuardrail",
            "guardrail",
        ),
    ] {
        simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no"));
        let status = client.call(operation, &request).await.unwrap_err();
        let links = details(&status).help().unwrap().links.clone();
        assert!(links.iter().any(|link| link.description.ends_with(action)), "{operation}: {links:?}");
        simulator.script(Answer::exception("ResourceNotFoundException", StatusCode::NOT_FOUND, "no"));
        let status = client.call(operation, &request).await.unwrap_err();
        let resource = details(&status).resource_info().unwrap().clone();
        assert_eq!(resource.resource_type, kind);
        assert!(!resource.resource_name.is_empty());
    }
}

#[tokio::test]
async fn very_long_query_and_header_members_are_rejected_and_the_gateway_keeps_running() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--control-plane").start().await;
    let client = Dynamic::new(gateway.channel().await);
    let long = "x".repeat(70_000);
    for (operation, request, field) in [
        ("ListAsyncInvokes", json!({"nextToken": long}), "nextToken"),
        ("InvokeModel", json!({"modelId": "m", "body": "e30=", "accept": long}), "accept"),
        ("InvokeModel", json!({"modelId": "m", "body": "e30=", "accept": "caf\u{e9}"}), "accept"),
    ] {
        let status = client.call(operation, &request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{operation}: {status:?}");
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, field);
    }
    let mut control_plane =
        bedrock_grpc_schema::control::v1::bedrock_service_client::BedrockServiceClient::new(gateway.channel().await);
    let models = bedrock_grpc_schema::control::v1::ListFoundationModelsRequest {
        by_provider: Some(long.clone()),
        ..Default::default()
    };
    let status = control_plane.list_foundation_models(models).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let profiles =
        bedrock_grpc_schema::control::v1::ListInferenceProfilesRequest { next_token: Some(long), ..Default::default() };
    let status = control_plane.list_inference_profiles(profiles).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn ids_that_are_dots_are_rejected_and_nothing_is_sent() {
    let (simulator, _gateway, mut client) = started().await;
    for id in [".", ".."] {
        let status = client.converse(converse(id, "Hi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION"), "{id}");
    }
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn name_of_an_exception_is_found_if_its_body_cannot_be_read() {
    let (simulator, _gateway, mut client) = started().await;
    let bodies =
        ["<html>Forbidden</html>", "[]", "", r#"{"message":{}}"#, r#"{"originalStatusCode":"429","__type":"Other"}"#];
    for body in bodies {
        // Without the name, the HTTP status would make it INVALID_ARGUMENT.
        let answer = Answer::json(StatusCode::BAD_REQUEST, body);
        simulator.script(answer.with_header("x-amzn-errortype", "AccessDeniedException:http://internal.amazon.com/"));
        let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ACCESS_DENIED"), "{body}");
    }
    // Without the header the body names it.
    for body in [r#"{"code":"ConflictException"}"#, r#"{"Output":{"__type":"com.amazon.coral#ConflictException"}}"#] {
        simulator.script(Answer::json(StatusCode::BAD_REQUEST, body));
        let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "CONFLICT"), "{body}");
    }
}
