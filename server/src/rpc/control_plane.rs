//! `bedrock.control.v1.BedrockService`, the control plane: which models and inference profiles exist.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>

use std::sync::Arc;

use bedrock_grpc_schema::control::v1::bedrock_service_server::BedrockService;
use bedrock_grpc_schema::control::v1::{
    GetFoundationModelRequest, GetFoundationModelResponse, ListFoundationModelsRequest, ListFoundationModelsResponse,
    ListInferenceProfilesRequest, ListInferenceProfilesResponse,
};
use tonic::{Request, Response, Status};

use super::request::{UpstreamRequest, require_path_member};
use super::unary::run_unary;
use super::usage::ReportsUsage;
use crate::bedrock::{Subject, Upstream};
use crate::error::Failure;
use crate::telemetry::names;

/// The implementation of `bedrock.control.v1.BedrockService`.
#[derive(Clone)]
pub(crate) struct ControlPlane {
    upstream: Arc<Upstream>,
}

impl ControlPlane {
    /// The service that sends its requests to `upstream`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub(crate) fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }
}

#[tonic::async_trait]
impl BedrockService for ControlPlane {
    async fn list_foundation_models(
        &self,
        request: Request<ListFoundationModelsRequest>,
    ) -> Result<Response<ListFoundationModelsResponse>, Status> {
        run_unary(&self.upstream, request).await
    }

    async fn get_foundation_model(
        &self,
        request: Request<GetFoundationModelRequest>,
    ) -> Result<Response<GetFoundationModelResponse>, Status> {
        run_unary(&self.upstream, request).await
    }

    async fn list_inference_profiles(
        &self,
        request: Request<ListInferenceProfilesRequest>,
    ) -> Result<Response<ListInferenceProfilesResponse>, Status> {
        run_unary(&self.upstream, request).await
    }
}

impl UpstreamRequest for ListFoundationModelsRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::LIST_FOUNDATION_MODELS
    }
}

impl UpstreamRequest for GetFoundationModelRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelIdentifier", self.model_identifier.as_deref())
            .map(|id| Subject::Resource { kind: "model", id })
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::GET_FOUNDATION_MODEL
    }
}

impl UpstreamRequest for ListInferenceProfilesRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::LIST_INFERENCE_PROFILES
    }
}

impl ReportsUsage for ListFoundationModelsResponse {}
impl ReportsUsage for GetFoundationModelResponse {}
impl ReportsUsage for ListInferenceProfilesResponse {}
