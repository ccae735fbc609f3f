//! Panics in the log and in a counter.

use std::sync::LazyLock;

use opentelemetry::metrics::Counter;

use super::metrics::catalog;

static PANICS: LazyLock<Counter<u64>> = LazyLock::new(|| catalog::PANICS.counter());

/// Exports zero before the first panic.
pub(super) fn start_at_zero() {
    PANICS.add(0, &[]);
}

/// Logs and counts every panic of the process. The log line has the place of the panic and not its message, because a message
/// may quote the text that the code was working on, for example a prompt.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "the gateway has a bug: code panicked");
        PANICS.add(1, &[]);
    }));
}
