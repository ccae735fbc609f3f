//! Converse and ConverseStream.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    ConverseRequest, ConverseResponse, ConverseStreamRequest, ConverseStreamResponse, InferenceConfiguration,
    PerformanceConfiguration, PromptRouterTrace,
};
use opentelemetry::{Array, KeyValue, Value};

use super::converse_defaults::{RequestParts, apply_defaults};
use super::events::StreamEvent;
use super::request::{UpstreamRequest, require_path_member};
use super::rules::{limit_max_tokens, set_guardrail};
use super::usage::{ReportsUsage, UsageInfo};
use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::pricing::LATENCY_OPTIMIZED;
use crate::routing::{ConverseDefaults, TokenLimits};
use crate::telemetry::{self, names};

macro_rules! converse_request {
    ($request:ty) => {
        impl UpstreamRequest for $request {
            fn subject(&self) -> Result<Subject<'_>, Failure> {
                require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
            }

            fn model_field(&mut self) -> Option<&mut Option<String>> {
                Some(&mut self.model_id)
            }

            fn require_guardrail(&mut self, guardrail: &RequiredGuardrail) -> Result<(), Failure> {
                let config = self.guardrail_config.get_or_insert_default();
                set_guardrail(guardrail, &mut config.guardrail_identifier, &mut config.guardrail_version)
            }

            fn limit_tokens(&mut self, limits: TokenLimits) -> Result<(), Failure> {
                if limits == TokenLimits::default() {
                    return Ok(());
                }
                limit_max_tokens(&mut self.inference_config.get_or_insert_default().max_tokens, limits)
            }

            fn apply_defaults(&mut self, defaults: &ConverseDefaults) {
                let parts = RequestParts {
                    inference: &mut self.inference_config,
                    system: &mut self.system,
                    tools: &mut self.tool_config,
                    messages: &self.messages,
                };
                apply_defaults(parts, defaults);
            }

            fn add_metadata(&mut self, key: &str, value: &str) -> Result<(), Failure> {
                self.request_metadata.insert(key.to_owned(), value.to_owned());
                Ok(())
            }

            fn gen_ai_operation(&self) -> &'static str {
                names::CHAT
            }

            fn span_attributes(&self) -> Vec<KeyValue> {
                let guardrail =
                    self.guardrail_config.as_ref().and_then(|config| config.guardrail_identifier.as_deref());
                request_attributes(self.inference_config.as_ref(), guardrail)
            }
        }
    };
}

converse_request!(ConverseRequest);
converse_request!(ConverseStreamRequest);

fn request_attributes(inference: Option<&InferenceConfiguration>, guardrail: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    if let Some(config) = inference {
        attributes.extend(config.max_tokens.map(|n| KeyValue::new(names::GEN_AI_REQUEST_MAX_TOKENS, i64::from(n))));
        attributes.extend(config.temperature.map(|t| KeyValue::new(names::GEN_AI_REQUEST_TEMPERATURE, f64::from(t))));
        attributes.extend(config.top_p.map(|p| KeyValue::new(names::GEN_AI_REQUEST_TOP_P, f64::from(p))));
        if !config.stop_sequences.is_empty() {
            let sequences = config.stop_sequences.iter().cloned().map(Into::into).collect();
            attributes
                .push(KeyValue::new(names::GEN_AI_REQUEST_STOP_SEQUENCES, Value::Array(Array::String(sequences))));
        }
    }
    attributes.extend(guardrail.map(|id| KeyValue::new(names::AWS_BEDROCK_GUARDRAIL_ID, id.to_owned())));
    attributes
}

fn is_latency_optimized(config: Option<&PerformanceConfiguration>) -> bool {
    config.and_then(|config| config.latency.as_deref()) == Some(LATENCY_OPTIMIZED)
}

/// The model that a prompt router has chosen. Its price applies.
fn find_routed_model(router: Option<&PromptRouterTrace>) -> Option<String> {
    router.and_then(|router| router.invoked_model_id.clone())
}

impl ReportsUsage for ConverseResponse {
    fn usage_info(&self) -> UsageInfo {
        UsageInfo {
            stop_reason: self.stop_reason.clone(),
            usage: self.usage.clone(),
            tier: self.service_tier.as_ref().and_then(|tier| tier.r#type.clone()),
            is_latency_optimized: is_latency_optimized(self.performance_config.as_ref()),
            routed_model: find_routed_model(self.trace.as_ref().and_then(|trace| trace.prompt_router.as_ref())),
            images: 0,
        }
    }
}

impl ReportsUsage for Event {
    fn usage_info(&self) -> UsageInfo {
        match self {
            Self::MessageStop(stop) => UsageInfo { stop_reason: stop.stop_reason.clone(), ..UsageInfo::default() },
            Self::Metadata(metadata) => UsageInfo {
                usage: metadata.usage.clone(),
                tier: metadata.service_tier.as_ref().and_then(|tier| tier.r#type.clone()),
                is_latency_optimized: is_latency_optimized(metadata.performance_config.as_ref()),
                routed_model: find_routed_model(metadata.trace.as_ref().and_then(|trace| trace.prompt_router.as_ref())),
                ..UsageInfo::default()
            },
            _ => UsageInfo::default(),
        }
    }
}

/// Which of the final events of a ConverseStream have arrived.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `messageStop` has arrived: it contains the stop reason.
    stopped: bool,
    /// `metadata` has arrived: it contains the usage.
    metadata: bool,
}

impl StreamEvent for Event {
    type Message = ConverseStreamResponse;
    type Progress = Progress;

    fn into_message(self) -> ConverseStreamResponse {
        ConverseStreamResponse { member: Some(self) }
    }

    fn update_progress(&self, progress: &mut Progress) {
        progress.stopped |= matches!(self, Self::MessageStop(_));
        progress.metadata |= matches!(self, Self::Metadata(_));
    }

    /// A stream without `messageStop` is truncated, even when the connection ended cleanly. The gateway never invents a stop
    /// reason.
    fn check_complete(progress: &Progress) -> Result<(), Failure> {
        if !progress.stopped {
            return Err(Failure::Truncated);
        }
        if !progress.metadata {
            telemetry::count_missing_metadata();
        }
        Ok(())
    }
}
