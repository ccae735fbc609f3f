//! `bedrock.control.v1.BedrockService`, the control plane: which models and inference profiles exist.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>

use bedrock_grpc_schema::control::v1::bedrock_service_server::BedrockService;
use bedrock_grpc_schema::control::v1::{
    FoundationModelSummary, GetFoundationModelRequest, GetFoundationModelResponse, ListFoundationModelsRequest,
    ListFoundationModelsResponse, ListInferenceProfilesRequest, ListInferenceProfilesResponse,
};
use tonic::{Request, Response, Status};

use super::prepare::call_from_extensions;
use super::request::{UpstreamRequest, require_path_member};
use super::unary::run_unary;
use super::usage::ReportsUsage;
use crate::bedrock::{MODEL_KIND, Subject};
use crate::callers::{Caller, RequiredGuardrail};
use crate::error::Failure;
use crate::routing::{Bedrock, Policy};
use crate::telemetry::names;

/// The implementation of `bedrock.control.v1.BedrockService`.
#[derive(Clone)]
pub(crate) struct ControlPlane {
    bedrock: Bedrock,
}

impl ControlPlane {
    /// The service that sends its requests to `bedrock`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub(crate) fn new(bedrock: Bedrock) -> Self {
        Self { bedrock }
    }
}

#[tonic::async_trait]
impl BedrockService for ControlPlane {
    async fn list_foundation_models(
        &self,
        request: Request<ListFoundationModelsRequest>,
    ) -> Result<Response<ListFoundationModelsResponse>, Status> {
        let call = call_from_extensions(request.extensions());
        let mut response = run_unary(&self.bedrock, request).await?;
        if let Ok(caller) = call.caller() {
            show_usable_models(&mut response.get_mut().model_summaries, &call.policy, caller);
        }
        Ok(response)
    }

    async fn get_foundation_model(
        &self,
        request: Request<GetFoundationModelRequest>,
    ) -> Result<Response<GetFoundationModelResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn list_inference_profiles(
        &self,
        request: Request<ListInferenceProfilesRequest>,
    ) -> Result<Response<ListInferenceProfilesResponse>, Status> {
        let call = call_from_extensions(request.extensions());
        let mut response = run_unary(&self.bedrock, request).await?;
        if let Ok(caller) = call.caller() {
            let may_use = |id: &Option<String>| call.policy.may_use_id(caller, id.as_deref().unwrap_or_default());
            let profiles = &mut response.get_mut().inference_profile_summaries;
            profiles
                .retain(|profile| may_use(&profile.inference_profile_id) || may_use(&profile.inference_profile_arn));
        }
        Ok(response)
    }
}

/// Leaves only the models that the caller may use, and adds the names of models from the configuration. A name has the
/// properties of its model if Bedrock lists that model.
fn show_usable_models(models: &mut Vec<FoundationModelSummary>, policy: &Policy, caller: &Caller) {
    let is = |model: &FoundationModelSummary, id: &str| {
        // An inference profile is a model id with the prefix of a geography.
        let listed = model.model_id.as_deref().unwrap_or_default();
        !listed.is_empty()
            && (listed == id || id.strip_suffix(listed).is_some_and(|prefix| prefix.ends_with(['.', '/'])))
    };
    let names: Vec<_> = policy
        .names_for(caller)
        .map(|name| {
            let route = policy.models.get(name);
            let target = route.and_then(|route| route.targets.first());
            let model = models.iter().find(|model| target.is_some_and(|target| is(model, &target.model)));
            let model = model.cloned().unwrap_or_default();
            FoundationModelSummary {
                model_id: Some(name.clone()),
                model_name: Some(name.clone()),
                model_arn: None,
                ..model
            }
        })
        .collect();
    models.retain(|model| policy.may_use_id(caller, model.model_id.as_deref().unwrap_or_default()));
    models.extend(names);
}

impl UpstreamRequest for ListFoundationModelsRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// It runs no model.
    fn require_guardrail(&mut self, _: &RequiredGuardrail) -> Result<(), Failure> {
        Ok(())
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::LIST_FOUNDATION_MODELS
    }
}

impl UpstreamRequest for GetFoundationModelRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelIdentifier", self.model_identifier.as_deref())
            .map(|id| Subject::Resource { kind: MODEL_KIND, id })
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        Some(&mut self.model_identifier)
    }

    /// It runs no model.
    fn require_guardrail(&mut self, _: &RequiredGuardrail) -> Result<(), Failure> {
        Ok(())
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::GET_FOUNDATION_MODEL
    }
}

impl UpstreamRequest for ListInferenceProfilesRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// It runs no model.
    fn require_guardrail(&mut self, _: &RequiredGuardrail) -> Result<(), Failure> {
        Ok(())
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::LIST_INFERENCE_PROFILES
    }
}

impl ReportsUsage for ListFoundationModelsResponse {}
impl ReportsUsage for GetFoundationModelResponse {}
impl ReportsUsage for ListInferenceProfilesResponse {}
