//! The only layer that retries. It does so before the caller has seen anything, as `status::table` says.

use std::future::Future;
use std::time::Duration;

use super::Call;
use crate::status::{Failure, Phase, Retry, Verdict};
use crate::upstream::{Readiness, Target, Upstream};

/// How often Bedrock is asked at most for one call.
pub const MAX_ATTEMPTS: u32 = 3;

/// The longest wait between attempts. A longer one is the caller's to decide: it is told how long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// One try at a call.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
}

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
        mut ask: impl FnMut(Attempt) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut spent = Spent::default();
        loop {
            let generation = upstream.generation();
            let number = self.with(|record| {
                record.facts.region = Some(target.region.clone());
                record.facts.phase = Phase::Request;
                record.facts.request_id = None;
                record.facts.attempts += 1;
                record.facts.attempts
            });
            let span = self.trace().attempt(number, target);
            let failure = match ask(Attempt { number }).await {
                Ok(answer) => {
                    upstream.set_readiness(Readiness::Ready);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let verdict = Verdict::of(&failure);
            span.fail(&verdict);
            if verdict.retry == Retry::OnceRefreshed && spent.refreshed {
                upstream.set_readiness(Readiness::Refused);
            }
            let delay = verdict.delay(&failure, number);
            if !spent.allows(&verdict) || number >= MAX_ATTEMPTS || !self.can_wait(delay) {
                return Err(failure);
            }
            tracing::debug!(attempt = number, reason = %verdict.reason, delay_ms = delay.as_millis(), "asking Bedrock again");
            if verdict.retry == Retry::OnceRefreshed {
                upstream.refresh(generation).await;
            } else {
                tokio::time::sleep(delay).await;
            }
        }
    }

    fn can_wait(&self, delay: Duration) -> bool {
        let now = tokio::time::Instant::now();
        delay <= LONGEST_WAIT && self.deadline.is_none_or(|deadline| now + delay < deadline)
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
