//! Runs work on large messages without delaying other calls.

use bedrock_grpc_schema::codec::LARGE_MESSAGE_BYTES;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` on data of `bytes` bytes. If the data is large, another thread takes over the other tasks of this thread first.
pub(crate) fn run_sized<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > LARGE_MESSAGE_BYTES { hand_over_and_run(work) } else { work() }
}

/// Runs the codec's work on a large message.
pub(crate) fn run_large_work(work: &mut dyn FnMut()) {
    hand_over_and_run(work);
}

fn hand_over_and_run<T>(work: impl FnOnce() -> T) -> T {
    // A runtime of one thread, as in unit tests, has no other thread.
    let has_threads = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_threads { tokio::task::block_in_place(work) } else { work() }
}
