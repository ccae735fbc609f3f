//! What happens around one call: its record, deadline, retries, and its one end.

mod body;
mod deadline;
mod layer;
mod response;
mod retry;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::TokenUsage;
use http::HeaderMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::{Code, Status};

pub use layer::{CallLayer, CallService};
pub use retry::MAX_ATTEMPTS;

use crate::error::{self, Exception, Facts, Failure, Phase};
use crate::telemetry::{CallTrace, log};

/// What all calls of a gateway share.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// How long Bedrock may keep silent.
    pub timeouts: Timeouts,
    /// Whether callers see Bedrock's messages with account ids and role names in them.
    pub expose_upstream_messages: bool,
    /// Cancelled when the gateway starts to shut down: new calls are refused.
    pub draining: CancellationToken,
    /// Cancelled when the grace is over or the last call has ended: whatever still runs ends.
    pub terminated: CancellationToken,
    /// The calls that run.
    pub running: TaskTracker,
}

/// How long Bedrock may keep silent.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the first event: a large prompt is read, a model thinks.
    pub first_event: Duration,
    /// Between any two events after it.
    pub idle: Duration,
    /// Until a unary call's whole answer. AWS lets a model take an hour.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_event: Duration::from_secs(300),
            idle: Duration::from_secs(300),
            answer: Duration::from_secs(3600),
        }
    }
}

/// The record of one call, shared by the layer around the service and the service itself.
pub struct Call {
    /// The settings that apply.
    pub policy: Policy,
    /// When the caller's deadline runs out.
    pub deadline: Option<Instant>,
    started: Instant,
    _running: TaskTrackerToken,
    trace: CallTrace,
    record: Mutex<Record>,
}

/// What a call has come to so far.
#[derive(Debug, Default)]
pub struct Record {
    /// What a failure would say of it.
    pub facts: Facts,
    /// The model's, in Bedrock's spelling; never made up.
    pub stop_reason: Option<String>,
    /// As Bedrock counts.
    pub usage: Option<TokenUsage>,
    /// From the call's start to its first event.
    pub first_event: Option<Duration>,
    /// The failure that ended it.
    pub failure: Option<Ending>,
    ended: bool,
}

/// How a failed call is told of in the log and the spans.
#[derive(Debug)]
pub struct Ending {
    /// `ErrorInfo.reason`.
    pub reason: String,
    /// Bedrock's or our own words, in full. Left out where a request is refused as wrong: Bedrock's words may quote the
    /// prompt, and the path that we name may hold the caller's own keys.
    pub text: Option<String>,
}

impl Call {
    /// The record of a call to `path` (`/package.Service/Method`) that starts now.
    #[must_use]
    pub fn begin(path: &str, headers: &HeaderMap, policy: Policy, deadline: Option<Instant>) -> Arc<Self> {
        let operation = operation(path).to_owned();
        let facts = Facts { operation, expose_upstream_messages: policy.expose_upstream_messages, ..Facts::default() };
        Arc::new(Self {
            deadline,
            started: Instant::now(),
            _running: policy.running.token(),
            trace: CallTrace::begin(method(path), headers),
            record: Mutex::new(Record { facts, ..Record::default() }),
            policy,
        })
    }

    /// Reads or changes the record. The lock is held for `f` alone, never over an await.
    pub fn with<T>(&self, f: impl FnOnce(&mut Record) -> T) -> T {
        f(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The call's spans.
    #[must_use]
    pub(crate) fn trace(&self) -> &CallTrace {
        &self.trace
    }

    /// How long the call has run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// An answer's headers are there.
    pub fn answered(&self, headers: &HeaderMap) {
        let id = headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let usage = usage(headers);
        self.with(|record| {
            record.facts.request_id = id;
            record.facts.phase = Phase::FirstEvent;
            record.usage = usage;
        });
    }

    /// The first event, or the whole unary answer, is there.
    pub fn first_event(&self) {
        let elapsed = self.elapsed();
        self.with(|record| record.first_event = Some(elapsed));
    }

    /// The status that tells the caller of `failure`; the call's log line will say it too.
    pub fn fail(&self, failure: &Failure) -> Status {
        self.with(|record| {
            let verdict = error::Verdict::of(failure);
            if let Failure::Exception(Exception { request_id: Some(id), .. }) = failure {
                record.facts.request_id = Some(id.clone());
            }
            let quotes = matches!(failure, Failure::Exception(_) | Failure::Invalid { .. })
                && verdict.code == Code::InvalidArgument;
            let text = (!quotes).then(|| failure.to_string());
            record.failure = Some(Ending { reason: verdict.reason.into_owned(), text });
            error::of(failure, &record.facts)
        })
    }

    /// The one end of the call: its span closes and its log line is written. What comes after the first end is ignored.
    pub fn end(&self, code: Code) {
        let elapsed = self.elapsed();
        self.with(|record| {
            if std::mem::replace(&mut record.ended, true) {
                return;
            }
            self.trace.end(code, record);
            log::call(code, record, elapsed, self.trace.id());
        });
    }
}

/// The RPC's name. A path is the caller's, so what is no name of ours is no name at all.
/// (`_OTHER`: <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans>)
fn operation(path: &str) -> &str {
    let name = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    match name {
        Some((service, method)) if service.starts_with("bedrock.") && path.len() < 128 => method,
        _ => "_OTHER",
    }
}

/// `rpc.method`.
fn method(path: &str) -> &str {
    if operation(path) == "_OTHER" { "_OTHER" } else { path.trim_start_matches('/') }
}

/// InvokeModel's usage, which Bedrock counts in headers since the body is the model's own.
fn usage(headers: &HeaderMap) -> Option<TokenUsage> {
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
