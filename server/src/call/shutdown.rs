//! The signals that end calls when the gateway shuts down, and the calls that still run.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::running::RunningCalls;

/// Signals of a shutdown. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    /// Cancelled when the gateway starts to shut down. Health reports NOT_SERVING, and connections get GOAWAY.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the calls that were sent before their client read GOAWAY have arrived. New calls and requests that are not
    /// complete are rejected from then on.
    pub(crate) rejecting: CancellationToken,
    /// Cancelled when the grace period has passed or the last call has finished. Calls that still run are ended.
    pub(crate) terminated: CancellationToken,
    /// Counts the calls that run.
    pub(crate) running: TaskTracker,
    /// The calls that run.
    pub(crate) calls: RunningCalls,
}
