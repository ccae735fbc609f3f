//! A unary response with its metadata.

use std::ops::{Deref, DerefMut};

use tonic::metadata::MetadataMap;

use crate::response_metadata::ResponseMetadata;

/// A complete response: the message, to which it dereferences, and the metadata of the call.
#[derive(Debug, Clone)]
pub struct Response<T> {
    message: T,
    metadata: ResponseMetadata,
}

impl<T> Response<T> {
    pub(crate) fn new(response: tonic::Response<T>) -> Self {
        let (metadata, message, _) = response.into_parts();
        Self { message, metadata: ResponseMetadata(metadata) }
    }

    /// Bedrock's request ID (`x-amzn-requestid`). AWS support needs it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.metadata.request_id()
    }

    /// The AWS Region that served the request (`bedrock-grpc-region`), for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.metadata.region()
    }

    /// The number of requests that the gateway sent to Bedrock (`bedrock-grpc-attempts`). It is 1 without a retry.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.metadata.attempts()
    }

    /// The cost of the call in nano-dollars (10⁻⁹ dollars), if the gateway knows it and is configured to send it
    /// (`bedrock-grpc-cost-nanodollars`).
    #[must_use]
    pub fn cost_nanodollars(&self) -> Option<u64> {
        self.metadata.cost_nanodollars()
    }

    /// The initial metadata and the trailers of the response.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata.0
    }

    /// Returns the message without the metadata.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }
}

impl<T> Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T> DerefMut for Response<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.message
    }
}
