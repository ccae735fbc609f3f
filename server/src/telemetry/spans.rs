//! The spans of a call: a SERVER span for the RPC, a CLIENT span for the model over all attempts, and a child span for each
//! attempt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, StringValue, Value};
use tonic::Code;

use super::metrics::conventions;
use super::names;
use super::status_name::status_name;
use super::usage::total_input_tokens;
use crate::call::CallRecord;

/// Minimum wait that becomes an event. A shorter wait is the usual time until a thread is free.
const NOTICEABLE_WAIT: Duration = Duration::from_millis(1);

/// Whether spans are exported. Without an exporter no span is created.
static IS_EXPORTED: AtomicBool = AtomicBool::new(false);

/// Creates spans from now on. The exporter calls it.
pub(super) fn enable_spans() {
    IS_EXPORTED.store(true, Ordering::Relaxed);
}

/// The spans of one call. Empty without an exporter.
#[derive(Default)]
pub(crate) struct CallSpans {
    server: Option<Context>,
    client: OnceLock<Context>,
}

impl CallSpans {
    /// Starts the SERVER span, as a child of the caller's `traceparent`.
    pub(crate) fn start(method: &str, headers: &HeaderMap) -> Self {
        if !IS_EXPORTED.load(Ordering::Relaxed) {
            return Self::default();
        }
        let parent =
            global::get_text_map_propagator(|p| p.extract_with_context(&Context::new(), &HeaderExtractor(headers)));
        // Samplers see only the attributes that are there at the start.
        let mut attributes = Vec::with_capacity(4);
        if conventions().rpc.new {
            attributes.extend([
                KeyValue::new(names::RPC_SYSTEM_NAME, names::GRPC),
                KeyValue::new(names::RPC_METHOD, method.to_owned()),
            ]);
        }
        if conventions().rpc.old {
            attributes.push(KeyValue::new(names::RPC_SYSTEM, names::GRPC));
            attributes.extend(
                method.split_once('/').map(|(service, _)| KeyValue::new(names::RPC_SERVICE, service.to_owned())),
            );
        }
        let span = SpanBuilder::from_name(method.to_owned()).with_kind(SpanKind::Server).with_attributes(attributes);
        Self { server: Some(start_span(span, &parent)), client: OnceLock::new() }
    }

    /// Sets the caller's name on the SERVER span.
    pub(crate) fn set_caller(&self, name: &str) {
        if let Some(server) = &self.server {
            server.span().set_attribute(KeyValue::new(names::CALLER, name.to_owned()));
        }
    }

    /// Records on the SERVER span that the call has waited for a thread, for memory or for its turn.
    pub(crate) fn record_queue(&self, waited: Duration) {
        if let Some(server) = self.server.as_ref().filter(|_| waited >= NOTICEABLE_WAIT) {
            let wait = KeyValue::new(names::WAIT, waited.as_secs_f64());
            server.span().add_event(names::QUEUE_EVENT, vec![wait]);
        }
    }

    /// Records on the CLIENT span that the first event, or the complete response, has arrived.
    pub(crate) fn record_first_event(&self) {
        if let Some(client) = self.client.get() {
            client.span().add_event(names::FIRST_EVENT_EVENT, Vec::new());
        }
    }

    /// Records on the CLIENT span that the request is sent again after `delay`, because of the error `reason`.
    pub(crate) fn record_retry(&self, reason: &'static str, delay: Duration) {
        if let Some(client) = self.client.get() {
            let attributes =
                vec![KeyValue::new(names::ERROR_TYPE, reason), KeyValue::new(names::WAIT, delay.as_secs_f64())];
            client.span().add_event(names::RETRY_EVENT, attributes);
        }
    }

