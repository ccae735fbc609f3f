//! InvokeModel and InvokeModelWithResponseStream. The bodies have the model's own format and are passed on unchanged.
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

use super::request::{UpstreamRequest, require_path_member};
use super::response::UnaryResponse;
use super::stream::StreamEvent;
use super::usage::{ReportsUsage, UsageInfo};
use crate::bedrock::{Operation, Subject};
use crate::call::CallOptions;
use crate::error::Failure;
use crate::telemetry::names;

macro_rules! invoke_model_request {
    ($request:ty, $operation:path) => {
        impl UpstreamRequest for $request {
            fn subject(&self) -> Result<Subject<'_>, Failure> {
                require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
            }

            fn gen_ai_operation(&self) -> &'static str {
                guess_gen_ai_operation(self.model_id.as_deref().unwrap_or_default())
            }

            fn span_attributes(&self) -> Vec<KeyValue> {
                let guardrail = self.guardrail_identifier.iter();
                guardrail.map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
            }

            fn into_operation(mut self) -> Result<(Operation, Bytes), Failure> {
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
                    check_header(field, value.as_deref())?;
                }
                let body = self.body.take().unwrap_or_default();
                Ok(($operation(Box::new(self)), body))
            }
        }
    };
}

invoke_model_request!(InvokeModelRequest, Operation::InvokeModel);
invoke_model_request!(InvokeModelWithResponseStreamRequest, Operation::InvokeModelWithResponseStream);

/// Checks a member that AWS binds to an HTTP header.
fn check_header(field: &str, value: Option<&str>) -> Result<(), Failure> {
    match value.map(http::HeaderValue::from_str) {
        Some(Err(_)) => {
            Err(Failure::Invalid { field: field.to_owned(), problem: "not a valid value of an HTTP header".to_owned() })
        }
        _ => Ok(()),
    }
}

/// Guesses the kind of operation from the model id, because the body is opaque.
fn guess_gen_ai_operation(model_id: &str) -> &'static str {
    const VISUAL: &[&str] = &["image", "canvas", "stability", "reel", "video"];
    if model_id.contains("embed") {
        names::EMBEDDINGS
    } else if VISUAL.iter().any(|word| model_id.contains(word)) {
        names::GENERATE_CONTENT
    } else {
        names::CHAT
    }
}

impl UnaryResponse for InvokeModelResponse {
    fn decode(headers: &HeaderMap, body: Bytes, _: CallOptions) -> Result<Self, Failure> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self {
            body: Some(body),
            content_type: header("content-type"),
            performance_config_latency: header("x-amzn-bedrock-performanceconfig-latency"),
            service_tier: header("x-amzn-bedrock-service-tier"),
        })
    }
}

/// Usage is in the response headers. `Call::on_response_headers` reads it.
impl ReportsUsage for InvokeModelResponse {}

/// The member that Bedrock adds to the last chunk of a stream, for every model.
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

impl ReportsUsage for Event {
    fn usage_info(&self) -> UsageInfo {
        let Self::Chunk(chunk) = self else { return UsageInfo::default() };
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
        UsageInfo { stop_reason: None, usage }
    }
}

impl StreamEvent for Event {
    type Message = InvokeModelWithResponseStreamResponse;
    type Progress = ();

    fn into_message(self) -> InvokeModelWithResponseStreamResponse {
        InvokeModelWithResponseStreamResponse { member: Some(self) }
    }

    fn update_progress(&self, (): &mut ()) {}

    /// The chunks are opaque and nothing marks the last one, so every end between two frames is a complete stream.
    fn check_complete((): &()) -> Result<(), Failure> {
        Ok(())
    }
}
