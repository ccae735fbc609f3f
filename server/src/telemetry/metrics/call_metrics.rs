//! The metrics of calls and of their attempts.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{BoundHistogram, Counter, Histogram};
use opentelemetry::{KeyValue, StringValue};
use tokio::time::Instant;
use tonic::Code;

use super::super::names;
use super::super::spans::is_server_error;
use super::super::status_name::status_name;
use super::super::usage::total_input_tokens;
use super::catalog::{self, Metric};
use super::conventions::conventions;
use super::exemplars::keep_exemplar;
use crate::call::CallRecord;

/// The caller's name of calls that were rejected before it was known.
const UNKNOWN_CALLER: &str = "unknown";

/// Whether metrics are exported or can be scraped. Otherwise nothing is measured.
static IS_MEASURED: AtomicBool = AtomicBool::new(false);

/// Turns the measurement on.
pub(in crate::telemetry) fn enable_metrics() {
    IS_MEASURED.store(true, Ordering::Relaxed);
}

/// Whether metrics are exported or can be scraped.
pub(super) fn is_measured() -> bool {
    IS_MEASURED.load(Ordering::Relaxed)
}

/// A histogram that keeps exemplars.
struct Durations {
    metric: Metric,
    bounds: Vec<f64>,
    histogram: Histogram<f64>,
}

impl Durations {
    fn new(metric: Metric) -> Self {
        Self { histogram: metric.histogram(), bounds: metric.bounds(), metric }
    }

    fn record(&self, duration: Duration, labels: &[KeyValue], trace_id: Option<&str>) {
        let seconds = duration.as_secs_f64();
        self.histogram.record(seconds, labels);
        if let Some(trace_id) = trace_id {
            keep_exemplar(self.metric.name, labels, &self.bounds, seconds, trace_id);
        }
    }
}

struct Instruments {
    call_duration: Durations,
    inference_duration: Durations,
    embeddings_duration: Durations,
    operation_duration: Durations,
    time_to_first_chunk: Histogram<f64>,
    time_per_output_chunk: Histogram<f64>,
    input_tokens: Counter<u64>,
    output_tokens: Counter<u64>,
    cache_read_tokens: Counter<u64>,
    cache_write_tokens: Counter<u64>,
    input_tokens_per_call: Histogram<u64>,
    output_tokens_per_call: Histogram<u64>,
    embedded_tokens_per_call: Histogram<u64>,
    calls: Counter<u64>,
    rejected: Counter<u64>,
    overhead: Histogram<f64>,
    queue_time: Histogram<f64>,
    attempt_duration: Histogram<f64>,
    cost: Counter<u64>,
    retries: Counter<u64>,
    old_call_duration: Histogram<f64>,
    old_token_usage: Histogram<u64>,
    old_time_to_first_chunk: Histogram<f64>,
    old_time_per_output_chunk: Histogram<f64>,
}

/// The first use must come after the start of the exporters. Instruments that are created earlier never
/// export anything.
static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| Instruments {
    call_duration: Durations::new(catalog::RPC_SERVER_CALL_DURATION),
    inference_duration: Durations::new(catalog::INFERENCE_DURATION),
    embeddings_duration: Durations::new(catalog::EMBEDDINGS_DURATION),
    operation_duration: Durations::new(catalog::OPERATION_DURATION),
    time_to_first_chunk: catalog::TIME_TO_FIRST_CHUNK.histogram(),
    time_per_output_chunk: catalog::TIME_PER_OUTPUT_CHUNK.histogram(),
    input_tokens: catalog::INPUT_TOKENS.counter(),
    output_tokens: catalog::OUTPUT_TOKENS.counter(),
    cache_read_tokens: catalog::CACHE_READ_TOKENS.counter(),
    cache_write_tokens: catalog::CACHE_WRITE_TOKENS.counter(),
    input_tokens_per_call: catalog::INPUT_TOKENS_PER_CALL.number_histogram(),
    output_tokens_per_call: catalog::OUTPUT_TOKENS_PER_CALL.number_histogram(),
    embedded_tokens_per_call: catalog::EMBEDDED_TOKENS_PER_CALL.number_histogram(),
    calls: catalog::CALLS.counter(),
    rejected: catalog::REJECTED_CALLS.counter(),
    overhead: catalog::OVERHEAD.histogram(),
    queue_time: catalog::QUEUE_TIME.histogram(),
    attempt_duration: catalog::ATTEMPT_DURATION.histogram(),
    cost: catalog::COST.counter(),
    retries: catalog::RETRIES.counter(),
    old_call_duration: catalog::OLD_RPC_DURATION.histogram(),
    old_token_usage: catalog::OLD_TOKEN_USAGE.number_histogram(),
    old_time_to_first_chunk: catalog::OLD_TIME_TO_FIRST_CHUNK.histogram(),
    old_time_per_output_chunk: catalog::OLD_TIME_PER_OUTPUT_CHUNK.histogram(),
});

