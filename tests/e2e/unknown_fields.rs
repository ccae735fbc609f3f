//! Requests with protobuf fields that the gateway does not know.

use prost::Message as _;
use tonic::Code;

use crate::fixture::raw::{path, read_response, send_message};
use crate::fixture::*;

/// `prefix`, then a field of this number that holds `value`.
fn with_field(mut prefix: Vec<u8>, number: u32, value: &[u8]) -> Vec<u8> {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut prefix);
    prost::encoding::encode_varint(value.len() as u64, &mut prefix);
    prefix.extend(value);
    prefix
}

/// Requests of a newer client, and the paths of the fields that this gateway does not know.
fn newer_requests() -> Vec<(Vec<u8>, &'static str)> {
    let base = converse("demo.model", "Hi").encode_to_vec();
    let unknown = with_field(Vec::new(), 9, b"a guardrail");
    let block = with_field(Vec::new(), 90, b"a block of tomorrow");
    let message = with_field(with_field(Vec::new(), 1, b"user"), 2, &block);
    vec![
        (with_field(base.clone(), 99, b"a guardrail"), "#99"),
        (with_field(base.clone(), 4, &unknown), "inferenceConfig.#9"),
        (with_field(base.clone(), 2, &message), "messages[1].content[0].#90"),
        (with_field(base, 8, &with_field(with_field(Vec::new(), 1, b"name"), 2, &unknown)), "promptVariables.#9"),
    ]
}

#[tokio::test]
async fn request_with_an_unknown_field_is_rejected_with_its_path() {
    let (simulator, gateway, _) = started().await;
    for (request, field) in newer_requests() {
        for rpc in ["Converse", "ConverseStream"] {
            let status = read_response(send_message(&gateway, &path(rpc), &[], &request).await).await.status;
            assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNKNOWN_FIELD"), "{field}");
            let violation = &details(&status).bad_request().unwrap().field_violations[0].clone();
            assert_eq!(violation.field, field);
            assert!(violation.description.contains(field));
            assert_eq!(info(&status, "retryable"), "false");
        }
    }
    assert!(simulator.requests().is_empty());
    assert!(!gateway.log.text().contains("a guardrail"));
}

#[tokio::test]
async fn bidirectional_message_with_an_unknown_field_is_rejected() {
    let (_simulator, gateway, _) = started().await;
    let request = with_field(Vec::new(), 99, b"later");
    let status =
        read_response(send_message(&gateway, &path("InvokeModelWithBidirectionalStream"), &[], &request).await)
            .await
            .status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNKNOWN_FIELD"));
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "#99");
}

#[tokio::test]
async fn unknown_fields_are_left_out_with_ignore_unknown_fields() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--ignore-unknown-fields").start().await;
    let (request, _) = newer_requests().swap_remove(1);
    let response = read_response(send_message(&gateway, &path("Converse"), &[], &request).await).await;
    assert_eq!((response.status.code(), response.messages), (Code::Ok, 1));
    assert_eq!(simulator.requests().len(), 1);
}
