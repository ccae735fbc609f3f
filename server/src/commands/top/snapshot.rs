//! The content of one scrape of the admin port.

use std::collections::BTreeMap;
use std::time::Instant;

use super::exposition::{Sample, parse_samples};

/// Counters at one time. They only grow while the gateway runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Totals {
    /// Finished calls.
    pub(super) calls: f64,
    /// Finished calls with another status than OK.
    pub(super) failed: f64,
    /// Calls that failed before a request was sent to Bedrock.
    pub(super) rejected: f64,
    /// Input tokens, cached ones included.
    pub(super) input_tokens: f64,
    /// Output tokens.
    pub(super) output_tokens: f64,
    /// The cost in nano-dollars.
    pub(super) cost: f64,
}

/// The cumulative counts of a histogram by upper bound, in ascending order. The last bound is infinite.
pub(super) type Buckets = Vec<(f64, f64)>;

/// The content of one scrape.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When the response arrived.
    pub(super) at: Instant,
    /// The counters by model.
    pub(super) models: BTreeMap<String, Totals>,
    /// The counters by caller.
    pub(super) callers: BTreeMap<String, Totals>,
    /// Times to the first event of streams, by model.
    pub(super) first_event: BTreeMap<String, Buckets>,
    /// Calls that run.
    pub(super) in_flight: f64,
    /// The calls that run. `None` if the gateway does not list them.
    pub(super) running: Option<Vec<RunningCall>>,
}

/// A call that runs, as `/calls` lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(super) struct RunningCall {
    /// The caller. Without configured callers it is absent here, and the metrics have the name `anonymous`.
    pub(super) caller: Option<String>,
    /// The model as the caller wrote it, if the call has one.
    pub(super) model: Option<String>,
}

const MODEL: &str = "gen_ai_request_model";
const CALLER: &str = "bedrock_grpc_caller";

impl Snapshot {
    /// Reads the body of `/metrics`.
    pub(super) fn new(metrics: &str, running: Option<Vec<RunningCall>>, at: Instant) -> Self {
        let mut snapshot = Self {
            at,
            models: BTreeMap::new(),
            callers: BTreeMap::new(),
            first_event: BTreeMap::new(),
            in_flight: 0.0,
            running,
        };
        for sample in parse_samples(metrics) {
            snapshot.add(&sample);
        }
        for buckets in snapshot.first_event.values_mut() {
            buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        }
        snapshot
    }

    fn add(&mut self, sample: &Sample) {
        let value = sample.value;
        match sample.name.as_str() {
            "bedrock_grpc_calls_running" => self.in_flight = value,
            "bedrock_grpc_calls_total" => self.count(sample, |totals| {
                totals.calls += value;
                if sample.label("rpc_response_status_code") != "OK" {
                    totals.failed += value;
                }
            }),
            "bedrock_grpc_calls_rejected_total" => self.count(sample, |totals| totals.rejected += value),
            "gen_ai_client_inference_usage_input_tokens_total" => {
                self.count(sample, |totals| totals.input_tokens += value);
            }
            "gen_ai_client_inference_usage_output_tokens_total" => {
                self.count(sample, |totals| totals.output_tokens += value);
            }
            "bedrock_grpc_cost_total" => self.count(sample, |totals| totals.cost += value),
            "gen_ai_client_inference_time_to_first_chunk_seconds_bucket" => {
                let Ok(bound) = sample.label("le").parse() else { return };
                let buckets = self.first_event.entry(sample.label(MODEL).to_owned()).or_default();
                // The values of series that differ only in other labels, such as the Region, are added up.
                match buckets.iter_mut().find(|(known, _)| *known == bound) {
                    Some((_, count)) => *count += value,
                    None => buckets.push((bound, value)),
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, sample: &Sample, change: impl Fn(&mut Totals)) {
        change(self.models.entry(sample.label(MODEL).to_owned()).or_default());
        change(self.callers.entry(sample.label(CALLER).to_owned()).or_default());
    }
}
