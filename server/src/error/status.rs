//! Writes a failure as a `tonic::Status`: code, message, `google.rpc` details and the headers that control retries.
//! <https://google.aip.dev/193>, <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>

use std::time::Duration;

use tonic::Status;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic_types::StatusExt as _;

use super::classification::{Classification, Pushback};
use super::details::error_details;
use super::failure::Failure;
use super::message::caller_message;
use crate::call::CallContext;

/// Maximum length of the message in bytes. People read it.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Maximum size of message and details as they are encoded in trailers. Peers reject header lists above 8 KB by default
/// (gRPC C-core, Java), and the other trailers need room too.
const MAX_TRAILER_BYTES: usize = 7 * 1024;

impl Failure {
    /// The status for the caller.
    #[must_use]
    pub(crate) fn to_status(&self, context: &CallContext) -> Status {
        let classification = classify_for_caller(self, context);
        let delay = caller_retry_delay(self, &classification, context.attempts);
        let mut metadata = MetadataMap::new();
        insert_retry_headers(&mut metadata, &classification, delay);
        if let Some(Ok(id)) = context.request_id.as_deref().map(str::parse) {
            metadata.insert("x-amzn-requestid", id);
        }
        if let Some(Ok(token)) = context.sent_request_token().map(str::parse) {
            metadata.insert("bedrock-grpc-client-request-token", token);
        }
        let mut message = caller_message(self, context);
        loop {
            truncate(&mut message, MAX_MESSAGE_BYTES);
            let details = error_details(self, &classification, context, &message, delay);
            let code = classification.code;
            let status = Status::with_error_details_and_metadata(code, message.clone(), details, metadata.clone());
            if encoded_trailer_size(&status) <= MAX_TRAILER_BYTES || message.is_empty() {
                return status;
            }
            let half = message.len() / 2;
            truncate(&mut message, half);
        }
    }
}

/// The classification as the caller needs it. When Bedrock has received a token that the gateway generated, a retry by the
/// caller's library would carry another token and could start a second job. Only the caller can repeat the call safely: with
/// the token in the status.
fn classify_for_caller(failure: &Failure, context: &CallContext) -> Classification {
    let mut classification = failure.classify();
    if context.sent_request_token().is_some() {
        classification.pushback = Pushback::Stop;
    }
    classification
}

fn encoded_trailer_size(status: &Status) -> usize {
    // Base64 makes 4 bytes of 3. Percent-encoding makes 3 bytes of each byte outside printable ASCII.
    let percent_encoded: usize = status.message().bytes().map(|b| if (b' '..=b'~').contains(&b) { 1 } else { 3 }).sum();
    status.details().len().div_ceil(3) * 4 + percent_encoded
}

fn truncate(message: &mut String, limit: usize) {
    message.truncate(message.floor_char_boundary(limit));
}

/// Minimum pushback. A client on gRPC core (C++, Python, Ruby, C#) whose retry timer is set to one millisecond or less can lose the
/// retry and hang until its deadline (<https://github.com/grpc/grpc/issues/41036>).
const MIN_PUSHBACK: Duration = Duration::from_millis(50);

/// The delay that the caller should wait, in whole milliseconds, so that RetryInfo and the pushback contain the same number.
fn caller_retry_delay(failure: &Failure, classification: &Classification, attempts: u32) -> Option<Duration> {
    let Pushback::After(_) = classification.pushback else { return None };
    let delay = classification.retry_delay(failure, attempts).max(MIN_PUSHBACK);
    // The pushback is a signed 32-bit number.
    Some(Duration::from_millis(delay.as_millis().min(i32::MAX as u128) as u64))
}

fn insert_retry_headers(metadata: &mut MetadataMap, classification: &Classification, delay: Option<Duration>) {
    match (classification.pushback, delay) {
        (Pushback::Stop, _) => {
            metadata.insert("grpc-retry-pushback-ms", MetadataValue::from_static("-1"));
            // Envoy does not read the pushback. It never retries a response with this header.
            // <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-ratelimited>
            metadata.insert("x-envoy-ratelimited", MetadataValue::from_static("true"));
        }
        (Pushback::After(_), Some(delay)) => {
            let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
            metadata.insert("grpc-retry-pushback-ms", MetadataValue::from(millis));
            // Proxies read this header. It counts whole seconds.
            metadata.insert("retry-after", MetadataValue::from(u64::from(millis.unsigned_abs()).div_ceil(1000)));
        }
        _ => {}
    }
}
