//! How long calls wait for a thread, by Little's law: the number that wait, times the time from one start to the next.
//!
//! The runtime does not run tasks in the order of their arrival when there are many, so the time that the last started call has
//! waited says little about those that still wait. The number is exact in any order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time over which starts are counted. A shorter one would follow single tasks, a longer one would be late.
const WINDOW_US: u64 = 10_000;

/// The value of a time that is not set.
const NEVER: u64 = u64::MAX;

/// Calls that wait for a thread. Clones share the state.
#[derive(Debug, Clone)]
pub(super) struct WaitQueue(Arc<State>);

/// The atomics are independent estimates. A race between two calls changes an estimate by one call.
#[derive(Debug)]
struct State {
    /// The times below are microseconds after this one.
    epoch: Instant,
    waiting: AtomicUsize,
    /// Since when at least one call waits; [`NEVER`] while none waits.
    busy_since: AtomicU64,
    last_start: AtomicU64,
    window_start: AtomicU64,
    starts: AtomicU64,
    /// Nanoseconds from one start to the next, in the last window.
    interval_ns: AtomicU64,
}

/// One call that waits. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct Wait(WaitQueue);

impl WaitQueue {
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            epoch: Instant::now(),
            waiting: AtomicUsize::new(0),
            busy_since: AtomicU64::new(NEVER),
            last_start: AtomicU64::new(0),
            window_start: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            interval_ns: AtomicU64::new(0),
        }))
    }

    /// Adds a call.
    pub(super) fn enter(&self) -> Wait {
        let state = &self.0;
        if state.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            let now = state.now();
            state.busy_since.store(now, Ordering::Relaxed);
            // Time without waiting calls does not count.
            state.last_start.store(now, Ordering::Relaxed);
            state.window_start.store(now, Ordering::Relaxed);
            state.starts.store(0, Ordering::Relaxed);
        }
        Wait(self.clone())
    }

    /// How long a call that arrives now will wait, and for how long there have been calls that wait without a break.
    pub(super) fn delay(&self) -> (Duration, Duration) {
        let state = &self.0;
        let waiting = state.waiting.load(Ordering::Relaxed) as u64;
        let busy_since = state.busy_since.load(Ordering::Relaxed);
        if waiting == 0 || busy_since == NEVER {
            return (Duration::ZERO, Duration::ZERO);
        }
        let now = state.now();
        let since_start = now.saturating_sub(state.last_start.load(Ordering::Relaxed));
        let estimate = Duration::from_nanos(waiting.saturating_mul(state.interval_ns.load(Ordering::Relaxed)));
        (estimate.max(Duration::from_micros(since_start)), Duration::from_micros(now.saturating_sub(busy_since)))
    }
}

impl State {
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    fn count_start(&self) {
        let now = self.now();
        self.last_start.store(now, Ordering::Relaxed);
        let starts = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let window = now.saturating_sub(self.window_start.load(Ordering::Relaxed));
        if window >= WINDOW_US {
            self.interval_ns.store(window.saturating_mul(1000) / starts, Ordering::Relaxed);
            self.window_start.store(now, Ordering::Relaxed);
            self.starts.store(0, Ordering::Relaxed);
        }
        if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.busy_since.store(NEVER, Ordering::Relaxed);
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        (self.0).0.count_start();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[tokio::test(start_paused = true)]
    async fn the_delay_is_the_number_of_waiting_calls_times_the_time_of_each() {
        let queue = WaitQueue::new();
        let mut waiting: VecDeque<_> = (0..200).map(|_| queue.enter()).collect();
        for _ in 0..100 {
            tokio::time::advance(MS(1)).await;
            // The newest ones run first.
            waiting.pop_back();
        }
        assert_eq!(queue.delay(), (MS(100), MS(100)));
        waiting.clear();
        assert_eq!(queue.delay(), (Duration::ZERO, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn without_starts_the_delay_is_the_time_since_the_first_arrival() {
        let queue = WaitQueue::new();
        tokio::time::advance(MS(60_000)).await;
        let _wait = queue.enter();
        tokio::time::advance(MS(70)).await;
        assert_eq!(queue.delay(), (MS(70), MS(70)));
    }
}
