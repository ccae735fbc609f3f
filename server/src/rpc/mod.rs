//! The RPCs: thin. What an operation asks and answers is said in its own file; how a call runs is said once for operations
//! with one answer (`unary`), once for streams (`stream`) and once for those that stream both ways (`bidirectional`).

mod async_invoke;
mod bidirectional;
mod catalog;
mod converse;
mod count_tokens;
mod guardrail;
mod invoke_model;
mod prepare;
mod runtime;
mod stream;
mod unary;

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;
use bytes::Bytes;
use http::HeaderMap;
use opentelemetry::KeyValue;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};

pub use catalog::Catalog;
pub use runtime::Runtime;

use crate::bedrock::{Operation, Subject};
use crate::call::Call;
use crate::error::Failure;

/// What a request asks.
trait Ask: Sized {
    /// What the call is about.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the member that says so is missing.
    fn subject(&self) -> Result<Subject<'_>, Failure>;

    /// `gen_ai.operation.name`.
    fn operation_name(&self) -> &'static str;

    /// What the CLIENT span says of the request.
    fn attributes(&self) -> Vec<KeyValue> {
        Vec::new()
    }

    /// The operation and its body. The message is dropped here: from now on only its JSON is held.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when it cannot be written.
    fn outgoing(self) -> Result<(Operation, Bytes), Failure>;
}

/// An answer that comes whole.
trait Answered: Report + Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`Failure::UnreadableAnswer`] when it is not what the schema expects.
    fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, Failure>;
}

/// What the record of a call learns from an answer or an event.
#[derive(Default)]
struct Learned {
    stop_reason: Option<String>,
    usage: Option<TokenUsage>,
}

/// An answer or an event, as far as the way back must know.
trait Report {
    fn learned(&self) -> Learned {
        Learned::default()
    }
}

/// Answers that are JSON.
macro_rules! json_answer {
    ($($answer:ty),*) => {
        $(impl crate::rpc::Answered for $answer {
            fn read(_: &http::HeaderMap, body: bytes::Bytes) -> Result<Self, crate::error::Failure> {
                bedrock_grpc_schema::json::decode(&body, crate::telemetry::unknown_member)
                    .map_err(crate::error::Failure::UnreadableAnswer)
            }
        })*
    };
}
use json_answer;

/// The longest id or ARN that AWS's model allows. It stands in paths, logs and spans, so it is held to that here.
const ID_LIMIT: usize = 2048;

/// A member that AWS binds to the path, and so has to be there.
fn required<'a>(field: &str, value: Option<&'a str>) -> Result<&'a str, Failure> {
    let problem = match value {
        None | Some("") => "required: it is part of the path that Bedrock is asked at".to_owned(),
        Some(value) if value.len() > ID_LIMIT => format!("longer than {ID_LIMIT} bytes"),
        Some(value) => return Ok(value),
    };
    Err(Failure::Invalid { field: field.to_owned(), problem })
}

/// What the JSON of a message of `encoded_len` bytes takes: base64 makes four of three, names and quotes the rest. A body
/// that outgrows it is copied once more.
fn body_size(encoded_len: usize) -> usize {
    encoded_len / 2 * 3 + 512
}

/// The initial metadata of every answer: where it came from, and what Bedrock said beside the body
/// (`x-amzn-bedrock-*`: token counts, latency, and what a stream has no member for).
fn initial_metadata(call: &Call, headers: &HeaderMap, metadata: &mut MetadataMap) {
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amzn-bedrock-")) {
        if let (Ok(name), Ok(value)) =
            (AsciiMetadataKey::from_bytes(name.as_str().as_bytes()), value.as_bytes().try_into())
        {
            metadata.insert(name, value);
        }
    }
    call.with(|record| {
        let facts = &record.facts;
        let mut insert = |key, value: Option<&str>| {
            if let Some(Ok(value)) = value.map(str::parse) {
                metadata.insert(key, value);
            }
        };
        insert("x-amzn-requestid", facts.request_id.as_deref());
        insert("bedrock-grpc-region", facts.region.as_deref());
        metadata.insert("bedrock-grpc-attempts", facts.attempts.into());
    });
}

fn learn(call: &Call, from: &impl Report) {
    let Learned { stop_reason, usage } = from.learned();
    if stop_reason.is_some() || usage.is_some() {
        call.with(|record| {
            record.stop_reason = stop_reason.or(record.stop_reason.take());
            record.usage = usage.or(record.usage.take());
        });
    }
}

/// Does `work`, or fails when it takes longer than `limit`.
async fn within<T>(
    limit: Duration,
    failure: impl FnOnce(Duration) -> Failure,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(failure(limit)))
}
