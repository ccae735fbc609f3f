//! What changed between two scrapes: rates, and the quantiles of the time to the first event.

use std::collections::BTreeMap;

use serde::Serialize;

use super::snapshot::{Buckets, RunningCall, Snapshot, Totals};
use crate::callers::ANONYMOUS;

/// What is shown. All rates are per second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct View {
    /// All calls together.
    pub(super) total: Row,
    /// By model, the most used one first.
    pub(super) models: Vec<Row>,
    /// By caller, the most active one first.
    pub(super) callers: Vec<Row>,
}

/// The numbers of a model, of a caller, or of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Row {
    /// The model or the caller. Empty for the gateway, and for calls that have none.
    pub(super) name: String,
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
    /// The cost in dollars per hour, at this rate.
    pub(super) dollars_per_hour: f64,
    /// Calls that run now. `None` if the gateway does not report them.
    pub(super) in_flight: Option<f64>,
    /// The median of the time to the first event of a stream, in seconds.
    pub(super) first_event_p50: Option<f64>,
    /// The 99th percentile.
    pub(super) first_event_p99: Option<f64>,
}

impl View {
    /// The rates between `before` and `now`, and the quantiles since `oldest`.
    pub(super) fn new(oldest: &Snapshot, before: &Snapshot, now: &Snapshot) -> Self {
        let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
        let quantiles = |model: &str| {
            let buckets = now.first_event.get(model).map(|new| subtract(new, oldest.first_event.get(model)));
            buckets.unwrap_or_default()
        };
        let mut all: Buckets = Vec::new();
        for model in now.first_event.keys() {
            add(&mut all, &quantiles(model));
        }
        let sum = now.models.iter().map(|(name, totals)| difference(totals, before.models.get(name)));
        let mut total = Row::new("", sum.fold(Totals::default(), plus), seconds, &all);
        total.in_flight = Some(now.in_flight);
        let models = to_rows(&now.models, &before.models, seconds, quantiles, now.running.as_deref(), |call| {
            call.model.as_deref().unwrap_or_default()
        });
        let none = |_: &str| Vec::new();
        let callers = to_rows(&now.callers, &before.callers, seconds, none, now.running.as_deref(), |call| {
            call.caller.as_deref().unwrap_or(ANONYMOUS)
        });
        Self { total, models, callers }
    }
}

impl Row {
    fn new(name: &str, change: Totals, seconds: f64, buckets: &Buckets) -> Self {
        Self {
            name: name.to_owned(),
            calls: change.calls / seconds,
            failed: change.failed / seconds,
            rejected: change.rejected / seconds,
            input_tokens: change.input_tokens / seconds,
            output_tokens: change.output_tokens / seconds,
            dollars_per_hour: change.cost / seconds * 3600.0 / 1e9,
            in_flight: None,
            first_event_p50: find_quantile(buckets, 0.5),
            first_event_p99: find_quantile(buckets, 0.99),
        }
    }
}

fn to_rows<'a>(
    now: &BTreeMap<String, Totals>,
    before: &BTreeMap<String, Totals>,
    seconds: f64,
    buckets: impl Fn(&str) -> Buckets,
    running: Option<&'a [RunningCall]>,
    name_of: impl Fn(&'a RunningCall) -> &'a str,
) -> Vec<Row> {
    let mut rows: Vec<Row> = now
        .iter()
        .map(|(name, totals)| {
            let mut row = Row::new(name, difference(totals, before.get(name)), seconds, &buckets(name));
            let count = |calls: &'a [RunningCall]| calls.iter().filter(|call| name_of(call) == name).count();
            row.in_flight = running.map(|calls| count(calls) as f64);
            row
        })
        .collect();
    // Rows with the same rate keep the order of their names.
    rows.sort_by(|one, other| (other.calls + other.rejected).total_cmp(&(one.calls + one.rejected)));
    rows
}

/// The growth of a counter. A counter that is smaller than before started again from zero.
fn growth(now: f64, before: f64) -> f64 {
    if now >= before { now - before } else { now }
}

fn difference(now: &Totals, before: Option<&Totals>) -> Totals {
    let before = before.copied().unwrap_or_default();
    Totals {
        calls: growth(now.calls, before.calls),
        failed: growth(now.failed, before.failed),
        rejected: growth(now.rejected, before.rejected),
        input_tokens: growth(now.input_tokens, before.input_tokens),
        output_tokens: growth(now.output_tokens, before.output_tokens),
        cost: growth(now.cost, before.cost),
    }
}

fn plus(one: Totals, other: Totals) -> Totals {
    Totals {
        calls: one.calls + other.calls,
        failed: one.failed + other.failed,
        rejected: one.rejected + other.rejected,
        input_tokens: one.input_tokens + other.input_tokens,
        output_tokens: one.output_tokens + other.output_tokens,
        cost: one.cost + other.cost,
    }
}

