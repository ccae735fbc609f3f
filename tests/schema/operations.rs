//! The rows of the operations, and the members that are not in the body.

use bedrock_grpc_schema::control::v1::{ListFoundationModelsRequest, ListInferenceProfilesRequest};
use bedrock_grpc_schema::json::DocumentForm;
use bedrock_grpc_schema::operation::{
    OPERATIONS, Operation, OperationRequest, OperationResponse, PayloadKind, Place, StreamKind, bedrock_runtime,
};
use bedrock_grpc_schema::runtime::v1::*;
use prost_types::Timestamp;

use crate::support::aws_model::AwsModel;

/// The bound members of a request, as place, name on the wire and value.
fn bound(request: &impl OperationRequest) -> Vec<(Place, String, String)> {
    let mut found = Vec::new();
    let visited =
        request.visit_bound(&mut |binding, name, value| found.push((binding.place, name.to_owned(), value.to_owned())));
    visited.unwrap();
    found
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn row(place: Place, name: &str, value: &str) -> (Place, String, String) {
    (place, name.to_owned(), value.to_owned())
}

#[test]
fn every_operation_of_awss_model_has_a_row_with_its_method_path_and_bindings() {
    let mut members = 0;
    for row in OPERATIONS {
        let model = AwsModel::load(row.service.name);
        let facts = &model.operations[row.name];
        assert_eq!((row.method, row.uri), (facts.method.as_str(), facts.uri.as_str()));
        assert_eq!(row.grpc_path, format!("/{}/{}", row.service.grpc_service, row.name));
        for (name, member) in &model.shape(&facts.input).members {
            let place = match member.location.as_deref() {
                Some("uri") => Place::Path,
                Some("querystring") => Place::Query,
                Some("header") => Place::Header,
                Some("headers") => Place::Headers,
                Some("payload") | None => continue,
                Some(other) => panic!("{}.{name}: {other}", row.name),
            };
            let binding = row.request_bindings.iter().find(|b| b.member == name).unwrap();
            assert_eq!((binding.place, Some(binding.name)), (place, member.location_name.as_deref()));
            members += 1;
        }
    }
    assert!(OPERATIONS.len() >= 14 && members >= 30, "{} operations, {members} bound members", OPERATIONS.len());
}

#[test]
fn every_label_of_a_path_is_a_required_member() {
    for row in OPERATIONS {
        let labels = row.uri.split('{').skip(1).map(|rest| rest.split(['}', '+']).next().unwrap());
        for label in labels {
            let binding = row.request_bindings.iter().find(|b| b.name == label).unwrap();
            assert!(binding.place == Place::Path && binding.required, "{}.{label}", row.name);
        }
    }
}

#[test]
fn operation_table_has_method_path_and_stream_kind() {
    let Operation { method, uri, grpc_path, stream, read_only, .. } = &bedrock_runtime::CONVERSE_STREAM;
    assert_eq!((*method, *uri), ("POST", "/model/{modelId}/converse-stream"));
    assert_eq!(*grpc_path, "/bedrock.runtime.v1.BedrockRuntimeService/ConverseStream");
    assert_eq!((*stream, *read_only), (StreamKind::Response, false));
    assert_eq!(bedrock_runtime::INVOKE_MODEL_WITH_BIDIRECTIONAL_STREAM.stream, StreamKind::Both);
    assert!(bedrock_runtime::COUNT_TOKENS.read_only);
    assert_eq!(bedrock_runtime::START_ASYNC_INVOKE.idempotency_token, Some("clientRequestToken"));
    assert_eq!(bedrock_runtime::SERVICE.signing_name, "bedrock");
    let model_id = &bedrock_runtime::CONVERSE.request_bindings[0];
    assert_eq!((model_id.member, model_id.min, model_id.max), ("modelId", Some(1.0), Some(2048.0)));
    assert!(model_id.pattern.is_some_and(|pattern| pattern.contains("inference-profile")));
}

#[test]
fn members_of_path_and_headers_are_visited_by_their_names_on_the_wire() {
    let request = InvokeModelRequest {
        body: Some("{}".into()),
        model_id: text("a/b:0"),
        accept: text("*/*"),
        project_identifier: text("p1"),
        ..Default::default()
    };
    let expected = [
        row(Place::Header, "Accept", "*/*"),
        row(Place::Path, "modelId", "a/b:0"),
        row(Place::Header, "X-Amzn-Bedrock-ProjectIdentifier", "p1"),
    ];
    assert_eq!(bound(&request), expected);
    assert_eq!(request.encode_payload().unwrap(), "{}");
}

#[test]
fn members_of_the_query_are_visited_as_text() {
    let request = ListAsyncInvokesRequest {
        submit_time_after: Some(Timestamp { seconds: 1_767_323_045, nanos: 6_000_000 }),
        max_results: Some(7),
        ..Default::default()
    };
    let expected =
        [row(Place::Query, "submitTimeAfter", "2026-01-02T03:04:05.006Z"), row(Place::Query, "maxResults", "7")];
    assert_eq!(bound(&request), expected);
    assert!(request.encode_payload().unwrap().is_empty());
    let request = ListFoundationModelsRequest { project_identifier: text("p1"), ..Default::default() };
    assert_eq!(bound(&request), [row(Place::Query, "projectIdentifier", "p1")]);
    assert_eq!(bound(&ListInferenceProfilesRequest::default()), []);
}

#[test]
fn a_timestamp_without_a_form_is_invalid_and_named() {
    let time = Timestamp { seconds: 0, nanos: -1 };
    let request = ListAsyncInvokesRequest { submit_time_before: Some(time), ..Default::default() };
    let invalid = request.visit_bound(&mut |_, _, _| ()).unwrap_err();
    assert_eq!(invalid.path, "submitTimeBefore");
}

#[test]
fn a_json_body_has_no_bound_members() {
    let request = ConverseRequest { model_id: text("m"), project_identifier: text("p1"), ..Default::default() };
    assert_eq!(request.encode_payload().unwrap(), r#"{"projectIdentifier":"p1"}"#);
    assert_eq!(bound(&request), [row(Place::Path, "modelId", "m")]);
}

#[test]
fn an_idempotency_token_can_be_set_by_the_row_alone() {
    let mut request = StartAsyncInvokeRequest::default();
    *request.idempotency_token().unwrap() = text("t");
    assert_eq!(request.client_request_token.as_deref(), Some("t"));
    assert!(ConverseRequest::default().idempotency_token().is_none());
}

#[test]
fn a_response_is_read_from_its_body_and_its_headers() {
    let row = InvokeModelResponse::OPERATION;
    assert_eq!(row.response_payload, PayloadKind::Blob);
    let mut response =
        InvokeModelResponse::decode_payload("{\"a\": 1}".into(), DocumentForm::Text, |_| panic!()).unwrap();
    for binding in row.response_bindings {
        assert!(response.set_bound(binding, binding.name, binding.member));
    }
    assert_eq!(response.body.unwrap(), "{\"a\": 1}");
    assert_eq!(response.content_type.as_deref(), Some("contentType"));
    assert_eq!(response.service_tier.as_deref(), Some("serviceTier"));

    let body = r#"{"inputTokens": 5, "mood": 1}"#;
    let mut unknown = Vec::new();
    let response = CountTokensResponse::decode_payload(body.into(), DocumentForm::Text, |name| {
        unknown.push(name.to_owned());
    });
    assert_eq!((response.unwrap().input_tokens, unknown), (Some(5), vec!["mood".to_owned()]));
}

#[test]
fn headers_of_a_streamed_response_are_in_the_row() {
    let headers = bedrock_runtime::INVOKE_MODEL_WITH_RESPONSE_STREAM.stream_headers;
    assert!(headers.contains(&"X-Amzn-Bedrock-Content-Type") && headers.len() == 3, "{headers:?}");
    assert!(bedrock_runtime::CONVERSE_STREAM.stream_headers.is_empty());
}
