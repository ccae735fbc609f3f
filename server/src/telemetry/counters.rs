//! Counters of data that the caller did not get, and the gauge of running calls.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, global};
use tokio_util::task::TaskTracker;

use super::names;

/// Maximum number of member names that become metric labels. Bedrock chooses the names, and the number of labels must be
/// bounded. Further names count as `other`.
const MAX_MEMBER_LABELS: usize = 200;

static UNKNOWN_MEMBERS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_counter(names::UNKNOWN_MEMBERS)
        .with_description("Members of Bedrock's responses that the schema does not have and the caller did not get")
        .build()
});

static MISSING_METADATA: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_counter(names::MISSING_METADATA)
        .with_description("Streams that ended without metadata, and so without usage")
        .build()
});

static SEEN_MEMBERS: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Counts a member that the schema does not have. The first occurrence of each name is logged.
pub(crate) fn count_unknown_member(name: &str) {
    let (is_known, is_full) = {
        let mut seen = SEEN_MEMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = seen.contains(name);
        let is_full = !is_known && seen.len() >= MAX_MEMBER_LABELS;
        if !is_known && !is_full {
            seen.insert(name.to_owned());
        }
        (is_known, is_full)
    };
    if !is_known && !is_full {
        tracing::warn!(
            member = name,
            "Bedrock sent a member that the schema does not have; it is left out and counted"
        );
    }
    let label = if is_full { "other" } else { name };
    UNKNOWN_MEMBERS.add(1, &[KeyValue::new(names::MEMBER, label.to_owned())]);
}

/// Counts a stream that ended after `messageStop` without `metadata`.
pub(crate) fn count_missing_metadata() {
    MISSING_METADATA.add(1, &[]);
}

static UNKNOWN_COSTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_counter(names::UNKNOWN_COSTS)
        .with_unit("{call}")
        .with_description("Calls whose cost is not known, because of a missing price or a missing usage")
        .build()
});

/// Counts a call whose cost is not known, because the `price` of its model or its `usage` is `missing`.
pub(crate) fn count_unknown_cost(model: &str, missing: &'static str) {
    let labels =
        [KeyValue::new(names::GEN_AI_REQUEST_MODEL, model.to_owned()), KeyValue::new(names::MISSING_FOR_COST, missing)];
    UNKNOWN_COSTS.add(1, &labels);
}

static RELOADS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter.u64_counter(names::CONFIGURATION_RELOADS).with_description("Reloads of the configuration").build()
});

static GENERATION: LazyLock<Gauge<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_gauge(names::CONFIGURATION_GENERATION)
        .with_description("The number of the configuration that applies; the process starts with 1")
        .build()
});

/// Counts a reload of the configuration, and whether the new one applies.
pub(crate) fn count_reload(is_applied: bool) {
    let result = if is_applied { "applied" } else { "rejected" };
    RELOADS.add(1, &[KeyValue::new(names::RESULT, result)]);
}

/// Reports which configuration applies.
pub(crate) fn set_configuration_generation(generation: u64) {
    GENERATION.record(generation, &[]);
}

/// Reports the number of running calls at each export. Autoscalers scale by it.
pub(crate) fn observe_running_calls(running: TaskTracker) {
    let meter = global::meter(names::SCOPE);
    // The meter owns the callback, so the instrument need not be kept.
    let _gauge = meter
        .u64_observable_gauge(names::RUNNING_CALLS)
        .with_unit("{call}")
        .with_description("Calls that the gateway runs now")
        .with_callback(move |observer| observer.observe(running.len() as u64, &[]))
        .build();
}
