//! A panic in the code of one call ends that call only.
//!
//! The process lives on, the caller receives INTERNAL with the reason `GATEWAY_BUG`, and the panic hook writes the place to the
//! log and counts the panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;

use crate::error::Failure;

/// Runs `work` and turns a panic into a failure. The state that `work` used must not be used again after a failure: the call
/// is dropped.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Failure::Panicked)
}

/// Awaits the response of a service whose `call` may have panicked already.
pub(super) async fn await_response<T>(response: Result<impl Future<Output = T>, Failure>) -> Result<T, Failure> {
    AssertUnwindSafe(response?).catch_unwind().await.map_err(|_| Failure::Panicked)
}