/// Measures a call that has finished after `elapsed`. `trace_id` is that of its trace, if it is sampled.
pub(crate) fn measure_call(code: Code, record: &CallRecord, elapsed: Duration, trace_id: Option<&str>) {
    if !is_measured() {
        return;
    }
    let reason = record.failure.as_ref().map(|failure| StringValue::from(failure.reason.clone()));
    let error = (code != Code::Ok).then(|| reason.clone().unwrap_or_else(|| status_name(code).into()));
    measure_rpc(code, record, elapsed, trace_id, error.clone());
    measure_gateway(code, record, error.clone());
    if let Some((operation, start)) = record.model_work {
        measure_operation(operation, record, elapsed.saturating_sub(start), trace_id, error);
    }
}

/// The metrics of the RPC conventions.
fn measure_rpc(code: Code, record: &CallRecord, elapsed: Duration, trace_id: Option<&str>, error: Option<StringValue>) {
    let rpc = conventions().rpc;
    if rpc.new {
        let mut labels = vec![
            KeyValue::new(names::RPC_SYSTEM_NAME, names::GRPC),
            KeyValue::new(names::RPC_METHOD, record.method),
            KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, status_name(code)),
        ];
        labels.extend(error.filter(|_| is_server_error(code)).map(|error| KeyValue::new(names::ERROR_TYPE, error)));
        INSTRUMENTS.call_duration.record(elapsed, &labels, trace_id);
    }
    if rpc.old {
        let (service, method) = record.method.split_once('/').unwrap_or((record.method, record.method));
        let labels = [
            KeyValue::new(names::RPC_SYSTEM, names::GRPC),
            KeyValue::new(names::RPC_SERVICE, service),
            KeyValue::new(names::RPC_METHOD, method),
            KeyValue::new(names::RPC_GRPC_STATUS_CODE, code as i64),
        ];
        INSTRUMENTS.old_call_duration.record(elapsed.as_secs_f64() * 1000.0, &labels);
    }
}

/// The gateway's own metrics.
fn measure_gateway(code: Code, record: &CallRecord, error: Option<StringValue>) {
    let method = KeyValue::new(names::RPC_METHOD, record.method);
    let mut labels = vec![caller_label(record)];
    labels.extend(model_label(record));
    if let Some(cost) = record.cost {
        let target = record.target_label().map(|target| KeyValue::new(names::TARGET, target));
        let labels: Vec<_> = labels.iter().cloned().chain(region_label(record)).chain(target).collect();
        INSTRUMENTS.cost.add(cost, &labels);
    }
    labels.extend(error.map(|error| KeyValue::new(names::ERROR_TYPE, error)));
    if code != Code::Ok && code != Code::Cancelled && record.context.attempts == 0 {
        INSTRUMENTS.rejected.add(1, &labels);
    }
    labels.extend([method.clone(), KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, status_name(code))]);
    INSTRUMENTS.calls.add(1, &labels);
    let waits = record.waits;
    INSTRUMENTS.queue_time.record(waits.queue.as_secs_f64(), std::slice::from_ref(&method));
    if let Some(responded) = record.responded {
        let overhead = responded.saturating_sub(waits.caller + waits.queue + waits.bedrock);
        INSTRUMENTS.overhead.record(overhead.as_secs_f64(), &[method]);
    }
}

/// The metrics of the GenAI conventions.
fn measure_operation(
    operation: &'static str,
    record: &CallRecord,
    duration: Duration,
    trace_id: Option<&str>,
    error: Option<StringValue>,
) {
    let gen_ai = conventions().gen_ai;
    let instruments = &*INSTRUMENTS;
    let mut labels = operation_labels(operation, record);
    measure_tokens(operation, record, &labels);
    labels.extend(error.map(|error| KeyValue::new(names::ERROR_TYPE, error)));
    let newest = match operation {
        names::CHAT | names::GENERATE_CONTENT => &instruments.inference_duration,
        names::EMBEDDINGS => &instruments.embeddings_duration,
        _ => &instruments.operation_duration,
    };
    if gen_ai.new {
        newest.record(duration, &labels, trace_id);
    }
    // The older conventions have one metric for all operations. An operation that still uses that metric is
    // not counted twice.
    let is_counted = gen_ai.new && std::ptr::eq(newest, &raw const instruments.operation_duration);
    if gen_ai.old && !is_counted {
        instruments.operation_duration.record(duration, &labels, trace_id);
    }
}

