//! Metadata of a response: where it comes from.

use tonic::metadata::MetadataMap;

/// The header with Bedrock's request ID. A failed call has it in its trailers.
pub(crate) const REQUEST_ID: &str = "x-amzn-requestid";

/// Metadata of a response: the initial metadata, or the trailers.
#[derive(Debug, Clone)]
pub(crate) struct ResponseMetadata(pub(crate) MetadataMap);

impl ResponseMetadata {
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.get(REQUEST_ID)
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.get("bedrock-grpc-region")
    }

    pub(crate) fn attempts(&self) -> Option<u32> {
        self.get("bedrock-grpc-attempts")?.parse().ok()
    }

    pub(crate) fn cost_nanodollars(&self) -> Option<u64> {
        self.get("bedrock-grpc-cost-nanodollars")?.parse().ok()
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|value| !value.is_empty())
    }
}
