//! `bedrock.runtime.v1.BedrockRuntimeService`: one line an operation.

use std::pin::Pin;
use std::sync::Arc;

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
use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{bidirectional, stream, unary};
use crate::bedrock::Upstream;

/// `bedrock.runtime.v1.BedrockRuntimeService`.
#[derive(Clone)]
pub struct Runtime {
    upstream: Arc<Upstream>,
}

impl Runtime {
    /// The service in front of `upstream`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }
}

/// A stream of messages as tonic takes it.
pub(super) type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl BedrockRuntimeService for Runtime {
    async fn converse(&self, request: Request<ConverseRequest>) -> Result<Response<ConverseResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<Events<ConverseStreamResponse>>, Status> {
        stream::run::<_, converse_stream_response::Member>(&self.upstream, request).await
    }

    async fn invoke_model(
        &self,
        request: Request<InvokeModelRequest>,
    ) -> Result<Response<InvokeModelResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn invoke_model_with_response_stream(
        &self,
        request: Request<InvokeModelWithResponseStreamRequest>,
    ) -> Result<Response<Events<InvokeModelWithResponseStreamResponse>>, Status> {
        stream::run::<_, invoke_model_with_response_stream_response::Member>(&self.upstream, request).await
    }

    async fn invoke_model_with_bidirectional_stream(
        &self,
        request: Request<Streaming<InvokeModelWithBidirectionalStreamRequest>>,
    ) -> Result<Response<Events<InvokeModelWithBidirectionalStreamResponse>>, Status> {
        bidirectional::run(&self.upstream, request).await
    }

    async fn count_tokens(
        &self,
        request: Request<CountTokensRequest>,
    ) -> Result<Response<CountTokensResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn apply_guardrail(
        &self,
        request: Request<ApplyGuardrailRequest>,
    ) -> Result<Response<ApplyGuardrailResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn invoke_guardrail_checks(
        &self,
        request: Request<InvokeGuardrailChecksRequest>,
    ) -> Result<Response<InvokeGuardrailChecksResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn start_async_invoke(
        &self,
        request: Request<StartAsyncInvokeRequest>,
    ) -> Result<Response<StartAsyncInvokeResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn get_async_invoke(
        &self,
        request: Request<GetAsyncInvokeRequest>,
    ) -> Result<Response<GetAsyncInvokeResponse>, Status> {
        unary::run(&self.upstream, request).await
    }

    async fn list_async_invokes(
        &self,
        request: Request<ListAsyncInvokesRequest>,
    ) -> Result<Response<ListAsyncInvokesResponse>, Status> {
        unary::run(&self.upstream, request).await
    }
}
