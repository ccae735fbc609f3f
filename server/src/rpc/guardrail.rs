//! ApplyGuardrail and InvokeGuardrailChecks.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse,
};
use bytes::Bytes;
use opentelemetry::KeyValue;
use prost::Message as _;

use super::{Ask, Report, body_size, json_answer, required};
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl Ask for ApplyGuardrailRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = required("guardrailIdentifier", self.guardrail_identifier.as_deref())?;
        Ok(Subject::Resource { kind: "guardrail", id })
    }

    fn operation_name(&self) -> &'static str {
        names::APPLY_GUARDRAIL
    }

    fn attributes(&self) -> Vec<KeyValue> {
        self.guardrail_identifier.iter().map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
    }

    fn outgoing(mut self) -> Result<(Operation, Bytes), Failure> {
        let version = required("guardrailVersion", self.guardrail_version.as_deref())?.to_owned();
        let body = json::encode(&self, body_size(self.encoded_len()))?;
        let identifier = self.guardrail_identifier.take().unwrap_or_default();
        Ok((Operation::ApplyGuardrail { identifier, version }, body))
    }
}

impl Ask for InvokeGuardrailChecksRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn operation_name(&self) -> &'static str {
        names::INVOKE_GUARDRAIL_CHECKS
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::InvokeGuardrailChecks, json::encode(&self, body_size(self.encoded_len()))?))
    }
}

json_answer!(ApplyGuardrailResponse, InvokeGuardrailChecksResponse);
impl Report for ApplyGuardrailResponse {}
impl Report for InvokeGuardrailChecksResponse {}
