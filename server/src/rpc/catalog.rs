//! `bedrock.control.v1.BedrockService`: what may be called.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>

use std::sync::Arc;

use bedrock_grpc_schema::control::v1::bedrock_service_server::BedrockService;
use bedrock_grpc_schema::control::v1::{
    GetFoundationModelRequest, GetFoundationModelResponse, ListFoundationModelsRequest, ListFoundationModelsResponse,
    ListInferenceProfilesRequest, ListInferenceProfilesResponse,
};
use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{Ask, Report, json_answer, required, unary};
use crate::bedrock::{Operation, Subject, Upstream};
use crate::error::Failure;
use crate::telemetry::names;

/// `bedrock.control.v1.BedrockService`.
#[derive(Clone)]
pub struct Catalog {
    upstream: Arc<Upstream>,
}

impl Catalog {
    /// The service in front of `upstream`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }
}

#[tonic::async_trait]
impl BedrockService for Catalog {
    async fn list_foundation_models(
        &self,
        request: Request<ListFoundationModelsRequest>,
    ) -> Result<Response<ListFoundationModelsResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn get_foundation_model(
        &self,
        request: Request<GetFoundationModelRequest>,
    ) -> Result<Response<GetFoundationModelResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn list_inference_profiles(
        &self,
        request: Request<ListInferenceProfilesRequest>,
    ) -> Result<Response<ListInferenceProfilesResponse>, Status> {
        unary::run(&self.upstream, request).await
    }
}

impl Ask for ListFoundationModelsRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn operation_name(&self) -> &'static str {
        names::LIST_FOUNDATION_MODELS
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::ListFoundationModels(self), Bytes::new()))
    }
}

impl Ask for GetFoundationModelRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        required("modelIdentifier", self.model_identifier.as_deref()).map(|id| Subject::Resource { kind: "model", id })
    }

    fn operation_name(&self) -> &'static str {
        names::GET_FOUNDATION_MODEL
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::GetFoundationModel(self.model_identifier.unwrap_or_default()), Bytes::new()))
    }
}

impl Ask for ListInferenceProfilesRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn operation_name(&self) -> &'static str {
        names::LIST_INFERENCE_PROFILES
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::ListInferenceProfiles(self), Bytes::new()))
    }
}

json_answer!(ListFoundationModelsResponse, GetFoundationModelResponse, ListInferenceProfilesResponse);
impl Report for ListFoundationModelsResponse {}
impl Report for GetFoundationModelResponse {}
impl Report for ListInferenceProfilesResponse {}
