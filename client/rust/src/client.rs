//! The client: one connection, and settings that apply to each call.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bedrock_grpc_schema::control::v1::bedrock_service_client::BedrockServiceClient;
use bedrock_grpc_schema::control::v1::{
    GetFoundationModelRequest, GetFoundationModelResponse, ListFoundationModelsRequest, ListFoundationModelsResponse,
    ListInferenceProfilesRequest, ListInferenceProfilesResponse,
};
use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_client::BedrockRuntimeServiceClient;
use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, ConverseRequest, ConverseResponse, ConverseStreamRequest,
    CountTokensRequest, CountTokensResponse, GetAsyncInvokeRequest, GetAsyncInvokeResponse,
    InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse, InvokeModelRequest, InvokeModelResponse,
    InvokeModelWithBidirectionalStreamRequest, InvokeModelWithBidirectionalStreamResponse,
    InvokeModelWithResponseStreamRequest, InvokeModelWithResponseStreamResponse, ListAsyncInvokesRequest,
    ListAsyncInvokesResponse, StartAsyncInvokeRequest, StartAsyncInvokeResponse,
};
use futures::Stream;
use tonic::transport::Channel;
use tonic::{IntoRequest, Request, Status};
use uuid::Uuid;

use crate::call_settings::CallSettings;
use crate::converse_stream::ConverseStream;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::method_policy::{BIDIRECTIONAL, GENERATION, MethodPolicy, START_JOB, UNARY};
use crate::response::Response;
use crate::response_stream::ResponseStream;
use crate::retry::{RetryPolicy, run_with_retries};

/// Maximum size of a message in both directions: 32 MiB, the gateway's limit. Bedrock accepts requests of more than 20 MB.
/// tonic's default for responses is 4 MiB.
pub const MAX_MESSAGE_SIZE: usize = 32 * 1024 * 1024;

/// A client of the gateway.
///
/// A clone is cheap and shares the connection. A program needs one client; calls run in parallel. The settings of
/// [`with_timeout`](Self::with_timeout), [`with_metadata`](Self::with_metadata) and
/// [`with_retry_policy`](Self::with_retry_policy) apply to the returned client only.
///
/// A call that fails before its response headers arrive is retried as [`RetryPolicy`] says.
///
/// Dropping the future of a call, or a [`ConverseStream`], cancels the call. The gateway then stops the generation at
/// Bedrock, which charges for each token.
#[derive(Clone)]
pub struct Client {
    grpc: BedrockRuntimeServiceClient<Channel>,
    catalog: BedrockServiceClient<Channel>,
    settings: CallSettings,
}

