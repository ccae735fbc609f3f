//! Values that are copied from a response or an event into the call's log line and spans.

use bedrock_grpc_schema::runtime::v1::TokenUsage;

use crate::call::Call;

/// Values that are copied from a response or an event into the call's log line and spans.
#[derive(Default)]
pub(super) struct UsageInfo {
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Option<TokenUsage>,
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
    let UsageInfo { stop_reason, usage } = source.usage_info();
    if stop_reason.is_some() || usage.is_some() {
        call.update(|record| {
            record.stop_reason = stop_reason.or(record.stop_reason.take());
            record.usage = usage.or(record.usage.take());
        });
    }
}