    /// Starts the CLIENT span `{operation} {model}`. `is_stream` is true if the response has events. `attributes` returns the
    /// parameters of the request. The parameters never include the prompt.
    pub(crate) fn start_model_span(
        &self,
        operation: &'static str,
        model_id: Option<&str>,
        is_stream: bool,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) {
        let Some(server) = &self.server else { return };
        self.client.get_or_init(|| {
            let name = model_id.map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}"));
            let mut known = vec![
                KeyValue::new(names::GEN_AI_OPERATION_NAME, operation),
                KeyValue::new(names::GEN_AI_PROVIDER_NAME, names::AWS_BEDROCK),
            ];
            known.extend(model_id.map(|model| KeyValue::new(names::GEN_AI_REQUEST_MODEL, model.to_owned())));
            known.extend(is_stream.then(|| KeyValue::new(names::GEN_AI_REQUEST_STREAM, true)));
            let span = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(known);
            let context = start_span(span, server);
            if context.span().is_recording() {
                context.span().set_attributes(attributes());
            }
            context
        });
    }

    /// Starts the span of one attempt in `region`, at the target with the name `target`. The span ends when the returned value is
    /// dropped.
    pub(crate) fn start_attempt(&self, number: u32, region: &str, target: Option<&str>) -> AttemptSpan {
        let Some(parent) = self.client.get().or(self.server.as_ref()) else { return AttemptSpan(None) };
        let attributes =
            [KeyValue::new(names::ATTEMPT, i64::from(number)), KeyValue::new(names::CLOUD_REGION, region.to_owned())];
        let target = target.map(|target| KeyValue::new(names::TARGET_NAME, target.to_owned()));
        let span = SpanBuilder::from_name(format!("attempt {number}"))
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes.into_iter().chain(target));
        AttemptSpan(Some(start_span(span, parent)))
    }

    /// The trace id for the log line. `None` when the trace is not sampled.
    pub(crate) fn trace_id(&self) -> Option<String> {
        let span = self.server.as_ref()?.span();
        span.span_context().is_sampled().then(|| span.span_context().trace_id().to_string())
    }

    /// Ends both spans with the result of the call.
    pub(crate) fn end(&self, code: Code, record: &CallRecord) {
        let Some(server) = &self.server else { return };
        let failure = record.failure.as_ref();
        let error = failure.map(|f| f.reason.clone());
        let text = failure.and_then(|f| f.text.clone()).unwrap_or_default();
        if let Some(client) = self.client.get() {
            let span = client.span();
            if span.is_recording() {
                span.set_attributes(outcome_attributes(code, record));
            }
            if code != Code::Ok {
                span.set_attribute(KeyValue::new(
                    names::ERROR_TYPE,
                    error.clone().unwrap_or_else(|| status_name(code).to_owned()),
                ));
                span.set_status(Status::error(text.clone()));
            }
            span.end();
        }
        let span = server.span();
        if conventions().rpc.new {
            span.set_attribute(KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, status_name(code)));
        }
        if conventions().rpc.old {
            span.set_attribute(KeyValue::new(names::RPC_GRPC_STATUS_CODE, code as i64));
        }
        if is_server_error(code) {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, error.unwrap_or_else(|| status_name(code).to_owned())));
            span.set_status(Status::error(text));
        }
        span.end();
    }
}

/// The span of one attempt. It ends when it is dropped.
pub(crate) struct AttemptSpan(Option<Context>);

impl AttemptSpan {
    /// Marks the attempt as failed for `reason` (`ErrorInfo.reason`).
    pub(crate) fn record_failure(&self, reason: &str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(names::ERROR_TYPE, reason.to_owned()));
            context.span().set_status(Status::error(""));
        }
    }
}

impl Drop for AttemptSpan {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

fn start_span(span: SpanBuilder, parent: &Context) -> Context {
    let tracer: BoxedTracer = global::tracer(names::SCOPE);
    parent.with_span(span.start_with_context(&tracer, parent))
}

fn outcome_attributes(code: Code, record: &CallRecord) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(names::ATTEMPTS, i64::from(record.context.attempts))];
    attributes.extend(record.target_name.as_ref().map(|target| KeyValue::new(names::TARGET_NAME, Arc::clone(target))));
    if let Some(id) = &record.context.request_id {
        attributes.push(KeyValue::new(names::AWS_REQUEST_ID, id.clone()));
    }
    // The conventions define this reason for a stream that ended early.
    let is_cut = code != Code::Ok && record.context.events > 0;
    if let Some(reason) = record.stop_reason.clone().or_else(|| is_cut.then(|| names::CUT_STREAM.to_owned())) {
        let reasons = Value::Array(vec![StringValue::from(reason)].into());
        attributes.push(KeyValue::new(names::GEN_AI_RESPONSE_FINISH_REASONS, reasons));
    }
    attributes.extend(record.cost.map(|cost| KeyValue::new(names::COST, i64::try_from(cost).unwrap_or(i64::MAX))));
    if let (Some(first), Some((_, start)), true) = (record.first_event, record.model_work, record.context.events > 0) {
        let seconds = first.saturating_sub(start).as_secs_f64();
        attributes.push(KeyValue::new(names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, seconds));
    }
    if let Some(counted) = &record.usage {
        attributes.push(KeyValue::new(names::GEN_AI_USAGE_INPUT_TOKENS, total_input_tokens(counted)));
        let cache_write = if conventions().gen_ai.new {
            names::GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS
        } else {
            names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS
        };
        let counts = [
            (names::GEN_AI_USAGE_OUTPUT_TOKENS, counted.output_tokens),
            (names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, counted.cache_read_input_tokens),
            (cache_write, counted.cache_write_input_tokens),
        ];
        attributes.extend(counts.into_iter().filter_map(|(name, n)| Some(KeyValue::new(name, i64::from(n?)))));
    }
    attributes
}

/// Whether the code is an error of the server. The other codes are errors of the caller and leave the span's status unset.
/// <https://opentelemetry.io/docs/specs/semconv/rpc/grpc>
pub(super) fn is_server_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// Reads the trace context of the caller from the request headers.
struct HeaderExtractor<'a>(&'a HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
