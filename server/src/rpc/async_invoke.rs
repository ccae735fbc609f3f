//! StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes: video, and whatever else takes minutes.
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

use super::{Ask, Report, body_size, json_answer, required};
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl Ask for StartAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        required("modelId", self.model_id.as_deref()).map(Subject::Model)
    }

    fn operation_name(&self) -> &'static str {
        names::GENERATE_CONTENT
    }

    /// `clientRequestToken` is made here, once for all attempts, where the caller gave none: so that a retry cannot start a
    /// second job.
    fn outgoing(mut self) -> Result<(Operation, Bytes), Failure> {
        if self.client_request_token.as_deref().is_none_or(str::is_empty) {
            self.client_request_token = Some(Uuid::new_v4().to_string());
        }
        Ok((Operation::StartAsyncInvoke, json::encode(&self, body_size(self.encoded_len()))?))
    }
}

impl Ask for GetAsyncInvokeRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        let id = required("invocationArn", self.invocation_arn.as_deref())?;
        Ok(Subject::Resource { kind: "async invocation", id })
    }

    fn operation_name(&self) -> &'static str {
        names::GET_ASYNC_INVOKE
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::GetAsyncInvoke(self.invocation_arn.unwrap_or_default()), Bytes::new()))
    }
}

impl Ask for ListAsyncInvokesRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject::Account)
    }

    fn operation_name(&self) -> &'static str {
        names::LIST_ASYNC_INVOKES
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        time("submitTimeAfter", self.submit_time_after.as_ref())?;
        time("submitTimeBefore", self.submit_time_before.as_ref())?;
        Ok((Operation::ListAsyncInvokes(self), Bytes::new()))
    }
}

/// RFC 3339, as Bedrock takes times, has the years 0001 to 9999, and so has protobuf's Timestamp.
fn time(field: &str, time: Option<&Timestamp>) -> Result<(), Failure> {
    match time {
        Some(t)
            if !(-62_135_596_800..=253_402_300_799).contains(&t.seconds) || !(0..1_000_000_000).contains(&t.nanos) =>
        {
            Err(Failure::Invalid {
                field: field.to_owned(),
                problem: "not a time from the years 0001 to 9999".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

json_answer!(StartAsyncInvokeResponse, GetAsyncInvokeResponse, ListAsyncInvokesResponse);
impl Report for StartAsyncInvokeResponse {}
impl Report for GetAsyncInvokeResponse {}
impl Report for ListAsyncInvokesResponse {}
