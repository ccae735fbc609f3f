//! The time that signatures carry: AWS accepts them for five minutes, by its own clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The difference to Bedrock's clock, in seconds, from which Bedrock may reject signatures. AWS allows 300; the SDKs use
/// 240.
const SKEW_LIMIT: i64 = 240;

/// The system's clock, corrected by what Bedrock's `Date` header has shown.
#[derive(Debug, Default)]
pub(in crate::bedrock) struct Clock {
    /// Bedrock's time less ours, in seconds.
    skew: AtomicI64,
}

impl Clock {
    /// Now, as Bedrock sees it.
    pub(in crate::bedrock) fn now(&self) -> SystemTime {
        let (now, skew) = (system_now(), self.skew.load(Ordering::Relaxed));
        let by = Duration::from_secs(skew.unsigned_abs());
        let corrected = if skew < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        corrected.unwrap_or(now)
    }

    /// Compares with the `Date` header of a response that rejected a signature. Returns whether the clock is corrected now,
    /// so that the same request can be signed again.
    pub(in crate::bedrock) fn correct(&self, date: &str) -> bool {
        let Ok(theirs) = httpdate::parse_http_date(date) else { return false };
        if (seconds(theirs) - seconds(self.now())).abs() < SKEW_LIMIT {
            return false;
        }
        let skew = seconds(theirs) - seconds(system_now());
        self.skew.store(skew, Ordering::Relaxed);
        tracing::warn!(
            skew_seconds = skew,
            "this machine's clock differs from Bedrock's; signatures use Bedrock's time"
        );
        true
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(not(test))]
fn system_now() -> SystemTime {
    SystemTime::now()
}

/// In tests time moves with tokio's clock, which they can pause.
#[cfg(test)]
fn system_now() -> SystemTime {
    use std::sync::OnceLock;
    use tokio::time::Instant;

    thread_local! {
        static START: OnceLock<(SystemTime, Instant)> = const { OnceLock::new() };
    }
    START.with(|start| {
        let (system, instant) = start.get_or_init(|| (SystemTime::now(), Instant::now()));
        *system + instant.elapsed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_ten_minutes_off_corrects_the_clock_once() {
        let clock = Clock::default();
        let theirs = SystemTime::now() + Duration::from_secs(600);
        assert!(clock.correct(&httpdate::fmt_http_date(theirs)));
        let error = clock.now().duration_since(theirs).unwrap_or_else(|error| error.duration());
        assert!(error < Duration::from_secs(5), "{error:?}");
        assert!(!clock.correct(&httpdate::fmt_http_date(theirs)));
        assert!(clock.correct(&httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(600))));
    }

    #[test]
    fn small_differences_and_unreadable_dates_change_nothing() {
        let clock = Clock::default();
        assert!(!clock.correct(&httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100))));
        assert!(!clock.correct("yesterday"));
    }
}
