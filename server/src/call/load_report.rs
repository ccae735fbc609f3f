//! Load reports for clients that balance by the servers' load (ORCA), in the trailers of each call.
//! <https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md>,
//! <https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;
use http::{HeaderMap, HeaderValue};
use prost::Message as _;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::metadata::{BinaryMetadataKey, MetadataMap, MetadataValue};

/// The trailer that carries the report of a call.
const TRAILER: &str = "endpoint-load-metrics-bin";

/// The time over which finished calls per second are measured. grpc-go's weighted round robin updates its weights every second and
/// does not smooth them.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// The part of `xds.data.orca.v3.OrcaLoadReport` that a gateway of model calls can state. The field numbers are those of the
/// standard.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OrcaLoadReport {
    /// Costs of this call: `input_tokens` and `output_tokens`.
    #[prost(map = "string, double", tag = "4")]
    pub(crate) request_cost: HashMap<String, f64>,
    /// Finished calls per second.
    #[prost(double, tag = "6")]
    pub(crate) rps_fractional: f64,
    /// Running calls relative to the capacity. More than 1 is allowed.
    #[prost(double, tag = "9")]
    pub(crate) application_utilization: f64,
}

/// Measures the load of the gateway. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LoadReporter {
    capacity: f64,
    running: TaskTracker,
    rate: Arc<Mutex<CallRate>>,
}

/// Finished calls per second: of the last complete window, or of the first one so far.
#[derive(Debug)]
struct CallRate {
    window_start: Instant,
    finished: u32,
    last: Option<f64>,
}

impl LoadReporter {
    /// Reports `running` calls relative to `capacity` calls.
    #[must_use]
    pub(crate) fn new(capacity: u32, running: TaskTracker) -> Self {
        let rate = CallRate { window_start: Instant::now(), finished: 0, last: None };
        Self { capacity: f64::from(capacity), running, rate: Arc::new(Mutex::new(rate)) }
    }

    /// The load of the gateway now, without costs of a call.
    #[must_use]
    pub(crate) fn report(&self) -> OrcaLoadReport {
        OrcaLoadReport {
            request_cost: HashMap::new(),
            rps_fractional: self.rate.lock().unwrap_or_else(PoisonError::into_inner).per_second(),
            application_utilization: self.running.len() as f64 / self.capacity,
        }
    }

    /// Counts a finished call and writes its report into `trailers`.
    pub(super) fn insert_report(&self, usage: Option<&TokenUsage>, trailers: &mut HeaderMap) {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner).finished += 1;
        let mut report = self.report();
        for (name, tokens) in [
            ("input_tokens", usage.and_then(|usage| usage.input_tokens)),
            ("output_tokens", usage.and_then(|usage| usage.output_tokens)),
        ] {
            if let Some(tokens) = tokens {
                report.request_cost.insert(name.to_owned(), f64::from(tokens));
            }
        }
        // tonic knows how a binary value is written.
        let mut metadata = MetadataMap::new();
        metadata
            .insert_bin(BinaryMetadataKey::from_static(TRAILER), MetadataValue::from_bytes(&report.encode_to_vec()));
        let mut headers: HeaderMap<HeaderValue> = metadata.into_headers();
        if let Some(value) = headers.remove(TRAILER) {
            trailers.insert(TRAILER, value);
        }
    }
}

impl CallRate {
    fn per_second(&mut self) -> f64 {
        let elapsed = self.window_start.elapsed();
        if elapsed >= RATE_WINDOW {
            self.last = Some(f64::from(self.finished) / elapsed.as_secs_f64());
            self.window_start = Instant::now();
            self.finished = 0;
        }
        // In the first second, the number of calls is not divided by the elapsed time, because one early call would give a
        // very high rate.
        self.last.unwrap_or_else(|| f64::from(self.finished) / elapsed.as_secs_f64().max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::LoadReporter;

    #[tokio::test(start_paused = true)]
    async fn utilization_is_running_calls_over_capacity_and_rate_is_finished_calls_per_second() {
        let running = TaskTracker::new();
        let reporter = LoadReporter::new(4, running.clone());
        let (_first, _second) = (running.token(), running.token());
        let mut trailers = http::HeaderMap::new();
        for _ in 0..10 {
            reporter.insert_report(None, &mut trailers);
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        let report = reporter.report();
        assert_eq!((report.application_utilization, report.rps_fractional), (0.5, 2.0));
        assert!(trailers.contains_key("endpoint-load-metrics-bin"));
        // The first window has ended, and no call has finished in the second one.
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(reporter.report().rps_fractional, 0.0);
    }
}
