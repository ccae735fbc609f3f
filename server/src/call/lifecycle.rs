//! The state of one running call: where it starts, what is recorded during it, and its one end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;
use http::HeaderMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::{Code, Status};

use super::caller_retries::is_retried_by_caller;
use super::context::{CallContext, Phase};
use super::cost::record_cost;
use super::method_name::{full_method_name, operation_name};
use super::options::CallOptions;
use super::record::{CallRecord, FailureSummary, RequestCharges, Waits};
use super::running::{DescribeCall, RunningCall, RunningPlace};
use super::settings::{CallSettings, MAX_ATTEMPTS};
use super::shutdown::Shutdown;
use crate::admission::{ByteCharge, CallPermit};
use crate::callers::{Caller, Peer};
use crate::error::{Exception, Failure};
use crate::pricing::LATENCY_OPTIMIZED;
use crate::routing::Policy;
use crate::telemetry::{CallSpans, ChunkTimer, ModelLabel, log_call, measure_call};

/// One running call. The layer around the service and the service itself share it.
pub(crate) struct Call {
    /// The settings that apply to this call.
    pub(crate) settings: CallSettings,
    /// The rules that applied when the call started.
    pub(crate) policy: Arc<Policy>,
    /// The caller's choices for this call.
    pub(crate) options: CallOptions,
    /// Signals of the gateway's shutdown.
    pub(super) shutdown: Shutdown,
    /// The time at which the caller's deadline expires.
    pub(super) deadline: Option<Instant>,
    /// Maximum number of requests to Bedrock for this call.
    pub(super) max_attempts: u32,
    started: Instant,
    _running: TaskTrackerToken,
    place: RunningPlace,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    spans: CallSpans,
    record: Mutex<CallRecord>,
    caller: OnceLock<Arc<Caller>>,
}

impl Call {
    /// Starts a call to `path` (`/package.Service/Method`): its clock, its SERVER span and its place among the running calls.
    #[must_use]
    pub(crate) fn start(
        path: &str,
        headers: &HeaderMap,
        settings: CallSettings,
        shutdown: Shutdown,
        deadline: Option<Instant>,
        options: CallOptions,
        policy: Arc<Policy>,
    ) -> Arc<Self> {
        let context = CallContext {
            operation: operation_name(path).to_owned(),
            expose_upstream_messages: settings.expose_upstream_messages,
            ..CallContext::default()
        };
        let call = Arc::new(Self {
            settings,
            policy,
            caller: OnceLock::new(),
            options,
            deadline,
            max_attempts: if is_retried_by_caller(headers) { 1 } else { MAX_ATTEMPTS },
            started: Instant::now(),
            _running: shutdown.running.token(),
            place: shutdown.calls.enter(),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            spans: CallSpans::start(full_method_name(path), headers),
            record: Mutex::new(CallRecord { context, method: full_method_name(path), ..CallRecord::default() }),
            shutdown,
        });
        let running: Weak<Self> = Arc::downgrade(&call);
        call.place.show(running);
        call
    }

    /// Finds the caller. This is the only place where a call gets one.
    ///
    /// # Errors
    /// As [`crate::callers::Authenticator::identify`].
    pub(super) async fn identify_caller(&self, headers: &HeaderMap, peer: &Peer) -> Result<(), Failure> {
        let caller = self.policy.authenticator.identify(headers, peer).await?;
        self.update(|record| record.caller_name = Some(caller.name.clone().into()));
        if !caller.is_anonymous() {
            self.spans.set_caller(&caller.name);
            self.update(|record| record.context.caller = Some(caller.name.clone()));
        }
        let _ = self.caller.set(caller);
        Ok(())
    }

    /// The caller.
    ///
    /// # Errors
    /// [`Failure::CallerUnknown`] before the caller was found.
    pub(crate) fn caller(&self) -> Result<&Arc<Caller>, Failure> {
        self.caller.get().ok_or_else(|| Failure::CallerUnknown("the gateway has not looked for a caller".to_owned()))
    }

    /// Reads or changes the record. The lock is held only while `change` runs, never across an await.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut CallRecord) -> T) -> T {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The spans of the call.
    #[must_use]
    pub(crate) fn spans(&self) -> &CallSpans {
        &self.spans
    }

