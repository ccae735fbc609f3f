//! The only layer that retries. It does so before the caller has seen anything, as `error::table` says.

use std::future::Future;
use std::time::Duration;

use super::Call;
use crate::bedrock::{Readiness, Target, Upstream};
use crate::error::{Failure, Phase, Retry, Verdict};

/// How often Bedrock is asked at most for one call.
pub const MAX_ATTEMPTS: u32 = 3;

/// The longest wait between attempts. A longer one is the caller's to decide: it is told how long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What has been spent of the retries that are had only once.
#[derive(Default)]
struct Spent {
    once: bool,
    refreshed: bool,
}

impl Call {
    /// Calls `ask` until it succeeds, the failure is one that asking again cannot mend, the attempts are used up, or the
    /// deadline would pass in waiting.
    ///
    /// # Errors
    /// The last attempt's failure.
    pub async fn attempts<T, F>(
        &self,
        upstream: &Upstream,
        target: &Target,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut spent = Spent::default();
        loop {
            let generation = upstream.generation();
            let failure = match self.once(upstream, target, ask()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let attempts = self.with(|record| record.facts.attempts);
            let verdict = Verdict::of(&failure);
            if verdict.retry == Retry::OnceRefreshed && spent.refreshed {
                unready(upstream, target, &failure);
            }
            let delay = verdict.delay(&failure, attempts);
            if !spent.allows(&verdict) || attempts >= MAX_ATTEMPTS || !self.can_wait(delay) {
                return Err(failure);
            }
            tracing::debug!(attempts, reason = %verdict.reason, delay_ms = delay.as_millis(), "asking Bedrock again");
            if verdict.retry == Retry::OnceRefreshed {
                if upstream.is_home(target) {
                    upstream.refresh(generation).await;
                }
            } else {
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// One attempt: counted, traced, and told to readiness when Bedrock took our credentials.
    ///
    /// # Errors
    /// The attempt's failure.
    async fn once<T>(
        &self,
        upstream: &Upstream,
        target: &Target,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let number = self.with(|record| {
            record.facts.region = Some(target.region.clone());
            record.facts.phase = Phase::Request;
            record.facts.request_id = None;
            record.facts.attempts += 1;
            record.facts.attempts
        });
        let span = self.trace().attempt(number, target);
        let outcome = attempt.await;
        match &outcome {
            Ok(_) => upstream.set_readiness(Readiness::Ready),
            Err(failure) => span.fail(&Verdict::of(failure)),
        }
        outcome
    }

    /// One attempt that cannot be repeated. Credentials that Bedrock refuses are loaded anew for the calls that follow.
    ///
    /// # Errors
    /// The attempt's failure.
    pub async fn only<T>(
        &self,
        upstream: &Upstream,
        target: &Target,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let generation = upstream.generation();
        let outcome = self.once(upstream, target, attempt).await;
        if let Err(failure) = &outcome
            && Verdict::of(failure).retry == Retry::OnceRefreshed
            && upstream.is_home(target)
            && !upstream.refresh(generation).await
        {
            unready(upstream, target, failure);
        }
        outcome
    }

    fn can_wait(&self, delay: Duration) -> bool {
        let now = tokio::time::Instant::now();
        delay <= LONGEST_WAIT && self.deadline.is_none_or(|deadline| now + delay < deadline)
    }
}

/// Credentials that Bedrock refuses, or that there are none of, in the gateway's own Region.
fn unready(upstream: &Upstream, target: &Target, failure: &Failure) {
    match failure {
        Failure::NoCredentials(_) => upstream.set_readiness(Readiness::NoCredentials),
        _ if upstream.is_home(target) => upstream.set_readiness(Readiness::Refused),
        _ => {}
    }
}

impl Spent {
    fn allows(&mut self, verdict: &Verdict) -> bool {
        match verdict.retry {
            Retry::Yes => true,
            Retry::Once => !std::mem::replace(&mut self.once, true),
            Retry::OnceRefreshed => !std::mem::replace(&mut self.refreshed, true),
            // There is one target as yet.
            Retry::Never | Retry::NextTarget => false,
        }
    }
}
