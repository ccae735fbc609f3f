//! The initial metadata of a response.

use http::HeaderMap;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};

use crate::call::Call;

/// Maximum size of Bedrock's headers in the metadata, in bytes. Many clients reject header lists beyond 8 KB by default.
const MAX_FORWARDED_BYTES: usize = 8 * 1024;

/// Inserts the initial metadata of every successful response: where it came from, and Bedrock's `x-amzn-bedrock-*` headers.
/// Those contain token counts, the latency, and values for which a stream has no member. Headers beyond 8 KB are left out.
pub(super) fn insert_initial_metadata(call: &Call, headers: &HeaderMap, metadata: &mut MetadataMap) {
    let mut forwarded = 0;
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amzn-bedrock-")) {
        // RFC 9113, section 6.5.2, counts 32 bytes for each field in addition to its name and value.
        let size = name.as_str().len() + value.len() + 32;
        if forwarded + size > MAX_FORWARDED_BYTES {
            continue;
        }
        forwarded += size;
        if let (Ok(name), Ok(value)) =
            (AsciiMetadataKey::from_bytes(name.as_str().as_bytes()), value.as_bytes().try_into())
        {
            metadata.insert(name, value);
        }
    }
    call.update(|record| {
        let context = &record.context;
        let mut insert = |key, value: Option<&str>| {
            if let Some(Ok(value)) = value.map(str::parse) {
                metadata.insert(key, value);
            }
        };
        insert("x-amzn-requestid", context.request_id.as_deref());
        insert("bedrock-grpc-region", context.region.as_deref());
        insert("bedrock-grpc-target", record.target_name.as_deref());
        metadata.insert("bedrock-grpc-attempts", context.attempts.into());
    });
}
