//! Every field of AWS's model, one at a time, through the gateway: in requests, responses and events. Every structure and union
//! also gets a member that AWS has not invented yet. The fields come from the facts of AWS's model, and the messages are read
//! by the descriptor alone. So the test finds a missing field, and also a mistake in the codec.

use bedrock_simulator::{Answer, frames};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::fixture::dynamic::Dynamic;
use crate::fixture::*;
use crate::support::aws_model::AwsModel;

/// The operations whose request and response bodies are JSON, with the members that each request needs in addition to the
/// field under test.
fn operations() -> [(&'static str, Value); 8] {
    let model = json!({"modelId": "demo.model"});
    [
        ("Converse", model.clone()),
        ("ConverseStream", model.clone()),
        ("CountTokens", model.clone()),
        ("ApplyGuardrail", json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1"})),
        ("InvokeGuardrailChecks", json!({})),
        ("StartAsyncInvoke", json!({"modelId": "demo.model", "clientRequestToken": "a-token"})),
        (
            "GetAsyncInvoke",
            json!({"invocationArn": "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl"}),
        ),
        ("ListAsyncInvokes", json!({})),
    ]
}

fn merged(base: &Value, field: &Value) -> Value {
    let both = [base, field].into_iter().flat_map(|v| v.as_object().unwrap().clone());
    Value::Object(both.collect::<Map<_, _>>())
}

#[tokio::test]
async fn every_field_of_a_request_reaches_bedrock() {
    let (simulator, gateway, _) = started().await;
    let (model, client) = (AwsModel::load("bedrock-runtime"), Dynamic::new(gateway.channel().await));
    for (operation, base) in
        operations().into_iter().filter(|(name, _)| !name.ends_with("AsyncInvokes") && !name.starts_with("Get"))
    {
        let shape = &model.operations[operation].input;
        let fields = model.one_field_at_a_time(shape);
        assert!(fields.len() > 4, "{operation}: {}", fields.len());
        for (path, field) in fields {
            simulator.script(if operation == "ConverseStream" {
                Answer::events(stream_frames(0))
            } else {
                short_response()
            });
            let request = merged(&base, &field);
            let outcome = client.call(operation, &request).await;
            outcome.unwrap_or_else(|status| panic!("{operation}{path}: {status:?}"));
            let sent: Value = serde_json::from_slice(&simulator.requests().last().unwrap().body).unwrap();
            let members = &model.shape(shape).members;
            let in_body = |name: &String| members.get(name).is_none_or(|member| member.location.is_none());
            let body = request.as_object().unwrap().iter().filter(|(name, _)| in_body(name));
            let body = Value::Object(body.map(|(name, value)| (name.clone(), value.clone())).collect());
            assert_eq!(sent, model.with_required_lists(shape, body), "{operation}{path}");
            simulator.clear_requests();
        }
    }
}

#[tokio::test]
async fn every_field_of_a_response_reaches_the_caller() {
    let (simulator, gateway, _) = started().await;
    let (model, client) = (AwsModel::load("bedrock-runtime"), Dynamic::new(gateway.channel().await));
    for (operation, request) in operations().into_iter().filter(|(name, _)| *name != "ConverseStream") {
        let fields = model.one_field_at_a_time(&model.operations[operation].output);
        assert!(fields.len() > 1, "{operation}: {}", fields.len());
        for (path, json) in fields {
            simulator.script(Answer::json(StatusCode::OK, json.to_string()));
            let response = client.call(operation, &request).await;
            assert_eq!(
                response.unwrap_or_else(|status| panic!("{operation}{path}: {status:?}")),
                [json],
                "{operation}{path}"
            );
        }
    }
}

#[tokio::test]
async fn every_field_of_an_event_reaches_the_caller() {
    let (simulator, gateway, _) = started().await;
    let (model, client) = (AwsModel::load("bedrock-runtime"), Dynamic::new(gateway.channel().await));
    for (operation, rest) in [("ConverseStream", stream_frames(0)), ("InvokeModelWithResponseStream", Vec::new())] {
        for (path, json) in model.one_field_at_a_time(model.events(operation).unwrap()) {
            let (event, payload) = json.as_object().unwrap().iter().next().unwrap();
            let first = frames::event(event, payload.to_string().as_bytes());
            simulator.script(Answer::events(std::iter::once(first).chain(rest.clone())));
            let events = client.call(operation, &json!({"modelId": "demo.model"})).await;
            assert_eq!(
                events.unwrap_or_else(|status| panic!("{operation}{path}: {status:?}"))[0],
                json,
                "{operation}{path}"
            );
        }
    }
}

#[tokio::test]
async fn every_operation_of_awss_model_is_served() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let model = AwsModel::load("bedrock-runtime");
    assert_eq!(model.operations.len(), 11);
    for operation in model.operations.keys() {
        simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no"));
        let status = client.call(operation, &json!({})).await.unwrap_err();
        assert_ne!(status.code(), tonic::Code::Unimplemented, "{operation}");
    }
}
