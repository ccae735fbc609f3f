//! The only layer that retries. It retries before the caller has received anything, as `error::classification` decides.

use std::future::Future;
use std::time::Duration;

use tower::retry::budget::Budget as _;

use super::context::Phase;
use super::lifecycle::Call;
use crate::bedrock::{Target, Upstream};
use crate::error::{Failure, Retry};
use crate::telemetry::{count_retry, measure_attempt};

/// Maximum wait between two attempts. The caller decides about a longer wait: the status contains the delay.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(20);

/// Which of the retries that a call gets only once have been used.
#[derive(Default)]
struct UsedRetries {
    once: bool,
    refreshed: bool,
}

impl Call {
    /// Runs `attempt` until it succeeds, the failure does not allow a retry, no attempts are left, or the deadline would
    /// expire during the wait.
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub(crate) async fn run_with_retries<T, F>(
        &self,
        upstream: &Upstream,
        target: &Target,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut used = UsedRetries::default();
        let budget = upstream.retry_budget(target);
        budget.deposit();
        loop {
            let generation = upstream.generation();
            let failure = match self.run_attempt(upstream, target, generation, attempt()).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let attempts = self.update(|record| record.context.attempts);
            let classification = failure.classify();
            let rejects_credentials = classification.retry == Retry::OnceRefreshed;
            let was_refreshed = used.refreshed;
            let delay = classification.retry_delay(&failure, attempts);
            let may_retry = attempts < self.max_attempts && self.can_wait(delay) && used.allow(classification.retry);
            let is_retried = may_retry && budget.withdraw();
            if !is_retried {
                if may_retry {
                    tracing::debug!(attempts, reason = %classification.reason, "no retry: the target's budget is used up");
                }
                if rejects_credentials && was_refreshed {
                    upstream.record_rejected(generation, target, &failure);
                } else if rejects_credentials {
                    refresh_for_later_calls(upstream, target, generation, &failure).await;
                }
                return Err(failure);
            }
            tracing::debug!(attempts, reason = %classification.reason, delay_ms = delay.as_millis(), "retrying");
            self.update(|record| count_retry(record, classification.reason));
            self.spans().record_retry(classification.reason, delay);
            let wait_start = self.elapsed();
            if rejects_credentials {
                if upstream.is_default_region(target) {
                    upstream.refresh(generation).await;
                }
            } else {
                tokio::time::sleep(delay).await;
            }
            let waited = self.elapsed() - wait_start;
            self.add_wait(|waits| waits.bedrock += waited);
        }
    }

    /// Runs an attempt that cannot be repeated. Credentials that Bedrock rejects are reloaded for the calls that follow.
    ///
    /// # Errors
    /// The failure of the attempt.
    pub(crate) async fn run_without_retry<T>(
        &self,
        upstream: &Upstream,
        target: &Target,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let generation = upstream.generation();
        let outcome = self.run_attempt(upstream, target, generation, attempt).await;
        if let Err(failure) = &outcome
            && failure.classify().retry == Retry::OnceRefreshed
        {
            refresh_for_later_calls(upstream, target, generation, failure).await;
        }
        outcome
    }

    /// Runs one attempt: counts it, traces it, and marks the gateway as ready when Bedrock accepted the credentials.
    async fn run_attempt<T>(
        &self,
        upstream: &Upstream,
        target: &Target,
        generation: u64,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let number = self.update(|record| {
            record.context.region = Some(target.region.clone());
            record.billing.model = target.model_id.clone();
            record.region = Some(target.region.clone().into());
            record.context.phase = Phase::Request;
            record.context.request_id = None;
            record.context.attempts += 1;
            record.context.attempts
        });
        let span = self.spans().start_attempt(number, &target.region);
        let start = self.elapsed();
        let outcome = attempt.await;
        let error = outcome.as_ref().err().map(|failure| failure.classify().reason);
        self.record_attempt_end(start, error);
        match &outcome {
            Ok(_) => upstream.record_accepted(generation),
            Err(failure) => span.record_failure(failure.classify().reason),
        }
        outcome
    }

    /// Measures an attempt that began `start` after the start of the call.
    fn record_attempt_end(&self, start: Duration, error: Option<&'static str>) {
        let now = self.elapsed();
        self.update(|record| {
            measure_attempt(record, now - start, error);
            // Bedrock's work ends with the complete response. The gateway decodes it within the attempt.
            let end = record.first_event.filter(|end| *end > start).unwrap_or(now);
            record.waits.bedrock += end - start;
        });
    }

    fn can_wait(&self, delay: Duration) -> bool {
        let now = tokio::time::Instant::now();
        delay <= MAX_RETRY_DELAY && self.deadline.is_none_or(|deadline| now + delay < deadline)
    }
}

/// Loads credentials again after a rejection in a call that is not retried. If they were loaded a moment ago, Bedrock has
/// rejected the new ones.
async fn refresh_for_later_calls(upstream: &Upstream, target: &Target, generation: u64, failure: &Failure) {
    if upstream.is_default_region(target) && !upstream.refresh(generation).await {
        upstream.record_rejected(generation, target, failure);
    }
}

impl UsedRetries {
    /// Whether this retry is still allowed. This check uses up a retry that a call gets only once.
    fn allow(&mut self, retry: Retry) -> bool {
        match retry {
            Retry::Yes => true,
            Retry::Once => !std::mem::replace(&mut self.once, true),
            Retry::OnceRefreshed => !std::mem::replace(&mut self.refreshed, true),
            // A call has only one target today, so there is no next one.
            Retry::Never | Retry::NextTarget => false,
        }
    }
}

#[cfg(test)]
mod tests;
