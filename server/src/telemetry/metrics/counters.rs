//! Counters of data that the caller did not get, and of reloads.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, StringValue};

use super::super::names;
use super::catalog;

/// Maximum number of member names that become metric labels. Bedrock chooses the names, and the number of labels must be
/// bounded. Further names count as `other`.
const MAX_MEMBER_LABELS: usize = 200;

static UNKNOWN_MEMBERS: LazyLock<Counter<u64>> = LazyLock::new(|| catalog::UNKNOWN_MEMBERS.counter());

static MISSING_METADATA: LazyLock<Counter<u64>> = LazyLock::new(|| catalog::MISSING_METADATA.counter());

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

static UNKNOWN_COSTS: LazyLock<Counter<u64>> = LazyLock::new(|| catalog::UNKNOWN_COSTS.counter());

/// Counts a call whose cost is not known, because the `price` of its model or its `usage` is `missing`.
pub(crate) fn count_unknown_cost(model: StringValue, missing: &'static str) {
    let labels = [KeyValue::new(names::GEN_AI_REQUEST_MODEL, model), KeyValue::new(names::MISSING_FOR_COST, missing)];
    UNKNOWN_COSTS.add(1, &labels);
}

static RELOADS: LazyLock<Counter<u64>> = LazyLock::new(|| catalog::CONFIGURATION_RELOADS.counter());

static GENERATION: LazyLock<Gauge<u64>> = LazyLock::new(|| catalog::CONFIGURATION_GENERATION.gauge());

/// Exports zeros for the counters of rare events, because an alert on a rate needs a value from before the first event.
pub(in crate::telemetry) fn start_at_zero() {
    MISSING_METADATA.add(0, &[]);
    for result in ["applied", "rejected"] {
        RELOADS.add(0, &[KeyValue::new(names::RESULT, result)]);
    }
}

/// Counts a reload of the configuration, and whether the new one applies.
pub(crate) fn count_reload(is_applied: bool) {
    let result = if is_applied { "applied" } else { "rejected" };
    RELOADS.add(1, &[KeyValue::new(names::RESULT, result)]);
}

/// Reports which configuration applies.
pub(crate) fn set_configuration_generation(generation: u64) {
    GENERATION.record(generation, &[]);
}
