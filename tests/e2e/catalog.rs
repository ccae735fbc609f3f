//! The control plane, which is off by default.

use bedrock_grpc_schema::control::v1::bedrock_service_client::BedrockServiceClient;
use bedrock_grpc_schema::control::v1::*;
use bedrock_simulator::{Answer, Simulator};
use http::StatusCode;
use tonic::Code;
use tonic::transport::Channel;

use crate::fixture::*;

async fn with_control_plane() -> (Simulator, Gateway, BedrockServiceClient<Channel>) {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator)
        .env("AWS_ENDPOINT_URL_BEDROCK", simulator.endpoint())
        .arg("--control-plane")
        .start()
        .await;
    let client = BedrockServiceClient::new(gateway.channel().await);
    (simulator, gateway, client)
}

#[tokio::test]
async fn models_are_listed_and_described() {
    let (simulator, gateway, mut client) = with_control_plane().await;
    let request = ListFoundationModelsRequest { by_provider: Some("Anthropic".into()), ..Default::default() };
    let response = client.list_foundation_models(request).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-region").unwrap(), "us-east-1");
    let models = response.into_inner().model_summaries;
    assert!(!models.is_empty() && models.iter().all(|m| m.provider_name.as_deref() == Some("Anthropic")), "{models:?}");
    assert_eq!(simulator.requests()[0].path, "/foundation-models?byProvider=Anthropic");

    let request = GetFoundationModelRequest { model_identifier: models[0].model_id.clone(), ..Default::default() };
    let model = client.get_foundation_model(request).await.unwrap().into_inner().model_details.unwrap();
    assert_eq!(model.model_arn, models[0].model_arn);
    let line = gateway.call_line(|line| line["rpc"] == "GetFoundationModel").await;
    assert_eq!(line["status"], "OK");
}

#[tokio::test]
async fn inference_profiles_are_listed_in_pages() {
    let (_simulator, _gateway, mut client) = with_control_plane().await;
    let (mut seen, mut next_token) = (Vec::new(), None);
    loop {
        let request = ListInferenceProfilesRequest {
            max_results: Some(4),
            next_token,
            type_equals: Some("SYSTEM_DEFINED".into()),
            ..Default::default()
        };
        let page = client.list_inference_profiles(request).await.unwrap().into_inner();
        assert!(page.inference_profile_summaries.len() <= 4);
        seen.extend(page.inference_profile_summaries);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert!(seen.len() > 4);
    assert!(seen.iter().all(|p| !p.models.is_empty() && p.r#type.as_deref() == Some("SYSTEM_DEFINED")));
}

#[tokio::test]
async fn control_plane_failures_have_error_details() {
    let (simulator, _gateway, mut client) = with_control_plane().await;
    simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "not yours"));
    let status = client.list_foundation_models(ListFoundationModelsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ACCESS_DENIED"));
    let status = client.get_foundation_model(GetFoundationModelRequest::default()).await.unwrap_err();
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "modelIdentifier");
}

#[tokio::test]
async fn without_the_flag_the_control_plane_is_neither_served_nor_listed() {
    let (_simulator, gateway, _) = started().await;
    let mut client = BedrockServiceClient::new(gateway.channel().await);
    let status = client.list_foundation_models(ListFoundationModelsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
    assert!(!reflected(&gateway).await.iter().any(|name| name.contains("bedrock.control")));
    let (_simulator, gateway, _) = with_control_plane().await;
    assert!(reflected(&gateway).await.contains(&"bedrock.control.v1.BedrockService".to_owned()));
}

/// The services that reflection lists.
async fn reflected(gateway: &Gateway) -> Vec<String> {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(gateway.channel().await);
    let mut responses = client.server_reflection_info(futures::stream::iter([request])).await.unwrap().into_inner();
    match responses.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|s| s.name).collect(),
        other => panic!("{other:?}"),
    }
}
