//! Exemplars: for each bucket of a histogram of durations the last call whose trace was sampled. The SDK of OpenTelemetry for
//! Rust collects none.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::KeyValue;

/// Maximum number of exemplars. Beyond it, existing series still replace their exemplars, and new series get none.
const MAX_EXEMPLARS: usize = 10_000;

/// A measured value and the trace of its call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exemplar {
    pub(super) trace_id: String,
    pub(super) value: f64,
    pub(super) time: SystemTime,
}

/// A time series: the metric's name and its sorted labels.
type Series = (String, Vec<(String, String)>);

/// The exemplars of a series, with the upper bounds of their buckets to find them by value.
static EXEMPLARS: LazyLock<Mutex<HashMap<Series, Vec<Exemplar>>>> = LazyLock::new(Mutex::default);

/// Keeps `value` as an example of its bucket. `bounds` are the upper bounds of the buckets.
pub(super) fn keep_exemplar(metric: &str, labels: &[KeyValue], bounds: &[f64], value: f64, trace_id: &str) {
    let mut all = EXEMPLARS.lock().unwrap_or_else(PoisonError::into_inner);
    let count: usize = all.len() * bounds.len();
    let series = (metric.to_owned(), sort_labels(labels.iter()));
    if !all.contains_key(&series) && count >= MAX_EXEMPLARS {
        return;
    }
    let exemplars = all.entry(series).or_default();
    let bucket = bucket_of(bounds, value);
    exemplars.retain(|kept| bucket_of(bounds, kept.value) != bucket);
    exemplars.push(Exemplar { trace_id: trace_id.to_owned(), value, time: SystemTime::now() });
}

/// The exemplars of a series.
pub(super) fn find_exemplars(metric: &str, labels: Vec<(String, String)>) -> Vec<Exemplar> {
    let all = EXEMPLARS.lock().unwrap_or_else(PoisonError::into_inner);
    all.get(&(metric.to_owned(), labels)).cloned().unwrap_or_default()
}

/// The position of the bucket of `value`.
pub(super) fn bucket_of(bounds: &[f64], value: f64) -> usize {
    bounds.partition_point(|bound| *bound < value)
}

/// The labels in a fixed order.
pub(super) fn sort_labels<'a>(labels: impl Iterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    let mut labels: Vec<_> = labels.map(|label| (label.key.to_string(), label.value.to_string())).collect();
    labels.sort();
    labels
}
