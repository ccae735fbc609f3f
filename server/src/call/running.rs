//! The calls that run now, for operators.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The calls that run. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct RunningCalls(Arc<Registry>);

#[derive(Default)]
struct Registry {
    next: AtomicU64,
    /// The calls by their number. A map with several locks would have less contention, but a call takes this lock only twice.
    calls: Mutex<Calls>,
}

type Calls = HashMap<u64, Weak<dyn DescribeCall>>;

/// A call that can describe its present state.
pub(super) trait DescribeCall: Send + Sync {
    /// What operators see of the call with this number. `None` once it has finished.
    fn describe(&self, number: u64) -> Option<RunningCall>;
}

/// The entry of a call in the list of running calls. Dropping it removes the entry.
pub(super) struct RunningPlace {
    calls: RunningCalls,
    number: u64,
}

/// What operators see of a call that runs. It has no content.
#[derive(Debug, Clone)]
pub(crate) struct RunningCall {
    /// Counts the calls since the start of the process.
    pub(crate) number: u64,
    /// The RPC's method name.
    pub(crate) rpc: String,
    /// The caller's name, if callers are configured and it is known.
    pub(crate) caller: Option<String>,
    /// The model id as the caller wrote it.
    pub(crate) model: Option<String>,
    /// The model, inference profile or ARN that the last request was sent to.
    pub(crate) target: Option<String>,
    /// The Region of the last request.
    pub(crate) region: Option<String>,
    /// The step that the call has reached.
    pub(crate) phase: &'static str,
    /// Time since the call started.
    pub(crate) age: Duration,
    /// Number of requests that were sent to Bedrock.
    pub(crate) attempts: u32,
    /// Number of events that were sent to the caller.
    pub(crate) events: u64,
    /// Bytes of the request's messages.
    pub(crate) request_bytes: u64,
    /// Bytes of the response that the caller's connection has taken.
    pub(crate) response_bytes: u64,
    /// The trace of the call, if it is sampled.
    pub(crate) trace_id: Option<String>,
}

impl RunningCalls {
    /// Adds an entry for a call that starts.
    pub(super) fn enter(&self) -> RunningPlace {
        RunningPlace { calls: self.clone(), number: self.0.next.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// The calls that have not finished, the oldest first.
    pub(crate) fn list(&self) -> Vec<RunningCall> {
        // If the last reference to a call is dropped here, the call takes the lock again. So the lock must be free.
        let calls: Vec<_> = self.lock().iter().filter_map(|(number, call)| Some((*number, call.upgrade()?))).collect();
        let mut views: Vec<_> = calls.iter().filter_map(|(number, call)| call.describe(*number)).collect();
        views.sort_by_key(|call| call.number);
        views
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningPlace {
    /// Makes the call visible.
    pub(super) fn show(&self, call: Weak<dyn DescribeCall>) {
        self.calls.lock().insert(self.number, call);
    }
}

impl Drop for RunningPlace {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.number);
    }
}

impl std::fmt::Debug for RunningCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunningCalls")
    }
}
