//! Retries of a call before its response headers arrive, as gRPC libraries do them.
//! <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt as _;
use tonic::{Code, Status};

use crate::deadline::Deadline;
use crate::error::Error;

/// Retries of a call that fails before its response headers arrive.
///
/// The gateway retries at Bedrock by itself. A retry of the client helps when the gateway gave up because of a longer
/// throttling, or when the gateway itself cannot be reached. `UNAVAILABLE` and `RESOURCE_EXHAUSTED` are retried if
/// [`Error::is_retryable`] is true. The delay is the gateway's ([`Error::retry_delay`]). Only without one the client uses
/// exponential backoff with jitter. The client does not start a retry that would begin after the deadline.
///
/// StartAsyncInvoke and streams that have started are never retried.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Maximum number of attempts, the first one included. 1 turns retries off.
    pub max_attempts: u32,
    /// Maximum backoff before the first retry.
    pub initial_backoff: Duration,
    /// Maximum backoff before any retry.
    pub max_backoff: Duration,
    /// Factor between two backoffs.
    pub backoff_multiplier: f64,
}

impl Default for RetryPolicy {
    /// The values of `client/service-config.json`.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(20),
            backoff_multiplier: 2.0,
        }
    }
}

impl RetryPolicy {
    /// A policy without retries.
    #[must_use]
    pub fn disabled() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets the maximum number of attempts, the first one included.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// The delay before the next attempt, or `None` if `error` must not be retried.
    fn delay_before_retry(&self, error: &Error, attempts: u32) -> Option<Duration> {
        if attempts >= self.max_attempts || !has_retried_code(error) || !error.is_retryable() {
            return None;
        }
        Some(error.retry_delay().unwrap_or_else(|| self.jittered_backoff(attempts)))
    }

    /// A random time up to the backoff after this number of attempts.
    fn jittered_backoff(&self, attempts: u32) -> Duration {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = self.backoff_multiplier.max(1.0).powi(exponent);
        let seconds = (self.initial_backoff.as_secs_f64() * factor).min(self.max_backoff.as_secs_f64());
        Duration::from_secs_f64(seconds * rand::rng().random::<f64>())
    }
}

/// Whether the code is in the `retryableStatusCodes` of `client/service-config.json`.
fn has_retried_code(error: &Error) -> bool {
    matches!(error.status(), Code::Unavailable | Code::ResourceExhausted)
}

/// Sends attempts until one succeeds or must not be retried. `send` gets the number of previous attempts.
pub(crate) async fn run_with_retries<T, F>(
    policy: &RetryPolicy,
    throttle: &RetryThrottle,
    deadline: Deadline,
    mut send: impl FnMut(u32) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut attempts = 0;
    loop {
        let error = match deadline.enforce(send(attempts)).await {
            Ok(response) => {
                throttle.record_success();
                return Ok(response);
            }
            Err(status) => Error::from(status),
        };
        attempts += 1;
        // A failure counts also if it is not retried.
        let is_throttled = has_retried_code(&error) && !throttle.record_failure();
        let Some(delay) = policy.delay_before_retry(&error, attempts) else { return Err(error) };
        if is_throttled || deadline.remaining().is_some_and(|remaining| remaining <= delay) {
            return Err(error);
        }
        tokio::time::sleep(delay).await;
    }
}

/// Stops retries while many calls fail, so that retries cannot multiply the load of an outage: the `retryThrottling` of
/// gRFC A6. A failure takes one token and a success returns a tenth. There are no retries below half of the tokens.
#[derive(Debug)]
pub(crate) struct RetryThrottle(Mutex<f64>);

impl RetryThrottle {
    /// `maxTokens` of `client/service-config.json`.
    pub(crate) const MAX_TOKENS: f64 = 100.0;
    /// `tokenRatio` of `client/service-config.json`.
    pub(crate) const TOKEN_RATIO: f64 = 0.1;

    fn record_success(&self) {
        self.add_tokens(Self::TOKEN_RATIO);
    }

    /// Records a failure. Returns whether a retry is allowed.
    fn record_failure(&self) -> bool {
        self.add_tokens(-1.0) > Self::MAX_TOKENS / 2.0
    }

    /// Adds tokens, or removes them if the number is negative. Returns the new count.
    fn add_tokens(&self, tokens: f64) -> f64 {
        let mut count = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *count = (*count + tokens).clamp(0.0, Self::MAX_TOKENS);
        *count
    }
}

impl Default for RetryThrottle {
    fn default() -> Self {
        Self(Mutex::new(Self::MAX_TOKENS))
    }
}

#[cfg(test)]
mod tests;
