//! What a caller chooses with request metadata `bedrock-grpc-*`.

use bedrock_grpc_schema::runtime::v1::converse_response::AdditionalModelResponseFieldsForm as Fields;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::message_stop_event::AdditionalModelResponseFieldsForm as StopFields;
use bedrock_simulator::{Answer, frames};
use http::StatusCode;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tonic::{Code, Request};

use crate::fixture::*;

/// `message` with one entry of request metadata.
fn with_metadata<T>(message: T, name: &'static str, value: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(name, value.parse().unwrap());
    request
}

/// `{"stop_sequence":"END"}`
fn fields() -> Value {
    let text = Value { kind: Some(Kind::StringValue("END".into())) };
    Value { kind: Some(Kind::StructValue(Struct { fields: [("stop_sequence".to_owned(), text)].into() })) }
}

#[tokio::test]
async fn response_has_documents_as_values_when_the_metadata_requests_them() {
    let (simulator, _gateway, mut client) = started().await;
    let body = r#"{"additionalModelResponseFields":{"stop_sequence":"END"}}"#;
    for (value, expected) in [
        ("value", Fields::AdditionalModelResponseFields(fields())),
        ("json", Fields::AdditionalModelResponseFieldsJson(r#"{"stop_sequence":"END"}"#.into())),
    ] {
        simulator.script(Answer::json(StatusCode::OK, body));
        let request = with_metadata(converse("demo.model", "Hi"), "bedrock-grpc-documents", value);
        let response = client.converse(request).await.unwrap().into_inner();
        assert_eq!(response.additional_model_response_fields_form, Some(expected));
    }
}

#[tokio::test]
async fn event_has_documents_as_values_when_the_metadata_requests_them() {
    let (simulator, _gateway, mut client) = started().await;
    let stop = br#"{"stopReason":"end_turn","additionalModelResponseFields":{"stop_sequence":"END"}}"#;
    simulator.script(Answer::events([frames::event("messageStop", stop)]));
    let request = with_metadata(converse_stream("demo.model", "Hi"), "bedrock-grpc-documents", "value");
    let mut stream = client.converse_stream(request).await.unwrap().into_inner();
    let Some(Event::MessageStop(stop)) = stream.message().await.unwrap().unwrap().member else { panic!("no stop") };
    assert_eq!(stop.additional_model_response_fields_form, Some(StopFields::AdditionalModelResponseFields(fields())));
}

#[tokio::test]
async fn unknown_metadata_of_the_gateway_is_rejected_with_its_name() {
    let (simulator, _gateway, mut client) = started().await;
    for (name, value) in [("bedrock-grpc-document", "value"), ("bedrock-grpc-documents", "struct")] {
        let status = client.converse(with_metadata(converse("demo.model", "Hi"), name, value)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION"));
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, name);
    }
    assert!(simulator.requests().is_empty());
}
