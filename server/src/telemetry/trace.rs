//! The spans of a call: SERVER for the RPC, CLIENT for the model over all attempts, one child for each attempt.

use std::sync::OnceLock;

use http::HeaderMap;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, StringValue, Value};
use tonic::Code;

use super::{names, usage};
use crate::bedrock::Target;
use crate::call::Record;
use crate::error::Verdict;

/// The spans of one call.
pub(crate) struct CallTrace {
    server: Context,
    client: OnceLock<Context>,
}

impl CallTrace {
    /// Starts the SERVER span, as a child of the caller's `traceparent`.
    pub(crate) fn begin(method: &str, headers: &HeaderMap) -> Self {
        let parent = global::get_text_map_propagator(|p| p.extract_with_context(&Context::new(), &Carrier(headers)));
        let method = method.to_owned();
        let span = SpanBuilder::from_name(method.clone()).with_kind(SpanKind::Server).with_attributes([
            KeyValue::new(names::RPC_SYSTEM_NAME, names::GRPC),
            KeyValue::new(names::RPC_METHOD, method),
        ]);
        Self { server: start(span, &parent), client: OnceLock::new() }
    }

    /// Starts the CLIENT span `{operation} {model}`. `request` holds what the caller asked of the model, never its words.
    pub(crate) fn model(
        &self,
        operation: &'static str,
        model_id: Option<&str>,
        request: impl FnOnce() -> Vec<KeyValue>,
    ) {
        self.client.get_or_init(|| {
            let name = model_id.map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}"));
            let mut attributes = vec![
                KeyValue::new(names::GEN_AI_OPERATION_NAME, operation),
                KeyValue::new(names::GEN_AI_PROVIDER_NAME, names::AWS_BEDROCK),
            ];
            attributes.extend(model_id.map(|model| KeyValue::new(names::GEN_AI_REQUEST_MODEL, model.to_owned())));
            let span = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
            let context = start(span, &self.server);
            if context.span().is_recording() {
                context.span().set_attributes(request());
            }
            context
        });
    }

    /// Starts the span of one attempt. It ends when it is dropped.
    pub(crate) fn attempt(&self, number: u32, target: &Target) -> AttemptSpan {
        let span = SpanBuilder::from_name(format!("attempt {number}")).with_kind(SpanKind::Internal).with_attributes([
            KeyValue::new(names::ATTEMPT, i64::from(number)),
            KeyValue::new(names::CLOUD_REGION, target.region.clone()),
        ]);
        AttemptSpan(start(span, self.client.get().unwrap_or(&self.server)))
    }

    /// The trace's id, if it is recorded, for the log line.
    pub(crate) fn id(&self) -> Option<String> {
        let span = self.server.span();
        span.span_context().is_sampled().then(|| span.span_context().trace_id().to_string())
    }

    /// Ends both spans with what the call came to.
    pub(crate) fn end(&self, code: Code, record: &Record) {
        let failure = record.failure.as_ref();
        let error = failure.map(|f| f.reason.clone());
        let text = failure.and_then(|f| f.text.clone()).unwrap_or_default();
        if let Some(client) = self.client.get() {
            let span = client.span();
            if span.is_recording() {
                span.set_attributes(outcome(record));
            }
            if code != Code::Ok {
                span.set_attribute(KeyValue::new(names::ERROR_TYPE, error.clone().unwrap_or_else(|| name(code))));
                span.set_status(Status::error(text.clone()));
            }
            span.end();
        }
        let span = self.server.span();
        span.set_attribute(KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, name(code)));
        if is_server_error(code) {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, error.unwrap_or_else(|| name(code))));
            span.set_status(Status::error(text));
        }
        span.end();
    }
}

/// The span of one attempt; ends when dropped.
pub(crate) struct AttemptSpan(Context);

impl AttemptSpan {
    /// The attempt failed.
    pub(crate) fn fail(&self, verdict: &Verdict) {
        self.0.span().set_attribute(KeyValue::new(names::ERROR_TYPE, verdict.reason.to_string()));
        self.0.span().set_status(Status::error(""));
    }
}

impl Drop for AttemptSpan {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

fn start(span: SpanBuilder, parent: &Context) -> Context {
    let tracer: BoxedTracer = global::tracer(names::SCOPE);
    parent.with_span(span.start_with_context(&tracer, parent))
}

fn outcome(record: &Record) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(names::ATTEMPTS, i64::from(record.facts.attempts))];
    if let Some(id) = &record.facts.request_id {
        attributes.push(KeyValue::new(names::AWS_REQUEST_ID, id.clone()));
    }
    if let Some(reason) = &record.stop_reason {
        let reasons = Value::Array(vec![StringValue::from(reason.clone())].into());
        attributes.push(KeyValue::new(names::GEN_AI_RESPONSE_FINISH_REASONS, reasons));
    }
    if let Some(counted) = &record.usage {
        attributes.push(KeyValue::new(names::GEN_AI_USAGE_INPUT_TOKENS, usage::input_tokens(counted)));
        let counts = [
            (names::GEN_AI_USAGE_OUTPUT_TOKENS, counted.output_tokens),
            (names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, counted.cache_read_input_tokens),
            (names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS, counted.cache_write_input_tokens),
        ];
        attributes.extend(counts.into_iter().filter_map(|(name, n)| Some(KeyValue::new(name, i64::from(n?)))));
    }
    attributes
}

/// The statuses that are the server's fault; the rest is the caller's and leaves the span unset.
/// <https://opentelemetry.io/docs/specs/semconv/rpc/grpc>
fn is_server_error(code: Code) -> bool {
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

/// `RESOURCE_EXHAUSTED`.
pub(super) fn name(code: Code) -> String {
    use heck::ToShoutySnakeCase as _;
    format!("{code:?}").to_shouty_snake_case()
}

struct Carrier<'a>(&'a HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
