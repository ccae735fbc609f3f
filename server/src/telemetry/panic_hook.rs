//! Panics in the log and in a counter.

use std::sync::LazyLock;

use opentelemetry::global;
use opentelemetry::metrics::Counter;

use super::names;

static PANICS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter.u64_counter(names::PANICS).with_description("Panics in the gateway. Each one is a bug").build()
});

/// Logs and counts every panic of the process. The log line has the place of the panic and not its message, because a message
/// may quote the text that the code was working on, for example a prompt.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "the gateway has a bug: code panicked");
        PANICS.add(1, &[]);
    }));
}
