//! The log on standard error.

use std::io::IsTerminal as _;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Starts logging. `RUST_LOG` sets the filter, and `default_filter` applies without it.
///
/// Lines of libraries at `trace` are always dropped, because they contain prompts and API keys.
pub(crate) fn start_log(format: LogFormat, default_filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let no_library_trace =
        filter_fn(|metadata| *metadata.level() != Level::TRACE || metadata.target().starts_with("bedrock_"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second start (in a test) keeps the subscriber of the first one.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter.and(no_library_trace))).try_init();
}
