//! An answer and where it came from.

use std::ops::{Deref, DerefMut};

use tonic::Response;
use tonic::metadata::MetadataMap;

/// A whole answer: the message, which it dereferences to, and what the service says about the call.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    message: T,
    headers: Headers,
}

impl<T> Answer<T> {
    pub(crate) fn new(response: Response<T>) -> Self {
        let (headers, message, _) = response.into_parts();
        Self { message, headers: Headers(headers) }
    }

    /// Bedrock's id of the request (`x-amzn-requestid`), which AWS support asks for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.headers.request_id()
    }

    /// The Region that answered (`bedrock-grpc-region`), for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.headers.region()
    }

    /// How often the service asked Bedrock until this answer came (`bedrock-grpc-attempts`); 1 if it never had to retry.
    #[must_use]
    pub fn attempts(&self) -> Option<u32> {
        self.headers.attempts()
    }

    /// The answer's initial metadata, and its trailers.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.headers.0
    }

    /// The message alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

impl<T> DerefMut for Answer<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.message
    }
}

/// The metadata of an answer, by meaning.
#[derive(Debug, Clone)]
pub(crate) struct Headers(pub(crate) MetadataMap);

/// Bedrock's id of the request, in an answer's metadata and in an error's.
pub(crate) const REQUEST_ID: &str = "x-amzn-requestid";

impl Headers {
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.get(REQUEST_ID)
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.get("bedrock-grpc-region")
    }

    pub(crate) fn attempts(&self) -> Option<u32> {
        self.get("bedrock-grpc-attempts")?.parse().ok()
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|value| !value.is_empty())
    }
}
