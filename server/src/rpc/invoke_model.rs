//! InvokeModel and InvokeModelWithResponseStream. The bodies have the model's own format and are passed on unchanged.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>

use bedrock_grpc_schema::runtime::v1::invoke_model_with_response_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelRequest, InvokeModelResponse, InvokeModelWithResponseStreamRequest,
    InvokeModelWithResponseStreamResponse, TokenUsage,
};
use memchr::memmem;
use opentelemetry::KeyValue;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::events::StreamEvent;
use super::request::{UpstreamRequest, require_path_member};
use super::rules::{add_to_metadata_text, set_guardrail};
use super::usage::{ReportsUsage, UsageInfo};
use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::telemetry::names;

macro_rules! invoke_model_request {
    ($request:ty) => {
        impl UpstreamRequest for $request {
            fn subject(&self) -> Result<Subject<'_>, Failure> {
                require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
            }

            fn model_field(&mut self) -> Option<&mut Option<String>> {
                Some(&mut self.model_id)
            }

            fn require_guardrail(&mut self, guardrail: &RequiredGuardrail) -> Result<(), Failure> {
                set_guardrail(guardrail, &mut self.guardrail_identifier, &mut self.guardrail_version)
            }

            fn add_metadata(&mut self, key: &str, value: &str) -> Result<(), Failure> {
                add_to_metadata_text(&mut self.request_metadata, key, value)
            }

            fn gen_ai_operation(&self) -> &'static str {
                guess_gen_ai_operation(self.model_id.as_deref().unwrap_or_default())
            }

            fn span_attributes(&self) -> Vec<KeyValue> {
                let guardrail = self.guardrail_identifier.iter();
                guardrail.map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.clone())).collect()
            }
        }
    };
}

invoke_model_request!(InvokeModelRequest);
invoke_model_request!(InvokeModelWithResponseStreamRequest);

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

/// The member with the images in the response of an image model.
#[derive(Deserialize)]
struct GeneratedImages {
    images: Vec<IgnoredAny>,
}

/// Token usage is in the response headers. `Call::on_response_headers` reads it. Images are counted here, because no header
/// counts them.
impl ReportsUsage for InvokeModelResponse {
    fn usage_info(&self) -> UsageInfo {
        let body = self.body.as_deref().unwrap_or_default();
        // Only a body that contains this member is parsed, because a search is much faster than parsing.
        let has_images = memmem::find(body, b"\"images\"").is_some();
        let generated = has_images.then(|| serde_json::from_slice::<GeneratedImages>(body).ok()).flatten();
        let images = generated.map_or(0, |generated| u32::try_from(generated.images.len()).unwrap_or(u32::MAX));
        UsageInfo { images, ..UsageInfo::default() }
    }
}

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
        UsageInfo { usage, ..UsageInfo::default() }
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
