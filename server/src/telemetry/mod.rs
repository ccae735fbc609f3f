//! Spans, metrics and the log. None of them contains prompts or responses.

mod call_line;
mod export;
mod log;
mod log_filter;
mod log_sink;
mod losses;
mod metrics;
pub(crate) mod names;
mod panic_hook;
mod span_queue;
mod spans;
mod status_name;
mod usage;

pub(crate) use call_line::log_call;
pub(crate) use export::{Exporters, TelemetryError};
#[cfg(any(feature = "client", feature = "simulator"))]
pub(crate) use log::WARNINGS_FILTER;
pub(crate) use log::{LogFormat, SERVER_FILTER, start_log};
pub(crate) use log_filter::{log_filter, set_log_filter};
pub(crate) use losses::report_losses;
pub(crate) use metrics::{
    ChunkTimer, HostConnections, IdentityState, ModelLabel, PrometheusFormat, PrometheusReader, TargetState,
    count_missing_metadata, count_reload, count_retry, count_unknown_cost, count_unknown_member, measure_attempt,
    measure_call, observe_bytes_in_flight, observe_connections, observe_identities, observe_running_calls,
    observe_targets, set_configuration_generation,
};
pub(crate) use panic_hook::install_panic_hook;
pub(crate) use spans::CallSpans;
