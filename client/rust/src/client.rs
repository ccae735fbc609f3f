//! The client: one connection, and what each of its calls carries.

use std::fmt;
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_client::BedrockRuntimeServiceClient;
use bedrock_grpc_schema::runtime::v1::{ConverseRequest, ConverseResponse, ConverseStreamRequest};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, KeyAndValueRef, MetadataMap};
use tonic::transport::Channel;
use tonic::{IntoRequest, Request};

use crate::deadline::{self, Deadline};
use crate::{Answer, ConverseStream, Error, endpoint};

/// The largest message in bytes, either way: 32 MiB, as the service takes it. (Bedrock takes requests of 20 MB and more;
/// tonic alone would refuse answers beyond 4 MiB.)
pub const MESSAGE_LIMIT: usize = 32 * 1024 * 1024;

/// A client of the service.
///
/// A clone is cheap and shares the connection, so a program needs one client; calls run in parallel over it. What a clone
/// is given by [`with_timeout`](Self::with_timeout) or [`with_metadata`](Self::with_metadata) is its own.
///
/// The client never retries: the service does, and says with each error whether another try can help
/// ([`Error::is_retryable`]) and after how long ([`Error::retry_delay`]).
///
/// Dropping the future of a call, or a [`ConverseStream`], cancels the call. The service then stops the generation at
/// Bedrock, which is paid by the token.
#[derive(Clone)]
pub struct Client {
    grpc: BedrockRuntimeServiceClient<Channel>,
    timeout: Option<Duration>,
    metadata: MetadataMap,
}

impl Client {
    /// Connects to `http://host:port`, `https://host:port` (with the crate's `tls` feature, which is on by default; the
    /// platform's root certificates are trusted) or a Unix socket, `unix:/path`.
    ///
    /// A lost connection is made anew by the next call. For anything else (a client certificate, keep-alive, connecting
    /// lazily) make a [`tonic::transport::Endpoint`] and use [`from_channel`](Self::from_channel).
    ///
    /// # Errors
    /// [`Error::Endpoint`] if `endpoint` is none of the above; [`Error::Connect`] if there is no connection within 10
    /// seconds.
    pub async fn connect(endpoint: impl Into<String>) -> Result<Self, Error> {
        endpoint::connect(endpoint.into()).await.map(Self::from_channel)
    }

    /// A client over a channel that the caller has set up.
    #[must_use]
    pub fn from_channel(channel: Channel) -> Self {
        let grpc = BedrockRuntimeServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT);
        Self { grpc, timeout: None, metadata: MetadataMap::new() }
    }

    /// Gives each call at most `timeout`, from its start to the last event of its stream.
    ///
    /// The service learns of it by `grpc-timeout` and stops the generation when it has passed; the call then ends as
    /// `DEADLINE_EXCEEDED`, whichever side notices first. Without one, a call may take as long as the service lets it. A
    /// timeout on a request itself ([`tonic::Request::set_timeout`]) goes before this one.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the header `key: value` with each call, for example `traceparent` (<https://www.w3.org/TR/trace-context/>)
    /// or a mesh's `authorization`. It replaces an earlier value of `key`; metadata on a request itself goes before it.
    ///
    /// # Errors
    /// [`Error::Metadata`] if `key` is no name of ASCII metadata (a `-bin` key is none: set it on a [`tonic::Request`])
    /// or `value` holds anything but printable ASCII.
    pub fn with_metadata(mut self, key: &str, value: &str) -> Result<Self, Error> {
        let invalid = || Error::Metadata { key: key.to_owned() };
        let name = AsciiMetadataKey::from_bytes(key.as_bytes()).map_err(|_| invalid())?;
        let mut value = AsciiMetadataValue::try_from(value).map_err(|_| invalid())?;
        // A credential is to stay out of Debug output and of HPACK's table.
        value.set_sensitive(name.as_str() == "authorization");
        self.metadata.insert(name, value);
        Ok(self)
    }

    /// Sends messages to a model and returns its whole answer.
    ///
    /// Takes a [`ConverseRequest`], or a [`tonic::Request`] of one with metadata and a timeout of its own.
    ///
    /// # Errors
    /// [`Error::Rpc`] with what went wrong at Bedrock, at the service or on the way.
    pub async fn converse(
        &self,
        request: impl IntoRequest<ConverseRequest>,
    ) -> Result<Answer<ConverseResponse>, Error> {
        let (request, deadline) = self.prepare(request);
        let mut grpc = self.grpc();
        Ok(Answer::new(deadline.bound(grpc.converse(request)).await?))
    }

    /// Sends messages to a model and streams its answer.
    ///
    /// Returns once the first event is there: until then the service retries by itself, and a failure is an error of
    /// this method. Takes a [`ConverseStreamRequest`], or a [`tonic::Request`] of one with metadata and a timeout of its
    /// own.
    ///
    /// # Errors
    /// [`Error::Rpc`] with what went wrong at Bedrock, at the service or on the way.
    pub async fn converse_stream(
        &self,
        request: impl IntoRequest<ConverseStreamRequest>,
    ) -> Result<ConverseStream, Error> {
        let (request, deadline) = self.prepare(request);
        let mut grpc = self.grpc();
        let response = deadline.bound(grpc.converse_stream(request)).await?;
        Ok(ConverseStream::new(response, deadline))
    }

    /// The generated client over the same connection, with the same message limits, for whatever this crate does not
    /// wrap. Timeout and metadata of this client do not apply to it.
    #[must_use]
    pub fn grpc(&self) -> BedrockRuntimeServiceClient<Channel> {
        self.grpc.clone()
    }

    /// The request with this client's metadata and timeout, where it has none of its own, and when it has to be over.
    fn prepare<T>(&self, request: impl IntoRequest<T>) -> (Request<T>, Deadline) {
        let mut request = request.into_request();
        for entry in self.metadata.iter() {
            if let KeyAndValueRef::Ascii(key, value) = entry
                && !request.metadata().contains_key(key.as_str())
            {
                request.metadata_mut().insert(key.clone(), value.clone());
            }
        }
        if let Some(timeout) = self.timeout
            && !request.metadata().contains_key(deadline::GRPC_TIMEOUT)
        {
            request.set_timeout(timeout.min(deadline::LONGEST));
        }
        let deadline = Deadline::of(request.metadata());
        (request, deadline)
    }
}

/// Metadata may hold credentials, so it is left out.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
