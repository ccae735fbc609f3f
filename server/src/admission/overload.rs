//! Rejects new calls when the process is overloaded.
//!
//! The signal is how long a call waits for a thread, from its arrival to its first step, and from its complete message to the work
//! on it. The duration of a call is no signal, because it depends on the model. A short burst may wait, and nothing is
//! rejected. If calls wait without a break and longer than the target, new calls are rejected at once, so that the accepted
//! ones keep their latency. Calls whose deadline is near are rejected first.
//!
//! The idea is CoDel's (RFC 8289): a queue that becomes empty within the interval is a burst, and one that does not is
//! overload.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::wait_queue::{Wait, WaitQueue};

/// How long calls must wait without a break before calls are rejected. (RFC 8289, section 4.3.)
const INTERVAL: Duration = Duration::from_millis(100);

/// A deadline is near when less than this many times the delay is left. Other parts of the call wait as long again.
const NEAR_DEADLINE: u32 = 4;

/// Settings of overload control.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverloadSettings {
    /// Maximum number of calls at the same time.
    pub(crate) max_calls: usize,
    /// The delay of the gateway's own work beyond which calls are rejected.
    pub(crate) target_delay: Duration,
}

impl Default for OverloadSettings {
    fn default() -> Self {
        // 10,000 open streams take about 200 MB. A delay of 50 ms is far above a busy but healthy runtime (below 5 ms) and
        // far below what a caller of a language model would notice.
        Self { max_calls: 10_000, target_delay: Duration::from_millis(50) }
    }
}

/// Overload control. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct OverloadControl {
    settings: OverloadSettings,
    calls: Arc<AtomicUsize>,
    /// Calls that have arrived and whose task has not run yet.
    tasks: WaitQueue,
    /// Calls whose message is complete and on which no thread works yet.
    messages: WaitQueue,
}

/// A call that was admitted. Dropping it makes room for another one.
#[derive(Debug)]
pub(crate) struct CallPermit {
    calls: Arc<AtomicUsize>,
    wait: Option<Wait>,
}

impl OverloadControl {
    /// Overload control without calls.
    #[must_use]
    pub(crate) fn new(settings: OverloadSettings) -> Self {
        Self { settings, calls: Arc::default(), tasks: WaitQueue::new(), messages: WaitQueue::new() }
    }

    /// Admits a call, or rejects it. `deadline` is the caller's.
    pub(crate) fn admit(&self, deadline: Option<Instant>) -> Option<CallPermit> {
        if self.is_overloaded(deadline) {
            return None;
        }
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.settings.max_calls {
            self.calls.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(CallPermit { calls: Arc::clone(&self.calls), wait: Some(self.tasks.enter()) })
    }

    /// Starts the wait of a call whose message is complete. It ends when a thread works on the message.
    pub(crate) fn wait_with_message(&self) -> Wait {
        self.messages.enter()
    }

    fn is_overloaded(&self, deadline: Option<Instant>) -> bool {
        let target = self.settings.target_delay;
        [&self.tasks, &self.messages].into_iter().any(|queue| {
            let (delay, busy_for) = queue.delay();
            let is_near = |deadline| deadline < Instant::now() + delay * NEAR_DEADLINE;
            delay > target && busy_for > INTERVAL || delay > target / 2 && deadline.is_some_and(is_near)
        })
    }
}

impl CallPermit {
    /// Records that the call's task runs.
    pub(crate) fn start(&mut self) {
        self.wait = None;
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(max_calls: usize) -> OverloadControl {
        OverloadControl::new(OverloadSettings { max_calls, ..OverloadSettings::default() })
    }

    async fn wait(milliseconds: u64) {
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_the_maximum_are_rejected_until_one_ends() {
        let control = control(2);
        let first = control.admit(None);
        let second = control.admit(None);
        assert!(first.is_some() && second.is_some());
        assert!(control.admit(None).is_none());
        drop(first);
        assert!(control.admit(None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_rejected_while_others_wait_and_admitted_again_when_none_waits() {
        let control = control(usize::MAX);
        wait(10_000).await;
        let mut waiting = Vec::new();
        // No task runs.
        for call in 0..20 {
            match control.admit(None) {
                Some(permit) => waiting.push(permit),
                None => assert!(call > 10, "call {call} was rejected"),
            }
            wait(10).await;
        }
        assert!(control.admit(None).is_none());
        waiting.iter_mut().for_each(CallPermit::start);
        assert!(control.admit(None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn messages_that_wait_for_a_thread_reject_new_calls() {
        let control = control(usize::MAX);
        let message = control.wait_with_message();
        wait(200).await;
        assert!(control.admit(None).is_none());
        drop(message);
        assert!(control.admit(None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_that_clears_within_the_interval_is_admitted() {
        let control = control(usize::MAX);
        for _ in 0..10 {
            let mut burst: Vec<_> = (0..1000).map(|_| control.admit(None).unwrap()).collect();
            wait(90).await;
            burst.iter_mut().for_each(CallPermit::start);
            wait(10).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_whose_deadline_is_near_are_rejected_first() {
        let control = control(usize::MAX);
        let _waiting = control.admit(None);
        wait(40).await;
        let deadline = |milliseconds| Some(Instant::now() + Duration::from_millis(milliseconds));
        assert!(control.admit(deadline(100)).is_none());
        assert!(control.admit(deadline(60_000)).is_some());
        assert!(control.admit(None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn running_calls_are_no_delay() {
        let control = control(usize::MAX);
        let mut running = control.admit(None).unwrap();
        running.start();
        wait(60_000).await;
        assert!((0..100).all(|_| control.admit(None).is_some()));
    }
}
