//! Rejects new calls when the process is overloaded.
//!
//! It measures how late the runtime runs a timer. If there is more work than the processors can do, tasks wait in the run
//! queue, and so does the timer. The duration of a call is not used, because it depends on the model. Beyond the target
//! delay a growing share of new calls is rejected at once, so that the accepted ones keep their latency. Calls whose
//! deadline is too near to be met are rejected first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Time between two measurements. It is short enough to follow a burst, and long enough to cost almost nothing.
const INTERVAL: Duration = Duration::from_millis(10);

/// The weight of the newest measurement in the average. One late timer alone is no overload: a page fault or a neighbour on
/// the machine can cause it.
const WEIGHT: f64 = 0.2;

/// The change of the rejected share with each measurement. From no rejection to full rejection it takes half a second.
const STEP: f64 = 0.02;

/// Maximum share of calls that is rejected. The other calls show when the overload has ended.
const MAX_SHARE: f64 = 0.95;

/// The share is stored as an integer: multiplied by this number.
const SCALE: f64 = 1_000_000.0;

/// Settings of overload control.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverloadSettings {
    /// Maximum number of calls at the same time.
    pub(crate) max_calls: usize,
    /// The delay of the runtime beyond which calls are rejected.
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

#[derive(Debug)]
struct State {
    settings: OverloadSettings,
    calls: AtomicUsize,
    /// The average delay in microseconds.
    delay_us: AtomicU64,
    /// The share of calls to reject, times [`SCALE`].
    share: AtomicU32,
}

/// A call that was admitted. Dropping it makes room for another one.
#[derive(Debug)]
pub(crate) struct CallPermit(Arc<State>);

/// The task that measures the delay. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct DelayMonitor(JoinHandle<()>);

impl OverloadControl {
    /// Overload control without a monitor: only the number of calls is limited.
    #[must_use]
    pub(crate) fn new(settings: OverloadSettings) -> Self {
        Self(Arc::new(State {
            settings,
            calls: AtomicUsize::new(0),
            delay_us: AtomicU64::new(0),
            share: AtomicU32::new(0),
        }))
    }

    /// Starts to measure the delay of the runtime.
    #[must_use]
    pub(crate) fn start_monitor(&self) -> DelayMonitor {
        let control = self.clone();
        DelayMonitor(tokio::spawn(async move {
            loop {
                let due = Instant::now() + INTERVAL;
                tokio::time::sleep_until(due).await;
                control.record_delay(due.elapsed());
            }
        }))
    }

    /// Admits a call, or rejects it. `deadline` is the caller's.
    pub(crate) fn admit(&self, deadline: Option<Instant>) -> Option<CallPermit> {
        let state = &self.0;
        let permit = {
            let calls = state.calls.fetch_add(1, Ordering::Relaxed);
            let permit = CallPermit(Arc::clone(state));
            (calls < state.settings.max_calls).then_some(permit)?
        };
        let share = f64::from(state.share.load(Ordering::Relaxed)) / SCALE;
        if share > 0.0 {
            let delay = Duration::from_micros(state.delay_us.load(Ordering::Relaxed));
            let cannot_be_met = deadline.is_some_and(|deadline| deadline < Instant::now() + delay * 2);
            if cannot_be_met || rand::rng().random::<f64>() < share {
                return None;
            }
        }
        Some(permit)
    }

    /// Updates the average delay and the share of rejected calls with a measurement.
    fn record_delay(&self, measured: Duration) {
        let state = &self.0;
        let before = Duration::from_micros(state.delay_us.load(Ordering::Relaxed));
        let average = before.mul_f64(1.0 - WEIGHT) + measured.mul_f64(WEIGHT);
        state.delay_us.store(u64::try_from(average.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let share = f64::from(state.share.load(Ordering::Relaxed)) / SCALE;
        let share = if average > state.settings.target_delay { share + STEP } else { share - STEP };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and SCALE")]
        state.share.store((share.clamp(0.0, MAX_SHARE) * SCALE) as u32, Ordering::Relaxed);
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for DelayMonitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(max_calls: usize) -> OverloadControl {
        OverloadControl::new(OverloadSettings { max_calls, ..OverloadSettings::default() })
    }

    fn admitted(control: &OverloadControl, deadline: Option<Instant>) -> usize {
        (0..1000).filter(|_| control.admit(deadline).is_some()).count()
    }

    #[test]
    fn calls_beyond_the_maximum_are_rejected_until_one_ends() {
        let control = control(2);
        let first = control.admit(None);
        let second = control.admit(None);
        assert!(first.is_some() && second.is_some());
        assert!(control.admit(None).is_none());
        drop(first);
        assert!(control.admit(None).is_some());
    }

    #[test]
    fn a_lasting_delay_rejects_most_calls_and_its_end_admits_all_again() {
        let control = control(usize::MAX);
        (0..100).for_each(|_| control.record_delay(Duration::from_millis(200)));
        assert!((1..200).contains(&admitted(&control, None)), "a few calls probe");
        (0..100).for_each(|_| control.record_delay(Duration::ZERO));
        assert_eq!(admitted(&control, None), 1000);
    }

    #[test]
    fn one_late_timer_rejects_nothing() {
        let control = control(usize::MAX);
        control.record_delay(Duration::from_millis(200));
        assert_eq!(admitted(&control, None), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_whose_deadline_cannot_be_met_are_rejected_first() {
        let control = control(usize::MAX);
        (0..20).for_each(|_| control.record_delay(Duration::from_millis(100)));
        let near = Instant::now() + Duration::from_millis(50);
        let far = Instant::now() + Duration::from_secs(60);
        assert_eq!(admitted(&control, Some(near)), 0);
        assert!(admitted(&control, Some(far)) > 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_on_time_has_no_delay() {
        let control = control(usize::MAX);
        let _monitor = control.start_monitor();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(control.0.delay_us.load(Ordering::Relaxed), 0);
    }
}
