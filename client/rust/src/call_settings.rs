//! Settings that apply to each call of a client: deadline, metadata, retries.

use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::grpc_timeout;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, KeyAndValueRef, MetadataMap};
use tonic::{Extensions, IntoRequest, Request};

use crate::deadline::Deadline;
use crate::error::Error;
use crate::method_policy::MethodPolicy;
use crate::retry::{RetryPolicy, RetryThrottle};

/// Keys whose values are credentials. They must not be in Debug output or in HPACK's table.
const SENSITIVE_KEYS: [&str; 2] = ["authorization", API_KEY];

/// The header with an API key.
pub(crate) const API_KEY: &str = "x-api-key";

/// Settings of each call.
#[derive(Clone)]
pub(crate) struct CallSettings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) metadata: MetadataMap,
    pub(crate) retry: RetryPolicy,
    /// Clones of a client share it, because they share the gateway.
    pub(crate) throttle: Arc<RetryThrottle>,
}

/// A request that can be sent several times.
pub(crate) struct PreparedRequest<M> {
    metadata: MetadataMap,
    extensions: Extensions,
    message: M,
    pub(crate) deadline: Deadline,
}

impl CallSettings {
    pub(crate) fn new() -> Self {
        Self {
            timeout: None,
            metadata: MetadataMap::new(),
            retry: RetryPolicy::default(),
            throttle: Arc::new(RetryThrottle::default()),
        }
    }

    /// Sets the header `key: value` for each call.
    pub(crate) fn set_metadata(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let invalid = || Error::Metadata { key: key.to_owned() };
        let name = AsciiMetadataKey::from_bytes(key.as_bytes()).map_err(|_| invalid())?;
        let mut value = AsciiMetadataValue::try_from(value).map_err(|_| invalid())?;
        value.set_sensitive(SENSITIVE_KEYS.contains(&name.as_str()));
        self.metadata.insert(name, value);
        Ok(())
    }

    /// Adds metadata and timeout where the request does not have its own, and computes the deadline.
    pub(crate) fn prepare<M>(&self, request: impl IntoRequest<M>, method: &MethodPolicy) -> PreparedRequest<M> {
        let (mut metadata, extensions, message) = request.into_request().into_parts();
        for entry in self.metadata.iter() {
            if let KeyAndValueRef::Ascii(key, value) = entry
                && !metadata.contains_key(key.as_str())
            {
                metadata.insert(key.clone(), value.clone());
            }
        }
        let mut request = Request::from_parts(metadata, extensions, message);
        if let Some(timeout) = self.timeout.or(method.timeout)
            && !request.metadata().contains_key(grpc_timeout::HEADER)
        {
            request.set_timeout(timeout.min(grpc_timeout::MAX));
        }
        let deadline = Deadline::from_metadata(request.metadata());
        let (metadata, extensions, message) = request.into_parts();
        PreparedRequest { metadata, extensions, message, deadline }
    }
}

impl<M: Clone> PreparedRequest<M> {
    /// The request of one attempt. A retry carries the time that is left and the number of previous attempts
    /// (<https://github.com/grpc/proposal/blob/master/A6-client-retries.md#exposed-retry-metadata>).
    pub(crate) fn attempt(&self, previous_attempts: u32) -> Request<M> {
        let (metadata, extensions) = (self.metadata.clone(), self.extensions.clone());
        let mut request = Request::from_parts(metadata, extensions, self.message.clone());
        if previous_attempts > 0 {
            request.metadata_mut().insert("grpc-previous-rpc-attempts", previous_attempts.into());
            if let Some(remaining) = self.deadline.remaining() {
                request.set_timeout(remaining);
            }
        }
        request
    }
}
