//! How a complete response becomes a message.

use bytes::Bytes;
use http::HeaderMap;

use super::usage::ReportsUsage;
use crate::call::CallOptions;
use crate::error::Failure;

/// A response message that is made from a complete response of Bedrock.
pub(super) trait UnaryResponse: ReportsUsage + prost::Message + Sized {
    /// Reads the message from the response's headers and body, in the form that the caller chose.
    ///
    /// # Errors
    /// [`Failure::UnreadableResponse`] when the body does not fit the schema.
    fn decode(headers: &HeaderMap, body: Bytes, options: CallOptions) -> Result<Self, Failure>;
}

/// Implements [`UnaryResponse`] for messages whose body is JSON.
macro_rules! json_response {
    ($($response:ty),*) => {
        $(impl crate::rpc::response::UnaryResponse for $response {
            fn decode(
                _: &http::HeaderMap,
                body: bytes::Bytes,
                options: crate::call::CallOptions,
            ) -> Result<Self, crate::error::Failure> {
                let unknown = crate::telemetry::count_unknown_member;
                bedrock_grpc_schema::json::decode_with(options.documents, &body, unknown)
                    .map_err(crate::error::Failure::UnreadableResponse)
            }
        })*
    };
}
pub(super) use json_response;
