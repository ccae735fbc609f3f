//! What `/calls` shows: the calls that run.

use serde::Serialize;

use crate::call::{RunningCall, RunningCalls};

/// The body of `/calls`.
#[derive(Debug, Serialize)]
pub(super) struct CallsReport {
    /// The number of calls that run.
    count: usize,
    /// The calls, the oldest first.
    calls: Vec<CallRow>,
}

/// A call that runs.
#[derive(Debug, Serialize)]
struct CallRow {
    number: u64,
    rpc: String,
    caller: Option<String>,
    model: Option<String>,
    target: Option<String>,
    region: Option<String>,
    phase: &'static str,
    age_ms: u64,
    attempts: u32,
    events: u64,
    request_bytes: u64,
    response_bytes: u64,
    trace_id: Option<String>,
}

impl CallsReport {
    /// The calls of `running`.
    pub(super) fn new(running: &RunningCalls) -> Self {
        let calls: Vec<_> = running.list().into_iter().map(CallRow::from).collect();
        Self { count: calls.len(), calls }
    }
}

impl From<RunningCall> for CallRow {
    fn from(call: RunningCall) -> Self {
        Self {
            number: call.number,
            rpc: call.rpc,
            caller: call.caller,
            model: call.model,
            target: call.target,
            region: call.region,
            phase: call.phase,
            age_ms: u64::try_from(call.age.as_millis()).unwrap_or(u64::MAX),
            attempts: call.attempts,
            events: call.events,
            request_bytes: call.request_bytes,
            response_bytes: call.response_bytes,
            trace_id: call.trace_id,
        }
    }
}
