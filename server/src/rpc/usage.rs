//! Values that are copied from a response or an event into the call's log line and spans.

use bedrock_grpc_schema::runtime::v1::TokenUsage;

use crate::call::Call;

/// Values that are copied from a response or an event into the call's log line and spans.
#[derive(Default, PartialEq)]
pub(super) struct UsageInfo {
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Option<TokenUsage>,
    /// The service tier that served the request.
    pub(super) tier: Option<String>,
    /// Whether the model ran with optimized latency.
    pub(super) is_latency_optimized: bool,
    /// The model that a prompt router has chosen.
    pub(super) routed_model: Option<String>,
    /// The number of images in the response, if they have a price of their own.
    pub(super) images: u32,
}

/// A response or an event that may contain a stop reason or token usage.
pub(super) trait ReportsUsage {
    /// The values that this response or event contains. Most of them contain none.
    fn usage_info(&self) -> UsageInfo {
        UsageInfo::default()
    }
}

/// Copies the values from `source` into the call's record. Values that are already there stay when `source` has none.
pub(super) fn record_usage(call: &Call, source: &impl ReportsUsage) {
    let info = source.usage_info();
    if info != UsageInfo::default() {
        call.update(|record| {
            record.stop_reason = info.stop_reason.or(record.stop_reason.take());
            record.usage = info.usage.or(record.usage.take());
            let billing = &mut record.billing;
            billing.tier = info.tier.or(billing.tier.take());
            billing.model = info.routed_model.or(billing.model.take());
            billing.is_latency_optimized |= info.is_latency_optimized;
            billing.images += info.images;
        });
    }
}
