//! CountTokens.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>

use bedrock_grpc_schema::runtime::v1::{CountTokensRequest, CountTokensResponse};

use super::request::{UpstreamRequest, require_path_member};
use super::usage::ReportsUsage;
use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for CountTokensRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        Some(&mut self.model_id)
    }

    /// It runs no model.
    fn require_guardrail(&mut self, _: &RequiredGuardrail) -> Result<(), Failure> {
        Ok(())
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::COUNT_TOKENS
    }
}

impl ReportsUsage for CountTokensResponse {}
