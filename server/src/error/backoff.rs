//! How long to wait before a retry.

use std::time::Duration;

use rand::RngExt as _;

/// Backoff with full jitter: a random time between 0 and min(`cap`, `base` x 2^(attempts - 1)).
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// No wait: the caller gets the minimum pushback.
    pub(super) const NONE: Self = Self::new(0, 0);
    /// For connection errors. A new connection succeeds at once, or not for a long time.
    pub(super) const CONNECT: Self = Self::new(50, 2_000);
    /// For server errors. Base and cap are those of the AWS SDKs.
    pub(super) const SERVER: Self = Self::new(500, 20_000);
    /// For throttling. Quotas count by the minute, and tokens are refilled by the second.
    pub(super) const THROTTLED: Self = Self::new(1_000, 20_000);
    /// For a model that is not loaded. Loading takes long: the AWS SDKs retry it for a minute.
    pub(super) const NOT_READY: Self = Self::new(5_000, 60_000);

    /// For the gateway's own limits. Requests leave the gateway within milliseconds, so that room appears soon; the jitter
    /// spreads the callers that were rejected together.
    pub(super) const ADMISSION: Self = Self::new(1_000, 10_000);

    /// After too many failed attempts. They are counted by the minute.
    pub(super) const ATTEMPTS: Self = Self::new(30_000, 60_000);

    const fn new(base_ms: u64, cap_ms: u64) -> Self {
        Self { base: Duration::from_millis(base_ms), cap: Duration::from_millis(cap_ms) }
    }

    /// A random delay after `attempts` failed attempts.
    #[must_use]
    pub(super) fn delay(&self, attempts: u32) -> Duration {
        self.max_delay(attempts).mul_f64(rand::rng().random::<f64>())
    }

    /// The largest delay that [`Backoff::delay`] can return after `attempts` failed attempts.
    fn max_delay(&self, attempts: u32) -> Duration {
        self.base.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_delay_doubles_with_each_attempt_up_to_the_cap() {
        let seconds = |attempts| Backoff::THROTTLED.max_delay(attempts).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(seconds), [1, 2, 4, 8, 16, 20, 20]);
        assert_eq!(Backoff::NOT_READY.max_delay(u32::MAX), Duration::from_secs(60));
        assert_eq!(Backoff::SERVER.max_delay(0), Duration::from_millis(500));
    }

    #[test]
    fn delays_are_spread_over_the_whole_range() {
        let delays: Vec<_> = (0..1000).map(|_| Backoff::THROTTLED.delay(3)).collect();
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(4)));
        // The probability that one of these fails by chance is below 1e-100.
        assert!(delays.iter().any(|delay| *delay < Duration::from_secs(1)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(3)));
    }

    #[test]
    fn no_backoff_means_no_delay() {
        assert_eq!(Backoff::NONE.delay(3), Duration::ZERO);
    }
}