fn measure_tokens(operation: &'static str, record: &CallRecord, labels: &[KeyValue]) {
    let Some(usage) = &record.usage else { return };
    let gen_ai = conventions().gen_ai;
    let instruments = &*INSTRUMENTS;
    let to_count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let input = u64::try_from(total_input_tokens(usage)).ok();
    let output = to_count(usage.output_tokens);
    if gen_ai.new {
        let mut with_caller = labels.to_vec();
        with_caller.extend([KeyValue::new(names::GEN_AI_TOKEN_MODALITY, names::UNKNOWN), caller_label(record)]);
        for (counter, tokens) in [
            (&instruments.input_tokens, input),
            (&instruments.output_tokens, output),
            (&instruments.cache_read_tokens, to_count(usage.cache_read_input_tokens)),
            (&instruments.cache_write_tokens, to_count(usage.cache_write_input_tokens)),
        ] {
            if let Some(tokens) = tokens {
                counter.add(tokens, &with_caller);
            }
        }
        if operation == names::EMBEDDINGS {
            instruments.embedded_tokens_per_call.record(input.unwrap_or_default(), labels);
        } else {
            instruments.input_tokens_per_call.record(input.unwrap_or_default(), labels);
            instruments.output_tokens_per_call.record(output.unwrap_or_default(), labels);
        }
    }
    if gen_ai.old {
        for (kind, tokens) in [("input", input), ("output", output)] {
            if let Some(tokens) = tokens {
                let mut labels = labels.to_vec();
                labels.push(KeyValue::new(names::GEN_AI_TOKEN_TYPE, kind));
                instruments.old_token_usage.record(tokens, &labels);
            }
        }
    }
}

/// Measures an attempt that took `duration`. `error` is the reason of its failure.
pub(crate) fn measure_attempt(record: &CallRecord, duration: Duration, error: Option<&'static str>) {
    if is_measured() {
        INSTRUMENTS.attempt_duration.record(duration.as_secs_f64(), &attempt_labels(record, error));
    }
}

/// Counts a retry after an attempt that failed because of `error`.
pub(crate) fn count_retry(record: &CallRecord, error: &'static str) {
    if is_measured() {
        INSTRUMENTS.retries.add(1, &attempt_labels(record, Some(error)));
    }
}

/// Measures the time between the events of one stream.
#[derive(Debug)]
pub(crate) struct ChunkTimer {
    last: Instant,
    histograms: Vec<BoundHistogram<f64>>,
}

impl ChunkTimer {
    /// Starts with the first event of a stream, `elapsed` after the start of its call. `None` if nothing is measured.
    pub(crate) fn start(record: &CallRecord, elapsed: Duration) -> Option<Self> {
        let (operation, start) = record.model_work.filter(|_| is_measured())?;
        let labels = operation_labels(operation, record);
        let gen_ai = conventions().gen_ai;
        let instruments = &*INSTRUMENTS;
        let mut histograms = Vec::with_capacity(1);
        for (is_used, first, next) in [
            (gen_ai.new, &instruments.time_to_first_chunk, &instruments.time_per_output_chunk),
            (gen_ai.old, &instruments.old_time_to_first_chunk, &instruments.old_time_per_output_chunk),
        ] {
            if is_used {
                first.record(elapsed.saturating_sub(start).as_secs_f64(), &labels);
                histograms.push(next.bind(&labels));
            }
        }
        Some(Self { last: Instant::now(), histograms })
    }

    /// Measures the time since the event before.
    pub(crate) fn record_event(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(std::mem::replace(&mut self.last, now)).as_secs_f64();
        self.histograms.iter().for_each(|histogram| histogram.record(seconds));
    }
}

fn operation_labels(operation: &'static str, record: &CallRecord) -> Vec<KeyValue> {
    // There is room for the labels that some metrics add.
    let mut labels = Vec::with_capacity(6);
    labels.extend([
        KeyValue::new(names::GEN_AI_OPERATION_NAME, operation),
        KeyValue::new(names::GEN_AI_PROVIDER_NAME, names::AWS_BEDROCK),
    ]);
    labels.extend(model_label(record));
    labels.extend(region_label(record));
    labels
}

fn attempt_labels(record: &CallRecord, error: Option<&'static str>) -> Vec<KeyValue> {
    let labels = model_label(record).into_iter().chain(region_label(record));
    labels.chain(error.map(|error| KeyValue::new(names::ERROR_TYPE, error))).collect()
}

fn model_label(record: &CallRecord) -> Option<KeyValue> {
    record.model.as_ref().map(|model| KeyValue::new(names::GEN_AI_REQUEST_MODEL, model.value()))
}

fn region_label(record: &CallRecord) -> Option<KeyValue> {
    record.region.clone().map(|region| KeyValue::new(names::CLOUD_REGION, region))
}

/// The caller's name. The configuration bounds the number of callers.
fn caller_label(record: &CallRecord) -> KeyValue {
    KeyValue::new(names::CALLER, record.caller_name.clone().unwrap_or_else(|| UNKNOWN_CALLER.into()))
}
