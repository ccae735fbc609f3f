//! Every field of AWS's model, one at a time, through the gateway: in requests, responses and events. Every structure and union
//! also gets a member that AWS has not invented yet. The fields come from the facts of AWS's model, the operations from their
//! rows, and the messages are read by the descriptor alone. So the test finds a missing field, and also a mistake in the codec,
//! and a new operation or member needs no line here.

use bedrock_grpc_schema::operation::{OPERATIONS, Operation, PayloadKind, StreamKind};
use bedrock_simulator::{Answer, frames};
use http::StatusCode;
use serde_json::{Map, Value};
use tonic::Code;

use crate::fixture::dynamic::Dynamic;
use crate::fixture::operations::{smallest_request, started_with_all_services};
use crate::support::aws_model::AwsModel;

fn rows(wanted: impl Fn(&Operation) -> bool) -> impl Iterator<Item = (&'static Operation, AwsModel)> {
    let rows = OPERATIONS.iter().filter(move |row| wanted(row));
    rows.map(|row| (*row, AwsModel::load(row.service.name)))
}

fn access_denied() -> Answer {
    Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no")
}

#[tokio::test]
async fn every_field_of_a_request_reaches_bedrock() {
    let (simulator, gateway) = started_with_all_services().await;
    let client = Dynamic::new(gateway.channel().await);
    let mut operations = 0;
    for (row, model) in rows(|row| row.request_payload == PayloadKind::Json) {
        let shape = &model.operations[row.name].input;
        let fields = model.one_field_at_a_time(shape);
        assert!(fields.len() > 4, "{}: {}", row.name, fields.len());
        for (path, field) in fields {
            simulator.script(access_denied());
            let mut request = smallest_request(&model, row, None);
            request.extend(field.as_object().unwrap().clone());
            let status = client.call_operation(row, &Value::Object(request.clone())).await.1.unwrap();
            assert_eq!(status.code(), Code::PermissionDenied, "{}{path}: {status:?}", row.name);
            let sent: Value = serde_json::from_slice(&simulator.requests().last().unwrap().body).unwrap();
            let members = &model.shape(shape).members;
            let is_in_body = |name: &String| members.get(name).is_none_or(|member| member.location.is_none());
            let body: Map<_, _> = request.into_iter().filter(|(name, _)| is_in_body(name)).collect();
            assert_eq!(sent, model.with_required_lists(shape, Value::Object(body)), "{}{path}", row.name);
            simulator.clear_requests();
        }
        operations += 1;
    }
    assert!(operations >= 6, "only {operations} operations");
}

#[tokio::test]
async fn every_field_of_a_response_reaches_the_caller() {
    let (simulator, gateway) = started_with_all_services().await;
    let client = Dynamic::new(gateway.channel().await);
    let mut operations = 0;
    for (row, model) in rows(|row| row.response_payload == PayloadKind::Json) {
        let request = Value::Object(smallest_request(&model, row, None));
        let fields = model.one_field_at_a_time(&model.operations[row.name].output);
        assert!(fields.len() > 1, "{}: {}", row.name, fields.len());
        for (path, json) in fields {
            simulator.script(Answer::json(StatusCode::OK, json.to_string()));
            let (responses, failure) = client.call_operation(row, &request).await;
            assert!(failure.is_none(), "{}{path}: {failure:?}", row.name);
            assert_eq!(responses, [json], "{}{path}", row.name);
        }
        operations += 1;
    }
    assert!(operations >= 10, "only {operations} operations");
}

#[tokio::test]
async fn every_field_of_an_event_reaches_the_caller() {
    let (simulator, gateway) = started_with_all_services().await;
    let client = Dynamic::new(gateway.channel().await);
    let mut operations = 0;
    for (row, model) in rows(|row| row.stream == StreamKind::Response) {
        let request = Value::Object(smallest_request(&model, row, None));
        for (path, json) in model.one_field_at_a_time(model.events(row.name).unwrap()) {
            let (event, payload) = json.as_object().unwrap().iter().next().unwrap();
            simulator.script(Answer::events([frames::event(event, payload.to_string().as_bytes())]));
            let (events, end) = client.call_operation(row, &request).await;
            assert_eq!(events, std::slice::from_ref(&json), "{}{path}: {end:?}", row.name);
        }
        operations += 1;
    }
    assert!(operations >= 2, "only {operations} operations");
}

#[tokio::test]
async fn every_operation_of_awss_model_is_served() {
    let (simulator, gateway) = started_with_all_services().await;
    let client = Dynamic::new(gateway.channel().await);
    for (row, _) in rows(|_| true) {
        simulator.script(access_denied());
        let status = client.call_operation(row, &Value::Object(Map::new())).await.1.unwrap();
        assert_ne!(status.code(), Code::Unimplemented, "{}", row.name);
    }
}
