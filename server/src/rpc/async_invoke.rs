//! StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes: jobs that take minutes, for example video generation.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html>

use bedrock_grpc_schema::runtime::v1::{
    GetAsyncInvokeRequest, GetAsyncInvokeResponse, ListAsyncInvokesRequest, ListAsyncInvokesResponse,
    StartAsyncInvokeRequest, StartAsyncInvokeResponse,
};
use uuid::Uuid;

use super::request::{UpstreamRequest, require_path_member};
use super::usage::ReportsUsage;
use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for StartAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        Some(&mut self.model_id)
    }

    /// A target may have started the job although its response was lost. The token of the request prevents a second job
    /// only within one account and Region.
    fn may_change_target(&self) -> bool {
        false
    }

    /// The operation has no guardrail.
    fn require_guardrail(&mut self, guardrail: &RequiredGuardrail) -> Result<(), Failure> {
        Err(Failure::GuardrailNotAllowed { required: guardrail.id.clone() })
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::GENERATE_CONTENT
    }

    /// All attempts send the same token, so that a retry of the gateway cannot start a second job. A retry of the caller could:
    /// it would get another token. Therefore `Failure::to_status` sends a pushback of -1, so that the caller's library does not retry.
    fn generate_request_token(&mut self) -> Option<String> {
        if !self.client_request_token().is_empty() {
            return None;
        }
        self.client_request_token = Some(Uuid::new_v4().to_string());
        self.client_request_token.clone()
    }
}

impl UpstreamRequest for GetAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = require_path_member("invocationArn", self.invocation_arn.as_deref())?;
        Ok(Subject::Resource { kind: "async invocation", id })
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// It runs no model.
    fn require_guardrail(&mut self, _: &RequiredGuardrail) -> Result<(), Failure> {
        Ok(())
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::GET_ASYNC_INVOKE
    }
}

impl UpstreamRequest for ListAsyncInvokesRequest {
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
        names::LIST_ASYNC_INVOKES
    }
}

impl ReportsUsage for StartAsyncInvokeResponse {}
impl ReportsUsage for GetAsyncInvokeResponse {}
impl ReportsUsage for ListAsyncInvokesResponse {}
