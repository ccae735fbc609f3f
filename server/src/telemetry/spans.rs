//! The spans of a call: a SERVER span for the RPC, a CLIENT span for the model over all attempts, and a child span for each
//! attempt.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, StringValue, Value};
use tonic::Code;

use super::names;
use super::status_name::status_name;
use super::usage::total_input_tokens;
use crate::call::CallRecord;

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
        let method = method.to_owned();
        let span = SpanBuilder::from_name(method.clone()).with_kind(SpanKind::Server).with_attributes([
            KeyValue::new(names::RPC_SYSTEM_NAME, names::GRPC),
            KeyValue::new(names::RPC_METHOD, method),
        ]);
        Self { server: Some(start_span(span, &parent)), client: OnceLock::new() }
    }

    /// Sets the caller's name on the SERVER span.
    pub(crate) fn set_caller(&self, name: &str) {
        if let Some(server) = &self.server {
            server.span().set_attribute(KeyValue::new(names::CALLER, name.to_owned()));
        }
    }

    /// Starts the CLIENT span `{operation} {model}`. `attributes` returns the parameters of the request. They
    /// never include the prompt.
    pub(crate) fn start_model_span(
        &self,
        operation: &'static str,
        model_id: Option<&str>,
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
            let span = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(known);
            let context = start_span(span, server);
            if context.span().is_recording() {
                context.span().set_attributes(attributes());
            }
            context
        });
    }

    /// Starts the span of one attempt in `region`. The span ends when the returned value is dropped.
    pub(crate) fn start_attempt(&self, number: u32, region: &str) -> AttemptSpan {
        let Some(parent) = self.client.get().or(self.server.as_ref()) else { return AttemptSpan(None) };
        let span = SpanBuilder::from_name(format!("attempt {number}")).with_kind(SpanKind::Internal).with_attributes([
            KeyValue::new(names::ATTEMPT, i64::from(number)),
            KeyValue::new(names::CLOUD_REGION, region.to_owned()),
        ]);
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
                span.set_attributes(outcome_attributes(record));
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
        span.set_attribute(KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, status_name(code)));
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

fn outcome_attributes(record: &CallRecord) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(names::ATTEMPTS, i64::from(record.context.attempts))];
    if let Some(id) = &record.context.request_id {
        attributes.push(KeyValue::new(names::AWS_REQUEST_ID, id.clone()));
    }
    if let Some(reason) = &record.stop_reason {
        let reasons = Value::Array(vec![StringValue::from(reason.clone())].into());
        attributes.push(KeyValue::new(names::GEN_AI_RESPONSE_FINISH_REASONS, reasons));
    }
    attributes.extend(record.cost.map(|cost| KeyValue::new(names::COST, i64::try_from(cost).unwrap_or(i64::MAX))));
    if let Some(counted) = &record.usage {
        attributes.push(KeyValue::new(names::GEN_AI_USAGE_INPUT_TOKENS, total_input_tokens(counted)));
        let counts = [
            (names::GEN_AI_USAGE_OUTPUT_TOKENS, counted.output_tokens),
            (names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, counted.cache_read_input_tokens),
            (names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS, counted.cache_write_input_tokens),
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