    /// Records that a thread works on the request's message. The work itself is no wait: a large message may take long.
    pub(crate) fn on_message_start(&self) {
        let waited = self.update(|record| {
            if let Some((_, start)) = record.charges.wait.take() {
                record.waits.queue += start.elapsed();
            }
            record.waits.queue
        });
        self.spans.record_queue(waited);
    }

    /// Records the start of the model's work. `operation` is its kind (`gen_ai.operation.name`).
    pub(crate) fn on_model_start(&self, operation: &'static str, model_id: Option<&str>) {
        let model = model_id.map(|id| ModelLabel::new(id, self.policy.models.contains_key(id)));
        let start = self.elapsed();
        self.update(|record| {
            record.model = model;
            record.model_work = Some((operation, start));
        });
    }

    /// Records a time that the call has waited.
    pub(super) fn add_wait(&self, add: impl FnOnce(&mut Waits)) {
        self.update(|record| add(&mut record.waits));
    }

    /// Records that the call's task runs for the first time.
    fn on_task_start(&self) {
        let waited = self.elapsed();
        self.add_wait(|waits| waits.queue += waited);
    }

    /// Records that the gateway has the first part of the response.
    pub(super) fn on_response(&self) {
        let elapsed = self.elapsed();
        self.update(|record| record.responded = Some(elapsed));
    }

    /// Records that Bedrock's response headers have arrived.
    pub(crate) fn on_response_headers(&self, headers: &HeaderMap) {
        let request_id = headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let usage = usage_from_headers(headers);
        let tier = headers.get("x-amzn-bedrock-service-tier").and_then(|tier| tier.to_str().ok()).map(str::to_owned);
        let latency = headers.get("x-amzn-bedrock-performanceconfig-latency");
        let is_latency_optimized = latency.is_some_and(|latency| latency == LATENCY_OPTIMIZED);
        self.update(|record| {
            record.context.request_id = request_id;
            record.context.phase = Phase::FirstEvent;
            record.charges = RequestCharges::default();
            record.usage = usage;
            record.billing.tier = tier;
            record.billing.is_latency_optimized = is_latency_optimized;
            if let Some(model) = &mut record.model {
                model.record_served();
            }
        });
    }

    /// Keeps the charges of the request's last message until the request has been sent to Bedrock.
    pub(super) fn keep_charges(&self, charges: RequestCharges) {
        self.update(|record| record.charges = charges);
    }

    /// The size of the request's last message in bytes, rounded up. Zero when the request has been sent to Bedrock.
    pub(crate) fn request_bytes(&self) -> usize {
        self.update(|record| record.charges.message.as_ref().map_or(0, ByteCharge::bytes))
    }

    /// Returns the charges of the request's last message, because the message has been sent to Bedrock.
    pub(crate) fn release_charges(&self) {
        self.update(|record| record.charges = RequestCharges::default());
    }

    /// Records why the request cannot be read, and returns the status that makes tonic stop reading it.
    pub(super) fn reject_request(&self, failure: Failure) -> Status {
        let status = Status::new(failure.classify().code, "the request cannot be read");
        self.update(|record| record.request_failure = Some(failure));
        status
    }

    /// The failure that tonic's `status` stands for.
    pub(crate) fn failure_of(&self, status: Status) -> Failure {
        self.update(|record| record.request_failure.take()).unwrap_or_else(|| Failure::from(status))
    }

    /// Cancelled when the gateway shuts down and takes no more requests.
    pub(super) fn rejecting(&self) -> CancellationToken {
        self.shutdown.rejecting.clone()
    }

