//! Metrics: what they are called, how they are measured, and how Prometheus reads them.

mod call_metrics;
pub(in crate::telemetry) mod catalog;
mod conventions;
mod counters;
mod exemplars;
mod exposition;
mod labels;
mod observed;
mod prometheus;

pub(in crate::telemetry) use call_metrics::enable_metrics;
pub(crate) use call_metrics::{ChunkTimer, count_retry, measure_attempt, measure_call};
pub(in crate::telemetry) use conventions::conventions;
pub(in crate::telemetry) use counters::start_at_zero;
pub(crate) use counters::{
    count_missing_metadata, count_reload, count_unknown_cost, count_unknown_member, set_configuration_generation,
};
pub(crate) use exposition::PrometheusFormat;
pub(crate) use labels::ModelLabel;
pub(crate) use observed::{
    HostConnections, IdentityState, TargetState, observe_bytes_in_flight, observe_connections, observe_identities,
    observe_running_calls, observe_targets,
};
pub(crate) use prometheus::PrometheusReader;
