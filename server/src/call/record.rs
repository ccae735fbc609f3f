//! The data that one call collects. The log line and the spans are written from it.

use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;

use opentelemetry::StringValue;
use tokio::time::Instant;

use super::context::CallContext;
use crate::admission::{ByteCharge, Wait};
use crate::error::Failure;
use crate::telemetry::{ChunkTimer, ModelLabel};

/// The data that one call has collected so far.
#[derive(Debug, Default)]
pub(crate) struct CallRecord {
    /// What an error status would contain if the call failed now.
    pub(crate) context: CallContext,
    /// The model's stop reason in Bedrock's spelling. It stays empty when Bedrock sends none.
    pub(crate) stop_reason: Option<String>,
    /// Token usage as Bedrock counts it.
    pub(crate) usage: Option<TokenUsage>,
    /// What Bedrock reports besides tokens, as far as it affects the price.
    pub(crate) billing: Billing,
    /// The cost of the call in nano-dollars. `None` if it is not known, or if the call costs nothing by itself.
    pub(crate) cost: Option<u64>,
    /// Time from the start of the call to its first event, or to the complete unary response.
    pub(crate) first_event: Option<Duration>,
    /// The full name of the method, or `_OTHER`.
    pub(crate) method: &'static str,
    /// The caller's name. A gateway without configured callers uses a fixed name.
    pub(crate) caller_name: Option<StringValue>,
    /// The model, as the metrics name it.
    pub(crate) model: Option<ModelLabel>,
    /// The name of the last attempt's target, if the caller wrote the name of a model.
    pub(crate) target_name: Option<Arc<str>>,
    /// The Region of the last attempt.
    pub(crate) region: Option<StringValue>,
    /// The kind of the model's work (`gen_ai.operation.name`), and the time from the start of the call to the start of that work.
    pub(crate) model_work: Option<(&'static str, Duration)>,
    /// How long the call has waited, and for what.
    pub(crate) waits: Waits,
    /// Time from the start of the call until the gateway had the first part of its response.
    pub(crate) responded: Option<Duration>,
    /// Measures the time between two events of a stream.
    pub(crate) chunks: Option<ChunkTimer>,
    /// The failure that ended the call.
    pub(crate) failure: Option<FailureSummary>,
    /// Why the request could not be read. tonic makes its own status of it, which has no details.
    pub(super) request_failure: Option<Failure>,
    /// The parts of the byte budget that the request takes until it has been sent to Bedrock.
    pub(super) charges: RequestCharges,
    /// Whether the call has finished. Only the first end counts.
    pub(super) finished: bool,
}

impl CallRecord {
    /// The label of the model, inference profile or ARN that the last request was sent to. The configuration bounds the targets of
    /// names. Other ids come from callers.
    pub(crate) fn target_label(&self) -> Option<StringValue> {
        let target = self.billing.model.as_ref()?;
        let written = self.model.as_ref().filter(|_| self.context.model_id.as_ref() == Some(target));
        Some(written.map_or_else(|| target.clone().into(), ModelLabel::value))
    }
}

/// What the cost of a call depends on, besides its tokens.
#[derive(Debug, Default)]
pub(crate) struct Billing {
    /// The model, inference profile or ARN that the last request was sent to.
    pub(crate) model: Option<String>,
    /// The service tier that Bedrock reports.
    pub(crate) tier: Option<String>,
    /// Whether Bedrock reports that it ran the model with optimized latency.
    pub(crate) is_latency_optimized: bool,
    /// The number of images in the response.
    pub(crate) images: u32,
}

/// Times that a call has waited until the first part of its response. The rest is the gateway's own work.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    /// For the request's message.
    pub(crate) caller: Duration,
    /// For a thread, for memory, or for the call's turn.
    pub(crate) queue: Duration,
    /// For Bedrock's responses, and between two attempts.
    pub(crate) bedrock: Duration,
}

/// The charges of a request's message.
#[derive(Debug, Default)]
pub(super) struct RequestCharges {
    /// The bytes of the message.
    pub(super) message: Option<ByteCharge>,
    /// What many fields take in memory beyond their bytes.
    #[expect(dead_code, reason = "returned to the budget on drop")]
    pub(super) fields: Option<ByteCharge>,
    /// The wait for a thread that works on the message, and the start of that wait.
    pub(super) wait: Option<(Wait, Instant)>,
}

/// What the log line and the spans contain about a failure.
#[derive(Debug)]
pub(crate) struct FailureSummary {
    /// `ErrorInfo.reason`.
    pub(crate) reason: String,
    /// The error text of Bedrock or of the gateway, complete. It is left out when the request was rejected as invalid:
    /// Bedrock's text may quote the prompt, and the field path of our own text may contain the caller's keys.
    pub(crate) text: Option<String>,
}
