//! The only layer that retries. It retries before the caller has received anything, as `error::classification` decides.

use std::future::Future;
use std::time::Duration;

use tower::retry::budget::Budget as _;

use super::context::Phase;
use super::lifecycle::Call;
use crate::bedrock::{Target, Upstream};
use crate::error::{Classification, Failure, Retry};
use crate::routing::{Candidate, Candidates, Change, Chosen, Verdict};
use crate::telemetry::{count_retry, measure_attempt};

/// Maximum wait between two attempts. The caller decides about a longer wait: the status contains the delay.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(20);

/// Which of the retries that a call gets only once have been used. Each one is allowed once per call, not once per target.
#[derive(Default)]
struct UsedRetries {
    billed: bool,
    refreshed: bool,
}

impl Call {
    /// Runs `attempt` until it succeeds, the failure does not allow a retry, no attempts are left, or the deadline would expire
    /// during the wait. `attempt` gets the position of the target among the candidates. After a failure that another target may
    /// not have, the call goes to the next target.
    ///
    /// # Errors
    /// The failure of the last attempt.
    pub(crate) async fn run_with_retries<T, F>(
        &self,
        candidates: &Candidates,
        mut attempt: impl FnMut(usize) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut used = UsedRetries::default();
        let mut remaining = candidates.remaining();
        let mut chosen = remaining.first();
        loop {
            let may_go_on = self.max_attempts > 1 && remaining.has_next();
            let failure = match self.run_at_target(&mut chosen, &mut used, may_go_on, &mut attempt).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let classification = failure.classify();
            if self.max_attempts == 1 || !used.allow_next_target(&classification) || !self.can_wait(Duration::ZERO) {
                return Err(failure);
            }
            let Some(next) = remaining.next() else { return Err(failure) };
            tracing::debug!(
                reason = classification.reason,
                from = chosen.candidate.name.as_deref(),
                to = next.candidate.name.as_deref(),
                "the next target gets the call"
            );
            self.record_retry(classification.reason, Duration::ZERO);
            chosen = next;
        }
    }

    /// Runs the attempts at one target. With `has_next` there is another target for a call whose retries are limited.
    async fn run_at_target<T, F>(
        &self,
        chosen: &mut Chosen<'_>,
        used: &mut UsedRetries,
        has_next: bool,
        attempt: &mut impl FnMut(usize) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (upstream, target) = (&chosen.candidate.upstream, &chosen.candidate.target);
        let budget = upstream.retry_budget(target);
        budget.deposit();
        // A probe has only one attempt. If it fails, the target stays ejected, and more attempts would only delay the call.
        let is_probe = chosen.pass.as_ref().is_some_and(|pass| pass.is_probe());
        let max_attempts = if is_probe && has_next { 1 } else { self.max_attempts };
        let mut attempts = 0;
        loop {
            let generation = upstream.generation();
            attempts += 1;
            let outcome = self.run_attempt(chosen.candidate, generation, attempt(chosen.index)).await;
            let is_ejected = record_verdict(chosen, outcome.as_ref().err());
            let failure = match outcome {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let classification = failure.classify();
            let rejects_credentials = classification.retry == Retry::OnceRefreshed;
            let was_refreshed = used.refreshed;
            let delay = classification.retry_delay(&failure, attempts);
            // A call that may have been billed has only one retry. The retry is more likely to succeed at another target.
            let is_left_to_next = has_next && (is_ejected || classification.retry == Retry::Once);
            let may_retry =
                attempts < max_attempts && self.can_wait(delay) && !is_left_to_next && used.allow(classification.retry);
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
            self.record_retry(classification.reason, delay);
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

    fn record_retry(&self, reason: &'static str, delay: Duration) {
        self.update(|record| count_retry(record, reason));
        self.spans().record_retry(reason, delay);
    }

    /// Runs an attempt that cannot be repeated. Credentials that Bedrock rejects are reloaded for the calls that follow.
    ///
    /// # Errors
    /// The failure of the attempt.
    pub(crate) async fn run_without_retry<T>(
        &self,
        chosen: &mut Chosen<'_>,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (upstream, target) = (&chosen.candidate.upstream, &chosen.candidate.target);
        let generation = upstream.generation();
        let outcome = self.run_attempt(chosen.candidate, generation, attempt).await;
        record_verdict(chosen, outcome.as_ref().err());
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
        candidate: &Candidate,
        generation: u64,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Candidate { upstream, target, name, .. } = candidate;
        let number = self.update(|record| {
            record.target_name.clone_from(name);
            record.context.region = Some(target.region.clone());
            record.billing.model = target.model_id.clone();
            record.region = Some(target.region.clone().into());
            record.context.phase = Phase::Request;
            record.context.request_id = None;
            record.context.attempts += 1;
            record.context.attempts
        });
        let span = self.spans().start_attempt(number, &target.region, name.as_deref());
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

/// Records what the result of an attempt shows about its target, and logs a change of the target's state.
/// Returns whether the result ejects the target.
fn record_verdict(chosen: &mut Chosen<'_>, failure: Option<&Failure>) -> bool {
    let Some(pass) = &mut chosen.pass else { return false };
    let classification = failure.map(Failure::classify);
    let verdict = match (failure, &classification) {
        (Some(Failure::Exception(exception)), Some(class))
            if class.code == tonic::Code::ResourceExhausted && exception.is_daily() =>
        {
            Verdict::DailyQuota(class.reason)
        }
        (_, Some(class)) if class.is_fault_of_target() => Verdict::Failure(class.reason),
        // The failure does not show whether the target works.
        (_, Some(_)) => return false,
        (_, None) => Verdict::Success,
    };
    let target = chosen.candidate.name.as_deref();
    match pass.record(verdict) {
        Some(Change::Ejected(time)) => {
            let reason = classification.map(|class| class.reason);
            let probe_in_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(target_name = target, reason, probe_in_ms, "a target is ejected");
            true
        }
        Some(Change::Restored) => {
            tracing::info!(target_name = target, "a target gets calls again");
            false
        }
        None => false,
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
    /// Whether this retry at the same target is still allowed. This check uses up a retry that a call gets only once.
    fn allow(&mut self, retry: Retry) -> bool {
        match retry {
            Retry::Yes => true,
            Retry::Once => !std::mem::replace(&mut self.billed, true),
            Retry::OnceRefreshed => !std::mem::replace(&mut self.refreshed, true),
            Retry::Never | Retry::NextTarget => false,
        }
    }

    /// Whether the next target may get the call. This check uses up the one retry of a call that may have been billed.
    fn allow_next_target(&mut self, classification: &Classification) -> bool {
        classification.allows_next_target()
            && (!classification.may_be_billed() || !std::mem::replace(&mut self.billed, true))
    }
}

#[cfg(test)]
mod tests;
