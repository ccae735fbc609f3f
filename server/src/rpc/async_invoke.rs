//! StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes: jobs that take minutes, for example video generation.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{
    GetAsyncInvokeRequest, GetAsyncInvokeResponse, ListAsyncInvokesRequest, ListAsyncInvokesResponse,
    StartAsyncInvokeRequest, StartAsyncInvokeResponse,
};
use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;
use uuid::Uuid;

use super::request::{UpstreamRequest, json_size_hint, require_path_member};
use super::response::json_response;
use super::usage::ReportsUsage;
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for StartAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
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

    fn into_operation(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::StartAsyncInvoke, json::encode(&self, json_size_hint(self.encoded_len()))?))
    }
}

impl UpstreamRequest for GetAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = require_path_member("invocationArn", self.invocation_arn.as_deref())?;
        Ok(Subject::Resource { kind: "async invocation", id })
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::GET_ASYNC_INVOKE
    }

    fn into_operation(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::GetAsyncInvoke(self.invocation_arn.unwrap_or_default()), Bytes::new()))
    }
}

impl UpstreamRequest for ListAsyncInvokesRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::LIST_ASYNC_INVOKES
    }

    fn into_operation(self) -> Result<(Operation, Bytes), Failure> {
        check_time("submitTimeAfter", self.submit_time_after.as_ref())?;
        check_time("submitTimeBefore", self.submit_time_before.as_ref())?;
        Ok((Operation::ListAsyncInvokes(self), Bytes::new()))
    }
}

/// Checks a time. Bedrock expects RFC 3339, which has the years 0001 to 9999. protobuf's Timestamp has the same range.
fn check_time(field: &str, time: Option<&Timestamp>) -> Result<(), Failure> {
    match time {
        Some(t)
            if !(-62_135_596_800..=253_402_300_799).contains(&t.seconds) || !(0..1_000_000_000).contains(&t.nanos) =>
        {
            Err(Failure::Invalid {
                field: field.to_owned(),
                problem: "not a time in the years 0001 to 9999".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

json_response!(StartAsyncInvokeResponse, GetAsyncInvokeResponse, ListAsyncInvokesResponse);
impl ReportsUsage for StartAsyncInvokeResponse {}
impl ReportsUsage for GetAsyncInvokeResponse {}
impl ReportsUsage for ListAsyncInvokesResponse {}
