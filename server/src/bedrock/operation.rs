//! What can be asked of Bedrock: the operations, each with the members that AWS binds to something else than the body.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bedrock_grpc_schema::control::v1::{ListFoundationModelsRequest, ListInferenceProfilesRequest};
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelRequest, InvokeModelWithResponseStreamRequest, ListAsyncInvokesRequest,
};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method};
use prost_types::Timestamp;

use super::Target;
use super::endpoint::Service;
use super::request::{RequestBuilder, RequestTemplate};
use crate::error::Failure;

/// An operation of Bedrock's runtime API, or of its catalog, whose request is one body.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
    Converse,
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
    ConverseStream,
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>
    CountTokens,
    /// Its headers; the body goes beside it.
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>
    InvokeModel(Box<InvokeModelRequest>),
    /// Its headers; the body goes beside it.
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html>
    InvokeModelWithResponseStream(Box<InvokeModelWithResponseStreamRequest>),
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html>
    ApplyGuardrail {
        /// The guardrail's id or ARN.
        identifier: String,
        /// A number, or `DRAFT`.
        version: String,
    },
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeGuardrailChecks.html>
    InvokeGuardrailChecks,
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_StartAsyncInvoke.html>
    StartAsyncInvoke,
    /// By the invocation's ARN. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GetAsyncInvoke.html>
    GetAsyncInvoke(String),
    /// Its query. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ListAsyncInvokes.html>
    ListAsyncInvokes(ListAsyncInvokesRequest),
    /// Its query. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>
    ListFoundationModels(ListFoundationModelsRequest),
    /// By the model's id or ARN. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModel.html>
    GetFoundationModel(String),
    /// Its query. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html>
    ListInferenceProfiles(ListInferenceProfilesRequest),
}

/// InvokeModel and its streaming sister bind the same members to headers.
macro_rules! invoke_headers {
    ($builder:expr, $request:expr) => {{
        let name = |text: &'static str| HeaderName::from_static(text);
        let request = $request;
        $builder
            .header("contentType", CONTENT_TYPE, request.content_type.as_deref())?
            .header("accept", ACCEPT, request.accept.as_deref())?
            .header("trace", name("x-amzn-bedrock-trace"), request.trace.as_deref())?
            .header(
                "guardrailIdentifier",
                name("x-amzn-bedrock-guardrailidentifier"),
                request.guardrail_identifier.as_deref(),
            )?
            .header("guardrailVersion", name("x-amzn-bedrock-guardrailversion"), request.guardrail_version.as_deref())?
            .header(
                "performanceConfigLatency",
                name("x-amzn-bedrock-performanceconfig-latency"),
                request.performance_config_latency.as_deref(),
            )?
            .header("serviceTier", name("x-amzn-bedrock-service-tier"), request.service_tier.as_deref())?
            .header("requestMetadata", name("x-amzn-bedrock-request-metadata"), request.request_metadata.as_deref())?
    }};
}

/// The HTTP request of an operation.
///
/// # Errors
/// [`Failure::Invalid`] when a member cannot stand where AWS binds it.
pub(super) fn template(operation: &Operation, target: &Target, body: Bytes) -> Result<RequestTemplate, Failure> {
    let request = |method, path| RequestBuilder::new(Service::Runtime, method, path);
    let catalog = |path| RequestBuilder::new(Service::ControlPlane, Method::GET, path);
    let model = |rest| -> Result<RequestBuilder, Failure> {
        let id = target.model_id.as_deref().unwrap_or_default();
        Ok(request(Method::POST, "/model").label("modelId", id)?.segment(rest))
    };
    Ok(match operation {
        Operation::Converse => model("/converse")?.body(body),
        Operation::ConverseStream => model("/converse-stream")?.body(body),
        Operation::CountTokens => model("/count-tokens")?.body(body),
        Operation::InvokeModel(members) => invoke_headers!(model("/invoke")?, members).body(body),
        Operation::InvokeModelWithResponseStream(members) => {
            invoke_headers!(model("/invoke-with-response-stream")?, members).body(body)
        }
        Operation::ApplyGuardrail { identifier, version } => request(Method::POST, "/guardrail")
            .label("guardrailIdentifier", identifier)?
            .segment("/version")
            .label("guardrailVersion", version)?
            .segment("/apply")
            .body(body),
        Operation::InvokeGuardrailChecks => request(Method::POST, "/guardrail-checks/invoke").body(body),
        Operation::StartAsyncInvoke => request(Method::POST, "/async-invoke").body(body),
        Operation::GetAsyncInvoke(arn) => request(Method::GET, "/async-invoke").label("invocationArn", arn)?.empty(),
        Operation::ListAsyncInvokes(query) => request(Method::GET, "/async-invoke")
            .query("submitTimeAfter", query.submit_time_after.as_ref().and_then(date_time).as_deref())
            .query("submitTimeBefore", query.submit_time_before.as_ref().and_then(date_time).as_deref())
            .query("statusEquals", query.status_equals.as_deref())
            .query("maxResults", query.max_results.map(|n| n.to_string()).as_deref())
            .query("nextToken", query.next_token.as_deref())
            .query("sortBy", query.sort_by.as_deref())
            .query("sortOrder", query.sort_order.as_deref())
            .empty(),
        Operation::ListFoundationModels(query) => catalog("/foundation-models")
            .query("byProvider", query.by_provider.as_deref())
            .query("byCustomizationType", query.by_customization_type.as_deref())
            .query("byOutputModality", query.by_output_modality.as_deref())
            .query("byInferenceType", query.by_inference_type.as_deref())
            .empty(),
        Operation::GetFoundationModel(id) => catalog("/foundation-models").label("modelIdentifier", id)?.empty(),
        Operation::ListInferenceProfiles(query) => catalog("/inference-profiles")
            .query("maxResults", query.max_results.map(|n| n.to_string()).as_deref())
            .query("nextToken", query.next_token.as_deref())
            .query("type", query.type_equals.as_deref())
            .empty(),
    })
}

fn date_time(time: &Timestamp) -> Option<String> {
    let nanos = u32::try_from(time.nanos).unwrap_or_default();
    DateTime::from_secs_and_nanos(time.seconds, nanos).fmt(Format::DateTime).ok()
}
