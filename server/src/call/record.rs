//! The data that one call collects. The log line and the spans are written from it.

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;

use super::context::CallContext;
use crate::admission::{ByteCharge, Wait};
use crate::error::Failure;

/// The data that one call has collected so far.
#[derive(Debug, Default)]
pub(crate) struct CallRecord {
    /// What an error status would contain if the call failed now.
    pub(crate) context: CallContext,
    /// The model's stop reason in Bedrock's spelling. It stays empty when Bedrock sends none.
    pub(crate) stop_reason: Option<String>,
    /// Token usage as Bedrock counts it.
    pub(crate) usage: Option<TokenUsage>,
    /// What Bedrock reports besides tokens and has a price.
    pub(crate) billing: Billing,
    /// The cost of the call in nano-dollars. `None` if it is not known, or if the call costs nothing by itself.
    pub(crate) cost: Option<u64>,
    /// Time from the start of the call to its first event, or to the complete unary response.
    pub(crate) first_event: Option<Duration>,
    /// The failure that ended the call.
    pub(crate) failure: Option<FailureSummary>,
    /// Why the request could not be read. tonic makes its own status of it, which has no details.
    pub(super) request_failure: Option<Failure>,
    /// The parts of the byte budget that the request takes until it has been sent to Bedrock.
    pub(super) charges: RequestCharges,
    /// Whether the call has finished. Only the first end counts.
    pub(super) finished: bool,
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

/// The charges of a request's message.
#[derive(Debug, Default)]
pub(super) struct RequestCharges {
    /// The bytes of the message.
    pub(super) message: Option<ByteCharge>,
    /// What many fields take in memory beyond their bytes.
    #[expect(dead_code, reason = "returned to the budget on drop")]
    pub(super) fields: Option<ByteCharge>,
    /// The wait for a thread that works on the message.
    pub(super) wait: Option<Wait>,
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
