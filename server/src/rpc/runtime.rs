//! `bedrock.runtime.v1.BedrockRuntimeService`: one line per operation.

use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_server::BedrockRuntimeService;
use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, ConverseRequest, ConverseResponse, ConverseStreamRequest,
    ConverseStreamResponse, CountTokensRequest, CountTokensResponse, GetAsyncInvokeRequest, GetAsyncInvokeResponse,
    InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse, InvokeModelRequest, InvokeModelResponse,
    InvokeModelWithBidirectionalStreamRequest, InvokeModelWithBidirectionalStreamResponse,
    InvokeModelWithResponseStreamRequest, InvokeModelWithResponseStreamResponse, ListAsyncInvokesRequest,
    ListAsyncInvokesResponse, StartAsyncInvokeRequest, StartAsyncInvokeResponse, converse_stream_response,
    invoke_model_with_response_stream_response,
};
use tonic::{Request, Response, Status, Streaming};

use super::bidirectional::run_bidirectional;
use super::stream::{ResponseStream, run_stream};
use super::unary::run_unary;
use crate::routing::Bedrock;

/// The implementation of `bedrock.runtime.v1.BedrockRuntimeService`.
#[derive(Clone)]
pub(crate) struct Runtime {
    bedrock: Bedrock,
}

impl Runtime {
    /// The service that sends its requests to `bedrock`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub(crate) fn new(bedrock: Bedrock) -> Self {
        Self { bedrock }
    }
}

#[tonic::async_trait]
impl BedrockRuntimeService for Runtime {
    async fn converse(&self, request: Request<ConverseRequest>) -> Result<Response<ConverseResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<ResponseStream<ConverseStreamResponse>>, Status> {
        run_stream::<_, converse_stream_response::Member>(&self.bedrock, request).await
    }

    async fn invoke_model(
        &self,
        request: Request<InvokeModelRequest>,
    ) -> Result<Response<InvokeModelResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn invoke_model_with_response_stream(
        &self,
        request: Request<InvokeModelWithResponseStreamRequest>,
    ) -> Result<Response<ResponseStream<InvokeModelWithResponseStreamResponse>>, Status> {
        run_stream::<_, invoke_model_with_response_stream_response::Member>(&self.bedrock, request).await
    }

    async fn invoke_model_with_bidirectional_stream(
        &self,
        request: Request<Streaming<InvokeModelWithBidirectionalStreamRequest>>,
    ) -> Result<Response<ResponseStream<InvokeModelWithBidirectionalStreamResponse>>, Status> {
        run_bidirectional(&self.bedrock, request).await
    }

    async fn count_tokens(
        &self,
        request: Request<CountTokensRequest>,
    ) -> Result<Response<CountTokensResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn apply_guardrail(
        &self,
        request: Request<ApplyGuardrailRequest>,
    ) -> Result<Response<ApplyGuardrailResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn invoke_guardrail_checks(
        &self,
        request: Request<InvokeGuardrailChecksRequest>,
    ) -> Result<Response<InvokeGuardrailChecksResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn start_async_invoke(
        &self,
        request: Request<StartAsyncInvokeRequest>,
    ) -> Result<Response<StartAsyncInvokeResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn get_async_invoke(
        &self,
        request: Request<GetAsyncInvokeRequest>,
    ) -> Result<Response<GetAsyncInvokeResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }

    async fn list_async_invokes(
        &self,
        request: Request<ListAsyncInvokesRequest>,
    ) -> Result<Response<ListAsyncInvokesResponse>, Status> {
        run_unary(&self.bedrock, request).await
    }
}