/// Unary methods that differ only in their types and their policy.
macro_rules! unary_methods {
    ($client:ident: $($(#[$doc:meta])* $method:ident($request:ty) -> $response:ty, $policy:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`Error::Rpc`] with the error of Bedrock, of the gateway or of the connection.
            pub async fn $method(&self, request: impl IntoRequest<$request>) -> Result<Response<$response>, Error> {
                let send = |request| {
                    let mut grpc = self.$client.clone();
                    async move { grpc.$method(request).await }
                };
                let (response, _) = self.call(request, &$policy, send).await?;
                Ok(Response::new(response))
            }
        )*
    };
}

impl Client {
    /// Returns a client of an existing channel.
    #[must_use]
    pub fn from_channel(channel: Channel) -> Self {
        Self::with_settings(channel, CallSettings::new())
    }

    pub(crate) fn with_settings(channel: Channel, settings: CallSettings) -> Self {
        let grpc = BedrockRuntimeServiceClient::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_SIZE)
            .max_encoding_message_size(MAX_MESSAGE_SIZE);
        let catalog = BedrockServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_SIZE);
        Self { grpc, catalog, settings }
    }

    /// Sets the maximum time of each call, from its start to the last event of its stream.
    ///
    /// The client sends it as `grpc-timeout`, and the gateway stops the generation when it has passed. The call then ends with
    /// `DEADLINE_EXCEEDED`. Without this setting the limit is 10 minutes for methods that run a model and 60 seconds for the
    /// others. A timeout of a single request ([`tonic::Request::set_timeout`]) takes precedence.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// Sends the header `key: value` with each call, for example `traceparent` (<https://www.w3.org/TR/trace-context/>).
    /// It replaces an earlier value of `key`. Metadata of a single request takes precedence.
    ///
    /// # Errors
    /// [`Error::Metadata`] if `key` is not a name of ASCII metadata (a `-bin` key is not: set it on a [`tonic::Request`]) or
    /// `value` contains a character that is not printable ASCII.
    pub fn with_metadata(mut self, key: &str, value: &str) -> Result<Self, Error> {
        self.settings.set_metadata(key, value)?;
        Ok(self)
    }

    /// Sets the retries of each call.
    #[must_use]
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    unary_methods! {
        grpc:

        /// Sends messages to a model and returns its complete response.
        ///
        /// The argument is a [`ConverseRequest`], or a [`tonic::Request`] of one with its own metadata and timeout.
        converse(ConverseRequest) -> ConverseResponse, GENERATION;

        /// Runs a model with a body in the model's own format, for example an embedding model.
        invoke_model(InvokeModelRequest) -> InvokeModelResponse, GENERATION;

        /// Counts the input tokens of a request without running the model.
        count_tokens(CountTokensRequest) -> CountTokensResponse, UNARY;

        /// Assesses content with a guardrail without running a model.
        apply_guardrail(ApplyGuardrailRequest) -> ApplyGuardrailResponse, UNARY;

        /// Runs single checks on content without a configured guardrail.
        invoke_guardrail_checks(InvokeGuardrailChecksRequest) -> InvokeGuardrailChecksResponse, UNARY;

        /// Returns the state of a job.
        get_async_invoke(GetAsyncInvokeRequest) -> GetAsyncInvokeResponse, UNARY;

        /// Lists one page of the account's jobs.
        list_async_invokes(ListAsyncInvokesRequest) -> ListAsyncInvokesResponse, UNARY;
    }

    /// Starts a job whose result is written to S3. A request without a `client_request_token` gets one, so that the gateway's
    /// retries start one job. The client itself does not retry it: repeat a failed call with a token of your own.
    ///
    /// # Errors
    /// [`Error::Rpc`] with the error of Bedrock, of the gateway or of the connection.
    pub async fn start_async_invoke(
        &self,
        request: impl IntoRequest<StartAsyncInvokeRequest>,
    ) -> Result<Response<StartAsyncInvokeResponse>, Error> {
        let mut request = request.into_request();
        request.get_mut().client_request_token.get_or_insert_with(|| Uuid::new_v4().to_string());
        let send = |request| {
            let mut grpc = self.grpc();
            async move { grpc.start_async_invoke(request).await }
        };
        let (response, _) = self.call(request, &START_JOB, send).await?;
        Ok(Response::new(response))
    }

    /// Sends messages to a model and streams its response.
    ///
    /// Returns when the first event is available. Until then the gateway and the client retry, and an error is an error of
    /// this method. The argument is a [`ConverseStreamRequest`], or a [`tonic::Request`] of one with its own metadata and
    /// timeout.
    ///
    /// # Errors
    /// [`Error::Rpc`] with the error of Bedrock, of the gateway or of the connection.
    pub async fn converse_stream(
        &self,
        request: impl IntoRequest<ConverseStreamRequest>,
    ) -> Result<ConverseStream, Error> {
        let send = |request| {
            let mut grpc = self.grpc();
            async move { grpc.converse_stream(request).await }
        };
        let (response, deadline) = self.call(request, &GENERATION, send).await?;
        Ok(ConverseStream(ResponseStream::new(response, deadline)))
    }

    /// Runs a model with a body in the model's own format and streams the chunks of its response. Returns when the first chunk
    /// is available.
    ///
    /// # Errors
    /// [`Error::Rpc`] with the error of Bedrock, of the gateway or of the connection.
    pub async fn invoke_model_with_response_stream(
        &self,
        request: impl IntoRequest<InvokeModelWithResponseStreamRequest>,
    ) -> Result<ResponseStream<InvokeModelWithResponseStreamResponse>, Error> {
        let send = |request| {
            let mut grpc = self.grpc();
            async move { grpc.invoke_model_with_response_stream(request).await }
        };
        let (response, deadline) = self.call(request, &GENERATION, send).await?;
        Ok(ResponseStream::new(response, deadline))
    }

    /// Streams in both directions, for speech. The first message of `requests` names the model. The end of `requests` ends the
    /// input. The call has no default timeout and is never retried.
    ///
    /// # Errors
    /// [`Error::Rpc`] with the error of Bedrock, of the gateway or of the connection.
    pub async fn invoke_model_with_bidirectional_stream(
        &self,
        requests: impl Stream<Item = InvokeModelWithBidirectionalStreamRequest> + Send + 'static,
    ) -> Result<ResponseStream<InvokeModelWithBidirectionalStreamResponse>, Error> {
        let prepared = self.settings.prepare(Request::new(()), &BIDIRECTIONAL);
        let (metadata, extensions, ()) = prepared.attempt(0).into_parts();
        let mut grpc = self.grpc();
        let call = grpc.invoke_model_with_bidirectional_stream(Request::from_parts(metadata, extensions, requests));
        let response = prepared.deadline.enforce(call).await?;
        Ok(ResponseStream::new(response, prepared.deadline))
    }

    unary_methods! {
        catalog:

        /// Lists the models of the gateway's Region. The gateway must serve the catalog (`serve --control-plane`).
        list_foundation_models(ListFoundationModelsRequest) -> ListFoundationModelsResponse, UNARY;

        /// Returns the details of a model. The gateway must serve the catalog (`serve --control-plane`).
        get_foundation_model(GetFoundationModelRequest) -> GetFoundationModelResponse, UNARY;

        /// Lists one page of the inference profiles. The gateway must serve the catalog (`serve --control-plane`).
        list_inference_profiles(ListInferenceProfilesRequest) -> ListInferenceProfilesResponse, UNARY;
    }

    /// The generated client of the same connection, with the same message limits. The settings of this client do not apply to
    /// it.
    #[must_use]
    pub fn grpc(&self) -> BedrockRuntimeServiceClient<Channel> {
        self.grpc.clone()
    }

    /// Sends one request, with retries before the response headers.
    async fn call<M, T, F>(
        &self,
        request: impl IntoRequest<M>,
        method: &MethodPolicy,
        send: impl Fn(Request<M>) -> F,
    ) -> Result<(tonic::Response<T>, Deadline), Error>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let request = self.settings.prepare(request, method);
        let policy = if method.retries { self.settings.retry.clone() } else { RetryPolicy::disabled() };
        let send_attempt = |previous_attempts| send(request.attempt(previous_attempts));
        let response = run_with_retries(&policy, &self.settings.throttle, request.deadline, send_attempt).await?;
        Ok((response, request.deadline))
    }
}

/// The metadata may contain credentials. It is not shown.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("timeout", &self.settings.timeout).finish_non_exhaustive()
    }
}