    /// Counts bytes of a request's message that have arrived.
    pub(super) fn count_request_bytes(&self, bytes: usize) {
        self.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes of the response that the caller's connection has taken.
    pub(super) fn count_response_bytes(&self, bytes: usize) {
        self.response_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Records the time of the first event, or of the complete unary response.
    pub(crate) fn on_first_event(&self) {
        let elapsed = self.elapsed();
        self.update(|record| record.first_event = Some(elapsed));
        self.spans.record_first_event();
    }

    /// Records an event that is sent to the caller.
    pub(crate) fn on_event(&self) {
        self.update(|record| {
            record.context.events += 1;
            let first_event = *record.first_event.get_or_insert_with(|| {
                self.spans.record_first_event();
                self.elapsed()
            });
            match &mut record.chunks {
                Some(chunks) => chunks.record_event(),
                None if record.context.events == 1 => record.chunks = ChunkTimer::start(record, first_event),
                None => {}
            }
        });
    }

    /// Records `failure` for the log line and the spans, and returns the status for the caller.
    pub(crate) fn record_failure(&self, failure: &Failure) -> Status {
        self.update(|record| {
            let classification = failure.classify();
            if let Failure::Exception(Exception { request_id: Some(id), .. }) = failure {
                record.context.request_id = Some(id.clone());
            }
            let may_quote_request = matches!(failure, Failure::Exception(_) | Failure::Invalid { .. })
                && classification.code == Code::InvalidArgument;
            let text = (!may_quote_request).then(|| failure.to_string());
            record.failure = Some(FailureSummary { reason: classification.reason.to_owned(), text });
            failure.to_status(&record.context)
        })
    }

    /// Finishes the call: its spans end and its log line is written. Every later end is ignored.
    pub(crate) fn finish(&self, code: Code) {
        let elapsed = self.elapsed();
        self.update(|record| {
            if std::mem::replace(&mut record.finished, true) {
                return;
            }
            record.charges = RequestCharges::default();
            record_cost(&self.policy.pricing.table, code, record);
            self.spans.end(code, record);
            let trace_id = self.spans.trace_id();
            measure_call(code, record, elapsed, trace_id.as_deref());
            if code != Code::Ok || is_sampled(self.policy.logged_successes) {
                log_call(code, record, elapsed, trace_id);
            }
        });
    }

    /// Time since the start of the call.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl DescribeCall for Call {
    fn describe(&self, number: u64) -> Option<RunningCall> {
        let (age, trace_id) = (self.elapsed(), self.spans.trace_id());
        self.update(|record| {
            let context = &record.context;
            (!record.finished).then(|| RunningCall {
                number,
                rpc: context.operation.clone(),
                caller: context.caller.clone(),
                model: context.model_id.clone(),
                target: record.billing.model.clone(),
                region: context.region.clone(),
                phase: context.phase.as_str(),
                age,
                attempts: context.attempts,
                events: context.events,
                request_bytes: self.request_bytes.load(Ordering::Relaxed),
                response_bytes: self.response_bytes.load(Ordering::Relaxed),
                trace_id,
            })
        })
    }
}

/// Finishes the call as CANCELLED when it is dropped before anything else has finished the call: the caller has left.
pub(super) struct CancelledOnDrop {
    pub(super) call: Arc<Call>,
    /// Makes room for another call when it is dropped.
    permit: Option<CallPermit>,
}

impl CancelledOnDrop {
    pub(super) fn new(call: Arc<Call>, permit: Option<CallPermit>) -> Self {
        Self { call, permit }
    }

    /// Records that the call's task runs for the first time.
    pub(super) fn on_task_start(&mut self) {
        if let Some(permit) = &mut self.permit {
            permit.start();
        }
        self.call.on_task_start();
    }
}

impl Drop for CancelledOnDrop {
    fn drop(&mut self) {
        self.call.finish(Code::Cancelled);
    }
}

/// Decides for one of many calls. `share` is from 0 to 1.
fn is_sampled(share: f64) -> bool {
    share >= 1.0 || rand::random::<f64>() < share
}

/// Token usage of InvokeModel. Bedrock counts it in headers, because the body has the model's own format.
fn usage_from_headers(headers: &HeaderMap) -> Option<TokenUsage> {
    let count = |kind: &str| headers.get(format!("x-amzn-bedrock-{kind}-token-count"))?.to_str().ok()?.parse().ok();
    let usage = TokenUsage {
        input_tokens: count("input"),
        output_tokens: count("output"),
        cache_read_input_tokens: count("cache-read-input"),
        cache_write_input_tokens: count("cache-write-input"),
        ..TokenUsage::default()
    };
    (usage != TokenUsage::default()).then_some(usage)
}
