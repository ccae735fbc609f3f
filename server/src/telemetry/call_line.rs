//! The log line of a finished call.

use std::time::Duration;

use tonic::Code;

use super::status_name::status_name;
use crate::call::CallRecord;

/// Writes the log line of a call that has finished. It never contains a prompt or a response.
pub(crate) fn log_call(code: Code, record: &CallRecord, elapsed: Duration, trace_id: Option<String>) {
    let context = &record.context;
    let usage = record.usage.as_ref();
    let failure = record.failure.as_ref();
    tracing::info!(
        rpc = context.operation,
        caller = context.caller,
        model = context.model_id,
        target = record.billing.model.as_ref().filter(|target| context.model_id.as_ref() != Some(*target)),
        target_name = record.target_name.as_deref(),
        region = context.region,
        status = status_name(code),
        reason = failure.map(|f| f.reason.as_str()),
        error = failure.and_then(|f| f.text.as_deref()),
        stop_reason = record.stop_reason,
        request_id = context.request_id,
        attempts = context.attempts,
        events = context.events,
        duration_ms = to_millis(elapsed),
        first_event_ms = record.first_event.map(to_millis),
        input_tokens = usage.and_then(|u| u.input_tokens),
        output_tokens = usage.and_then(|u| u.output_tokens),
        cache_read_input_tokens = usage.and_then(|u| u.cache_read_input_tokens),
        cache_write_input_tokens = usage.and_then(|u| u.cache_write_input_tokens),
        cost_nanodollars = record.cost,
        trace_id,
        "call"
    );
}

#[allow(clippy::cast_precision_loss, reason = "the microseconds of a call are far below 2^53")]
fn to_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
