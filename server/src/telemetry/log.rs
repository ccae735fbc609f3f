//! The log: one line a call, on standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use tonic::Code;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::call::Record;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// An object a line, for machines.
    Json,
}

/// The filter of a server: our own lines at `info`, others' at `warn`.
pub const SERVER_LINES: &str = "warn,bedrock_grpc=info,bedrock_simulator=info";

/// The filter of a program that speaks for itself.
pub const WARNINGS: &str = "warn";

/// Starts logging. `RUST_LOG` sets the filter; `default` is that without it.
///
/// Whatever it says, libraries are not heard at `trace`: there they print what they carry, prompts and API keys included.
pub fn start(format: Format, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let silent = filter_fn(|metadata| *metadata.level() != Level::TRACE || metadata.target().starts_with("bedrock_"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start (a test, an embedder) keeps the first one's subscriber.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter.and(silent))).try_init();
}

/// The line of a call that has ended. It never holds content.
pub(crate) fn call(code: Code, record: &Record, elapsed: Duration, trace_id: Option<String>) {
    let facts = &record.facts;
    let usage = record.usage.as_ref();
    let failure = record.failure.as_ref();
    tracing::info!(
        rpc = facts.operation,
        model = facts.model_id,
        region = facts.region,
        status = super::trace::name(code),
        reason = failure.map(|f| f.reason.as_str()),
        error = failure.and_then(|f| f.text.as_deref()),
        stop_reason = record.stop_reason,
        request_id = facts.request_id,
        attempts = facts.attempts,
        events = facts.events,
        duration_ms = millis(elapsed),
        first_event_ms = record.first_event.map(millis),
        input_tokens = usage.and_then(|u| u.input_tokens),
        output_tokens = usage.and_then(|u| u.output_tokens),
        cache_read_input_tokens = usage.and_then(|u| u.cache_read_input_tokens),
        cache_write_input_tokens = usage.and_then(|u| u.cache_write_input_tokens),
        trace_id,
        "call"
    );
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a call are far below 2^53")]
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
