//! ApplyGuardrail and InvokeGuardrailChecks.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html>

use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse,
};
use opentelemetry::KeyValue;

use super::request::{UpstreamRequest, require_path_member};
use super::rules::set_guardrail;
use super::usage::ReportsUsage;
use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for ApplyGuardrailRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = require_path_member("guardrailIdentifier", self.guardrail_identifier.as_deref())?;
        Ok(Subject::Resource { kind: "guardrail", id })
    }

    fn model_field(&mut self) -> Option<&mut Option<String>> {
        None
    }

    fn require_guardrail(&mut self, guardrail: &RequiredGuardrail) -> Result<(), Failure> {
        set_guardrail(guardrail, &mut self.guardrail_identifier, &mut self.guardrail_version)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::APPLY_GUARDRAIL
    }

    fn span_attributes(&self) -> Vec<KeyValue> {
        self.guardrail_identifier.iter().map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
    }
}

impl UpstreamRequest for InvokeGuardrailChecksRequest {
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
        names::INVOKE_GUARDRAIL_CHECKS
    }
}

impl ReportsUsage for ApplyGuardrailResponse {}
impl ReportsUsage for InvokeGuardrailChecksResponse {}
