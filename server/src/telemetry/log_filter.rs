//! The filter of the log, which can be changed while the process runs.

use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::reload;

/// The handle on the filter of the running log.
static FILTER: Mutex<Option<Running>> = Mutex::new(None);

struct Running {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The filter that the process started with.
    first: String,
    /// The filter that is in use now.
    current: String,
}

/// A filter that cannot be set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogFilterError {
    /// The text is not a valid filter.
    #[error("expected a level (`debug`) or `target=level` with commas between them: {0}")]
    Invalid(#[from] tracing_subscriber::filter::ParseError),
    /// The log has not started.
    #[error("the log does not run")]
    NoLog,
}

/// Makes the filter changeable. `text` is the filter that `handle` starts with.
pub(super) fn keep_filter(handle: reload::Handle<EnvFilter, Registry>, text: String) {
    let running = Running { handle, first: text.clone(), current: text };
    *FILTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
}

/// The filter that is in use now.
pub(crate) fn log_filter() -> String {
    let filter = FILTER.lock().unwrap_or_else(PoisonError::into_inner);
    filter.as_ref().map(|running| running.current.clone()).unwrap_or_default()
}

/// Applies another filter, in the syntax of `RUST_LOG`. An empty text restores the one that the process started with.
///
/// # Errors
/// [`LogFilterError`].
pub(crate) fn set_log_filter(text: &str) -> Result<(), LogFilterError> {
    let mut filter = FILTER.lock().unwrap_or_else(PoisonError::into_inner);
    let running = filter.as_mut().ok_or(LogFilterError::NoLog)?;
    let text = if text.is_empty() { running.first.clone() } else { text.to_owned() };
    let parsed = EnvFilter::builder().parse(&text)?;
    running.handle.reload(parsed).map_err(|_| LogFilterError::NoLog)?;
    running.current = text;
    Ok(())
}
