//! Whether a target gets calls. A target that fails is ejected. After some time one call
//! probes the target. If that call succeeds, the ejection ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use tokio::time::Instant;

/// Number of failures in a row that eject a target. Envoy's outlier detection also ejects after five.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier>
const CONSECUTIVE_FAILURES: u32 = 5;

/// Time over which the rate of failures is counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Minimum number of attempts in the window. With fewer attempts, the rate of failures means nothing.
const MIN_ATTEMPTS: usize = 20;

/// Maximum number of attempts whose results are kept for the rate. If a window has more attempts, only the last ones count.
const MAX_ATTEMPTS: usize = 200;

/// Time until the first probe. It doubles with each probe that fails.
const FIRST_EJECTION: Duration = Duration::from_secs(2);

/// Largest time until a probe, without the jitter of up to a quarter. A target that works again gets calls within about half a
/// minute.
const LONGEST_EJECTION: Duration = Duration::from_secs(20);

/// AWS's daily quotas are reset at midnight UTC.
const DAY: u64 = 24 * 60 * 60;

/// The health of a target: an identity, a Region and a model. Names of models with the same target share it.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    consecutive: u32,
    /// When recent attempts ended, and whether they failed.
    recent: VecDeque<(Instant, bool)>,
    ejection: Option<Ejection>,
    /// How many ejections there have been.
    ejections: u64,
}

#[derive(Debug)]
struct Ejection {
    reason: &'static str,
    since: Instant,
    next_probe: Instant,
    /// Whether a call probes the target now.
    is_probed: bool,
    /// Probes that have failed.
    failed_probes: u32,
}

/// What the result of an attempt shows about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The target works.
    Success,
    /// The target failed, for this reason (`ErrorInfo.reason`).
    Failure(&'static str),
    /// The target has no quota until the next UTC day.
    DailyQuota(&'static str),
}

/// A change that an attempt caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The target gets no calls for this time.
    Ejected(Duration),
    /// The target gets calls again.
    Restored,
}

/// The state of a target, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BreakerReport {
    /// Failures without a success between them.
    pub(crate) consecutive_failures: u32,
    /// Attempts that ended in the last ten seconds, and how many of them failed. At most 200 are counted.
    pub(crate) recent: (usize, usize),
    /// The ejection, if there is one.
    pub(crate) ejection: Option<EjectionReport>,
}

/// An ejection, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EjectionReport {
    /// The reason of the last failure (`ErrorInfo.reason`).
    pub(crate) reason: &'static str,
    /// How long ago the ejection started.
    pub(crate) age: Duration,
    /// Time until a call may probe the target. Zero if the next call probes it.
    pub(crate) next_probe: Duration,
    /// Whether a call probes the target now.
    pub(crate) is_probed: bool,
}

/// The permission to send a call to a target. If the call is a probe, and the permission is dropped without a result, the next
/// call probes.
#[derive(Debug)]
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    is_probe: bool,
    /// How many ejections there had been when the call was sent.
    ejections: u64,
}

