//! Converse and ConverseStream.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    ConverseRequest, ConverseResponse, ConverseStreamRequest, ConverseStreamResponse, InferenceConfiguration,
};
use bytes::Bytes;
use opentelemetry::{Array, KeyValue, Value};
use prost::Message as _;

use super::stream::EventStream;
use super::{Ask, Learned, Report, body_size, json_answer, required};
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::{self, names};

macro_rules! ask {
    ($request:ty, $operation:expr) => {
        impl Ask for $request {
            fn subject(&self) -> Result<Subject<'_>, Failure> {
                required("modelId", self.model_id.as_deref()).map(Subject::Model)
            }

            fn operation_name(&self) -> &'static str {
                names::CHAT
            }

            fn attributes(&self) -> Vec<KeyValue> {
                let guardrail =
                    self.guardrail_config.as_ref().and_then(|config| config.guardrail_identifier.as_deref());
                attributes(self.inference_config.as_ref(), guardrail)
            }

            fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
                Ok(($operation, json::encode(&self, body_size(self.encoded_len()))?))
            }
        }
    };
}

ask!(ConverseRequest, Operation::Converse);
ask!(ConverseStreamRequest, Operation::ConverseStream);
json_answer!(ConverseResponse);

fn attributes(inference: Option<&InferenceConfiguration>, guardrail: Option<&str>) -> Vec<KeyValue> {
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

impl Report for ConverseResponse {
    fn learned(&self) -> Learned {
        Learned { stop_reason: self.stop_reason.clone(), usage: self.usage.clone() }
    }
}

impl Report for Event {
    fn learned(&self) -> Learned {
        match self {
            Self::MessageStop(stop) => Learned { stop_reason: stop.stop_reason.clone(), usage: None },
            Self::Metadata(metadata) => Learned { stop_reason: None, usage: metadata.usage.clone() },
            _ => Learned::default(),
        }
    }
}

/// How far a ConverseStream has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `messageStop`: the model has said why it stopped.
    stopped: bool,
    /// `metadata`: usage is known.
    metadata: bool,
}

impl EventStream for Event {
    type Message = ConverseStreamResponse;
    type Progress = Progress;

    fn message(event: Self) -> ConverseStreamResponse {
        ConverseStreamResponse { member: Some(event) }
    }

    fn observe(&self, progress: &mut Progress) {
        progress.stopped |= matches!(self, Self::MessageStop(_));
        progress.metadata |= matches!(self, Self::Metadata(_));
    }

    /// A stop reason is never invented: a stream that ends without `messageStop` was broken off, however cleanly.
    fn complete(progress: &Progress) -> Result<(), Failure> {
        if !progress.stopped {
            return Err(Failure::Truncated);
        }
        if !progress.metadata {
            telemetry::missing_metadata();
        }
        Ok(())
    }
}
