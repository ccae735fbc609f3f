//! ApplyGuardrail and InvokeGuardrailChecks.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse,
};
use bytes::Bytes;
use opentelemetry::KeyValue;
use prost::Message as _;

use super::request::{UpstreamRequest, json_size_hint, require_path_member};
use super::response::json_response;
use super::usage::ReportsUsage;
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for ApplyGuardrailRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = require_path_member("guardrailIdentifier", self.guardrail_identifier.as_deref())?;
        Ok(Subject::Resource { kind: "guardrail", id })
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::APPLY_GUARDRAIL
    }

    fn span_attributes(&self) -> Vec<KeyValue> {
        self.guardrail_identifier.iter().map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
    }

    fn into_operation(mut self) -> Result<(Operation, Bytes), Failure> {
        let version = require_path_member("guardrailVersion", self.guardrail_version.as_deref())?.to_owned();
        let body = json::encode(&self, json_size_hint(self.encoded_len()))?;
        let identifier = self.guardrail_identifier.take().unwrap_or_default();
        Ok((Operation::ApplyGuardrail { identifier, version }, body))
    }
}

impl UpstreamRequest for InvokeGuardrailChecksRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::INVOKE_GUARDRAIL_CHECKS
    }

    fn into_operation(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::InvokeGuardrailChecks, json::encode(&self, json_size_hint(self.encoded_len()))?))
    }
}

json_response!(ApplyGuardrailResponse, InvokeGuardrailChecksResponse);
impl ReportsUsage for ApplyGuardrailResponse {}
impl ReportsUsage for InvokeGuardrailChecksResponse {}
