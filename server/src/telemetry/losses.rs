//! Counts what the telemetry has lost: log lines that could not be written, and spans that could not be exported.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::metrics::catalog;
use super::names;

/// Time between two checks of the counts.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum time between two warnings about losses.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LostData {
    /// Lines of the log.
    LogLines,
    /// Spans.
    Spans,
}

/// Reads a count.
type Count = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The functions that read the counts. Each part of the telemetry registers its own when it starts.
static COUNTS: Mutex<BTreeMap<LostData, Count>> = Mutex::new(BTreeMap::new());

impl LostData {
    /// The value of the metric's label.
    fn label(self) -> &'static str {
        match self {
            Self::LogLines => "log_lines",
            Self::Spans => "spans",
        }
    }
}

/// Reads the losses of `data` from `count` from now on.
pub(super) fn observe_losses(data: LostData, count: impl Fn() -> u64 + Send + Sync + 'static) {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner).insert(data, Arc::new(count));
}

/// Warns about new losses, once a minute, and reports all of them in a metric, for as long as it is polled. It never resolves.
pub(crate) async fn report_losses() {
    let metric = catalog::LOST_TELEMETRY;
    let _counter = catalog::meter()
        .u64_observable_counter(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_callback(|observer| {
            for (data, count) in read_counts() {
                observer.observe(count, &[KeyValue::new(names::LOST_DATA, data.label())]);
            }
        })
        .build();
    let mut reported = BTreeMap::new();
    let mut last_warning: Option<Instant> = None;
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let counts = read_counts();
        if counts == reported || last_warning.is_some_and(|last| last.elapsed() < WARNING_INTERVAL) {
            continue;
        }
        let new = |data| {
            let count = |counts: &BTreeMap<_, u64>| counts.get(&data).copied().unwrap_or(0);
            count(&counts) - count(&reported)
        };
        let (log_lines, spans) = (new(LostData::LogLines), new(LostData::Spans));
        if log_lines + spans > 0 {
            tracing::warn!(
                log_lines,
                spans,
                "telemetry was lost: nobody reads the log, or the collector does not respond"
            );
            last_warning = Some(Instant::now());
        }
        reported = counts;
    }
}

fn read_counts() -> BTreeMap<LostData, u64> {
    // The functions run without the lock.
    let counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    counts.into_iter().map(|(data, count)| (data, count())).collect()
}