fn subtract(now: &Buckets, before: Option<&Buckets>) -> Buckets {
    let count_before = |bound: f64| {
        before.and_then(|before| before.iter().find(|(known, _)| *known == bound)).map_or(0.0, |(_, count)| *count)
    };
    now.iter().map(|(bound, count)| (*bound, growth(*count, count_before(*bound)))).collect()
}

fn add(sum: &mut Buckets, more: &Buckets) {
    for (bound, count) in more {
        match sum.iter_mut().find(|(known, _)| known == bound) {
            Some((_, known)) => *known += count,
            None => sum.push((*bound, *count)),
        }
    }
}

/// The quantile by linear interpolation within a bucket, as Prometheus' `histogram_quantile` has it. `None` without values.
fn find_quantile(buckets: &Buckets, quantile: f64) -> Option<f64> {
    let total = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let rank = quantile * total;
    let mut lower = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            let (start, below) = lower;
            // Values above the last finite bound are at least that bound.
            return Some(if bound.is_infinite() {
                start
            } else {
                start + (bound - start) * (rank - below) / (count - below).max(f64::MIN_POSITIVE)
            });
        }
        lower = (*bound, *count);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn metrics(calls: u32, failed: u32, tokens: u32) -> String {
        format!(
            "bedrock_grpc_calls_running 3\n\
             bedrock_grpc_calls_total{{bedrock_grpc_caller=\"web\",gen_ai_request_model=\"a\",rpc_response_status_code=\"OK\"}} {calls}\n\
             bedrock_grpc_calls_total{{bedrock_grpc_caller=\"batch\",gen_ai_request_model=\"a\",rpc_response_status_code=\"UNAVAILABLE\"}} {failed}\n\
             bedrock_grpc_calls_rejected_total{{bedrock_grpc_caller=\"web\",gen_ai_request_model=\"b\"}} {failed}\n\
             gen_ai_client_inference_usage_output_tokens_total{{bedrock_grpc_caller=\"web\",gen_ai_request_model=\"a\"}} {tokens}\n\
             bedrock_grpc_cost_total{{bedrock_grpc_caller=\"web\",gen_ai_request_model=\"a\"}} {tokens}000000\n\
             gen_ai_client_inference_time_to_first_chunk_seconds_bucket{{gen_ai_request_model=\"a\",le=\"1\"}} {calls}\n\
             gen_ai_client_inference_time_to_first_chunk_seconds_bucket{{gen_ai_request_model=\"a\",le=\"+Inf\"}} {calls}\n"
        )
    }

    #[test]
    fn rates_are_differences_over_time_by_model_and_caller() {
        let start = Instant::now();
        let before = Snapshot::new(&metrics(10, 0, 0), None, start);
        let running = vec![RunningCall { caller: Some("web".to_owned()), model: Some("a".to_owned()) }];
        let now = Snapshot::new(&metrics(30, 4, 500), Some(running), start + Duration::from_secs(2));
        let view = View::new(&before, &before, &now);
        assert_eq!((view.total.calls, view.total.failed, view.total.rejected), (12.0, 2.0, 2.0));
        assert_eq!((view.total.output_tokens, view.total.in_flight), (250.0, Some(3.0)));
        assert!((view.total.dollars_per_hour - 900.0).abs() < 1e-6, "{}", view.total.dollars_per_hour);
        assert_eq!((view.total.first_event_p50, view.total.first_event_p99), (Some(0.5), Some(0.99)));
        let names = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&view.models), names(&view.callers)),
            (vec!["a".into(), "b".into()], vec!["web".into(), "batch".into()])
        );
        assert_eq!((view.models[0].in_flight, view.callers[1].in_flight), (Some(1.0), Some(0.0)));
        assert_eq!(view.callers[0].first_event_p50, None);
    }

    #[test]
    fn counters_of_a_restarted_gateway_start_from_zero() {
        let start = Instant::now();
        let before = Snapshot::new(&metrics(1000, 0, 0), None, start);
        let now = Snapshot::new(&metrics(5, 0, 0), None, start + Duration::from_secs(1));
        assert_eq!(View::new(&before, &before, &now).total.calls, 5.0);
    }

    #[test]
    fn quantiles_are_interpolated_in_a_bucket() {
        let buckets = vec![(0.1, 0.0), (0.2, 50.0), (0.4, 90.0), (f64::INFINITY, 100.0)];
        let rounded = |quantile| (find_quantile(&buckets, quantile).unwrap() * 1000.0).round();
        assert_eq!((rounded(0.5), rounded(0.7), rounded(0.99)), (200.0, 300.0, 400.0));
        assert_eq!(find_quantile(&vec![(f64::INFINITY, 0.0)], 0.5), None);
        assert_eq!(find_quantile(&Vec::new(), 0.5), None);
    }
}
