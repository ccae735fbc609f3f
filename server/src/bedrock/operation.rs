//! What can be asked of Bedrock: the operations, each with the members that AWS binds to something else than the body.

use bedrock_grpc_schema::control::v1::{ListFoundationModelsRequest, ListInferenceProfilesRequest};
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelRequest, InvokeModelWithResponseStreamRequest, ListAsyncInvokesRequest,
};

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