impl Breaker {
    /// Lets a call through, unless the target is ejected and the call is not a probe.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.state();
        let ejections = state.ejections;
        let is_probe = match &mut state.ejection {
            None => false,
            Some(ejection) if ejection.is_probed || Instant::now() < ejection.next_probe => return None,
            Some(ejection) => {
                ejection.is_probed = true;
                true
            }
        };
        Some(Pass { breaker: Arc::clone(self), is_probe, ejections })
    }

    /// Lets a call through even if the target is ejected, because no other target is left.
    pub(super) fn admit_always(self: &Arc<Self>) -> Pass {
        Pass { breaker: Arc::clone(self), is_probe: false, ejections: self.state().ejections }
    }

    /// Whether a call would be let through now.
    pub(super) fn is_available(&self) -> bool {
        self.next_probe().is_none()
    }

    /// Time of the next probe if a call would not be let through now.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        let state = self.state();
        let ejection = state.ejection.as_ref()?;
        (ejection.is_probed || Instant::now() < ejection.next_probe).then_some(ejection.next_probe)
    }

    /// The state for operators.
    pub(crate) fn report(&self) -> BreakerReport {
        let (mut state, now) = (self.state(), Instant::now());
        state.forget_old(now);
        BreakerReport {
            consecutive_failures: state.consecutive,
            recent: (state.recent.len(), state.count_failures()),
            ejection: state.ejection.as_ref().map(|ejection| EjectionReport {
                reason: ejection.reason,
                age: now - ejection.since,
                next_probe: ejection.next_probe.saturating_duration_since(now),
                is_probed: ejection.is_probed,
            }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Whether the call probes an ejected target.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Records the result of an attempt. Returns what it changes.
    pub(crate) fn record(&mut self, verdict: Verdict) -> Option<Change> {
        let was_probe = std::mem::take(&mut self.is_probe);
        let (mut state, now) = (self.breaker.state(), Instant::now());
        // The result of a call that was sent before the ejection is out of date, so it does not count. A daily quota is the
        // exception: once it is used up, it stays used up until the next UTC day.
        let is_late = state.ejection.is_some() && state.ejections != self.ejections;
        if is_late && !matches!(verdict, Verdict::DailyQuota(_)) {
            return None;
        }
        state.count(now, verdict != Verdict::Success);
        match verdict {
            Verdict::Success => state.restore(),
            Verdict::DailyQuota(reason) => state.eject(now, reason, time_to_next_day(SystemTime::now()), was_probe),
            // Calls that were sent because no target is left do not make the ejection longer.
            Verdict::Failure(_) if state.ejection.is_some() && !was_probe => None,
            Verdict::Failure(reason) if was_probe || state.fails_too_often() => {
                let failed = state.ejection.as_ref().map_or(0, |ejection| ejection.failed_probes + 1);
                state.eject(now, reason, add_jitter(ejection_time(failed)), was_probe)
            }
            Verdict::Failure(_) => None,
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(ejection) = &mut self.breaker.state().ejection
        {
            ejection.is_probed = false;
        }
    }
}

impl State {
    fn count(&mut self, now: Instant, failed: bool) {
        self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
        self.forget_old(now);
        if self.recent.len() >= MAX_ATTEMPTS {
            self.recent.pop_front();
        }
        self.recent.push_back((now, failed));
    }

    fn forget_old(&mut self, now: Instant) {
        while self.recent.front().is_some_and(|(end, _)| now - *end > WINDOW) {
            self.recent.pop_front();
        }
    }

    fn count_failures(&self) -> usize {
        self.recent.iter().filter(|(_, failed)| *failed).count()
    }

    fn fails_too_often(&self) -> bool {
        let attempts = self.recent.len();
        self.consecutive >= CONSECUTIVE_FAILURES || attempts >= MIN_ATTEMPTS && self.count_failures() * 2 >= attempts
    }

    /// Ends the ejection, if there is one. The rate is counted from the start.
    fn restore(&mut self) -> Option<Change> {
        self.ejection.take()?;
        self.recent.clear();
        Some(Change::Restored)
    }

    fn eject(&mut self, now: Instant, reason: &'static str, time: Duration, was_probe: bool) -> Option<Change> {
        let before = self.ejection.take();
        let next_probe = now + time;
        if let Some(before) = &before
            && before.next_probe >= next_probe
        {
            // The present ejection ends later than the new one would, so it stays.
            self.ejection = Some(Ejection { is_probed: before.is_probed && !was_probe, ..*before });
            return None;
        }
        self.ejections += u64::from(before.is_none());
        self.ejection = Some(Ejection {
            reason,
            since: before.as_ref().map_or(now, |before| before.since),
            next_probe,
            is_probed: false,
            failed_probes: before.as_ref().map_or(0, |before| before.failed_probes + u32::from(was_probe)),
        });
        // After the ejection the rate is computed only from new attempts.
        self.recent.clear();
        Some(Change::Ejected(time))
    }
}

/// Time until the probe after `failed` failed probes, without jitter.
fn ejection_time(failed: u32) -> Duration {
    FIRST_EJECTION.saturating_mul(1 << failed.min(8)).min(LONGEST_EJECTION)
}

/// The time, changed by up to a quarter in either direction, so that several gateways do not probe at the same time.
fn add_jitter(time: Duration) -> Duration {
    time.mul_f64(rand::rng().random_range(0.75..1.25))
}

/// Time until the next UTC day, plus up to a minute, so that not all gateways probe at midnight.
fn time_to_next_day(now: SystemTime) -> Duration {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Duration::from_secs(DAY - seconds % DAY) + Duration::from_secs(60).mul_f64(rand::rng().random::<f64>())
}

#[cfg(test)]
mod tests;
