//! InvokeModel and InvokeModelWithResponseStream: the model's own bodies, untouched both ways.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>

use bedrock_grpc_schema::runtime::v1::invoke_model_with_response_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelRequest, InvokeModelResponse, InvokeModelWithResponseStreamRequest,
    InvokeModelWithResponseStreamResponse, TokenUsage,
};
use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem;
use opentelemetry::KeyValue;
use serde::Deserialize;

use super::stream::EventStream;
use super::{Answered, Ask, Learned, Report, required};
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

macro_rules! ask {
    ($request:ty, $operation:path) => {
        impl Ask for $request {
            fn subject(&self) -> Result<Subject<'_>, Failure> {
                required("modelId", self.model_id.as_deref()).map(Subject::Model)
            }

            fn operation_name(&self) -> &'static str {
                operation_name(self.model_id.as_deref().unwrap_or_default())
            }

            fn attributes(&self) -> Vec<KeyValue> {
                let guardrail = self.guardrail_identifier.iter();
                guardrail.map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
            }

            fn outgoing(mut self) -> Result<(Operation, Bytes), Failure> {
                for (field, value) in [
                    ("contentType", &self.content_type),
                    ("accept", &self.accept),
                    ("trace", &self.trace),
                    ("guardrailIdentifier", &self.guardrail_identifier),
                    ("guardrailVersion", &self.guardrail_version),
                    ("performanceConfigLatency", &self.performance_config_latency),
                    ("serviceTier", &self.service_tier),
                    ("requestMetadata", &self.request_metadata),
                ] {
                    header(field, value.as_deref())?;
                }
                let body = self.body.take().unwrap_or_default();
                Ok(($operation(Box::new(self)), body))
            }
        }
    };
}

ask!(InvokeModelRequest, Operation::InvokeModel);
ask!(InvokeModelWithResponseStreamRequest, Operation::InvokeModelWithResponseStream);

/// A member that AWS binds to an HTTP header has to be able to stand in one.
fn header(field: &str, value: Option<&str>) -> Result<(), Failure> {
    match value.map(http::HeaderValue::from_str) {
        Some(Err(_)) => {
            Err(Failure::Invalid { field: field.to_owned(), problem: "not the value of an HTTP header".to_owned() })
        }
        _ => Ok(()),
    }
}

/// The body is opaque, so the model's id has to tell what is done with it.
fn operation_name(model_id: &str) -> &'static str {
    const PICTURES: &[&str] = &["image", "canvas", "stability", "reel", "video"];
    if model_id.contains("embed") {
        names::EMBEDDINGS
    } else if PICTURES.iter().any(|word| model_id.contains(word)) {
        names::GENERATE_CONTENT
    } else {
        names::CHAT
    }
}

impl Answered for InvokeModelResponse {
    fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, Failure> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self {
            body: Some(body),
            content_type: header("content-type"),
            performance_config_latency: header("x-amzn-bedrock-performanceconfig-latency"),
            service_tier: header("x-amzn-bedrock-service-tier"),
        })
    }
}

/// Usage comes in headers (`call`).
impl Report for InvokeModelResponse {}

/// What Bedrock adds to a stream's last chunk, whatever the model.
#[derive(Deserialize)]
struct LastChunk {
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: InvocationMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvocationMetrics {
    input_token_count: Option<i32>,
    output_token_count: Option<i32>,
    cache_read_input_token_count: Option<i32>,
    cache_write_input_token_count: Option<i32>,
}

impl Report for Event {
    fn learned(&self) -> Learned {
        let Self::Chunk(chunk) = self else { return Learned::default() };
        let bytes = chunk.bytes.as_deref().unwrap_or_default();
        let holds_metrics = memmem::find(bytes, b"amazon-bedrock-invocationMetrics").is_some();
        let last = holds_metrics.then(|| serde_json::from_slice::<LastChunk>(bytes).ok()).flatten();
        let usage = last.map(|LastChunk { metrics }| TokenUsage {
            input_tokens: metrics.input_token_count,
            output_tokens: metrics.output_token_count,
            cache_read_input_tokens: metrics.cache_read_input_token_count,
            cache_write_input_tokens: metrics.cache_write_input_token_count,
            ..TokenUsage::default()
        });
        Learned { stop_reason: None, usage }
    }
}

impl EventStream for Event {
    type Message = InvokeModelWithResponseStreamResponse;
    type Progress = ();

    fn message(event: Self) -> InvokeModelWithResponseStreamResponse {
        InvokeModelWithResponseStreamResponse { member: Some(event) }
    }

    fn observe(&self, (): &mut ()) {}

    /// Bodies are opaque and nothing marks the last chunk: an end between two frames is an end.
    fn complete((): &()) -> Result<(), Failure> {
        Ok(())
    }
}
