//! Rejects new calls when the process itself is late.
//!
//! The signal is how long a call waits in the runtime's queue before its task runs for the first time: with more work than the
//! processors can do, tasks wait. The duration of a call is no signal, because it is the model's. A short burst may wait; it
//! loses nothing. When the delay stays above the target, new calls are rejected at once until it is below, so that the accepted
//! ones keep their latency. Calls whose deadline is near are rejected first.
//!
//! The idea is CoDel's (RFC 8289): a queue that clears within the interval is a burst, and one that does not is overload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long the delay must stay above the target before calls are rejected. (RFC 8289, section 4.3.)
const INTERVAL: Duration = Duration::from_millis(100);

/// A deadline is near when less than this many times the delay is left. Other parts of the call wait as long again.
const NEAR_DEADLINE: u32 = 4;

/// The value of a time that is not set.
const NEVER: u64 = u64::MAX;

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
pub(crate) struct OverloadControl(Arc<State>);

/// The atomics are independent estimates. A race between two calls makes an estimate late by one call.
#[derive(Debug)]
struct State {
    settings: OverloadSettings,
    /// The times below are microseconds after this one.
    epoch: Instant,
    calls: AtomicUsize,
    /// Calls that were admitted and whose task has not run yet.
    waiting: AtomicUsize,
    /// When the call was admitted whose task ran last for the first time. Those that wait were admitted later.
    last_started: AtomicU64,
    /// When the first of the calls that wait was admitted while no other waited.
    waiting_since: AtomicU64,
    /// Since when the delay is above the target; [`NEVER`] when it is not.
    late_since: AtomicU64,
}

/// A call that was admitted. Dropping it makes room for another one.
#[derive(Debug)]
pub(crate) struct CallPermit {
    state: Arc<State>,
    admitted: u64,
    is_waiting: bool,
}

impl OverloadControl {
    /// Overload control without calls.
    #[must_use]
    pub(crate) fn new(settings: OverloadSettings) -> Self {
        Self(Arc::new(State {
            settings,
            epoch: Instant::now(),
            calls: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            last_started: AtomicU64::new(0),
            waiting_since: AtomicU64::new(0),
            late_since: AtomicU64::new(NEVER),
        }))
    }

    /// Admits a call, or rejects it. `deadline` is the caller's.
    pub(crate) fn admit(&self, deadline: Option<Instant>) -> Option<CallPermit> {
        let state = &self.0;
        let now = state.now();
        if state.is_overloaded(now, deadline) {
            return None;
        }
        if state.calls.fetch_add(1, Ordering::Relaxed) >= state.settings.max_calls {
            state.calls.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        if state.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            state.waiting_since.store(now, Ordering::Relaxed);
        }
        Some(CallPermit { state: Arc::clone(state), admitted: now, is_waiting: true })
    }
}

impl State {
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    /// How long the oldest waiting call has waited.
    fn delay(&self, now: u64) -> Duration {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        let since = self.last_started.load(Ordering::Relaxed).max(self.waiting_since.load(Ordering::Relaxed));
        Duration::from_micros(now.saturating_sub(since))
    }

    fn is_overloaded(&self, now: u64, deadline: Option<Instant>) -> bool {
        let (delay, target) = (self.delay(now), self.settings.target_delay);
        if delay > target / 2 && deadline.is_some_and(|deadline| deadline < Instant::now() + delay * NEAR_DEADLINE) {
            return true;
        }
        if delay <= target {
            self.late_since.store(NEVER, Ordering::Relaxed);
            return false;
        }
        let late_since = self.late_since.load(Ordering::Relaxed);
        if late_since == NEVER {
            self.late_since.store(now, Ordering::Relaxed);
        }
        Duration::from_micros(now.saturating_sub(late_since)) >= INTERVAL
    }
}

impl CallPermit {
    /// Records that the call's task runs.
    pub(crate) fn start(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.state.last_started.fetch_max(self.admitted, Ordering::Relaxed);
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.start();
        self.state.calls.fetch_sub(1, Ordering::Relaxed);
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
    async fn calls_are_rejected_while_tasks_stay_late_and_admitted_again_when_they_run() {
        let control = control(usize::MAX);
        wait(10_000).await;
        let mut waiting = Vec::new();
        // No task runs. The delay is above 50 ms from the sixth call on, and 100 ms later that is overload.
        for call in 0..20 {
            match control.admit(None) {
                Some(permit) => waiting.push(permit),
                None => assert!(call > 15, "call {call} was rejected"),
            }
            wait(10).await;
        }
        assert!(control.admit(None).is_none());
        waiting.iter_mut().for_each(CallPermit::start);
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
