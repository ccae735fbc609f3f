//! The log on standard error. A thread of its own writes it, so that a reader that does not read delays no call.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use super::log_filter::keep_filter;
use super::log_sink::LogSink;
use super::losses::{LostData, observe_losses};

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// The default filter of a server: our own lines at `info`, lines of libraries at `warn`.
pub(crate) const SERVER_FILTER: &str = "warn,bedrock_grpc=info,bedrock_simulator=info";

/// The default filter of a command that prints its own output.
#[cfg(any(feature = "client", feature = "simulator"))]
pub(crate) const WARNINGS_FILTER: &str = "warn";

/// Maximum number of lines that wait to be written. Further lines are dropped and counted. A line has about 500 bytes.
const MAX_WAITING_LINES: usize = 4 * 1024;

/// Writes the lines that wait when it is dropped, for at most a second.
#[must_use]
pub(crate) struct LogWriter(#[expect(dead_code, reason = "writes on drop")] WorkerGuard);

/// Starts logging. `RUST_LOG` sets the filter, and `default_filter` applies without it.
///
/// Lines of libraries at `trace` are always dropped, because they contain prompts and API keys.
pub(crate) fn start_log(format: LogFormat, default_filter: &str) -> LogWriter {
    let unwritten = Arc::new(AtomicU64::new(0));
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MAX_WAITING_LINES)
        .thread_name("log")
        .finish(LogSink::new(std::io::stderr(), Arc::clone(&unwritten)));
    let dropped = writer.error_counter();
    observe_losses(LostData::LogLines, move || dropped.dropped_lines() as u64 + unwritten.load(Ordering::Relaxed));
    let from_env = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| EnvFilter::builder().parse(text).is_ok());
    let text = from_env.unwrap_or_else(|| default_filter.to_owned());
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&text));
    let no_library_trace =
        filter_fn(|metadata| *metadata.level() != Level::TRACE || metadata.target().starts_with("bedrock_"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start (in a test) keeps the subscriber of the first one.
    let lines = lines.with_filter(filter.and(no_library_trace));
    if tracing_subscriber::registry().with(lines).try_init().is_ok() {
        keep_filter(handle, text);
    }
    LogWriter(guard)
}
