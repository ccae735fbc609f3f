//! The signals that stop the process.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves on SIGTERM, which orchestrators send, or SIGINT (Ctrl-C). The signals are received from this call on, and not
/// only from the first poll of the future.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
            tracing::error!("signals cannot be received; only SIGKILL ends this process");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
