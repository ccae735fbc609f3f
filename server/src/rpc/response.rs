//! How a complete response becomes a message.

use bedrock_grpc_schema::operation::OperationResponse;
use bytes::Bytes;
use http::HeaderMap;

use crate::call::CallOptions;
use crate::error::Failure;
use crate::large_work::run_sized;
use crate::telemetry::count_unknown_member;

/// Reads a message from the body and the headers of a complete response, as the operation's row says, in the form that the
/// caller chose. A header that cannot be read leaves its member unset.
///
/// # Errors
/// [`Failure::UnreadableResponse`] when the body does not fit the schema.
pub(super) fn decode_response<M: OperationResponse>(
    headers: &HeaderMap,
    body: Bytes,
    options: CallOptions,
) -> Result<M, Failure> {
    let decoded = run_sized(body.len(), || M::decode_payload(body, options.documents, count_unknown_member));
    let mut message = decoded.map_err(Failure::UnreadableResponse)?;
    for binding in M::OPERATION.response_bindings {
        if let Some(value) = headers.get(binding.name).and_then(|value| value.to_str().ok()) {
            message.set_bound(binding, binding.name, value);
        }
    }
    Ok(message)
}
