//! The one task that loads an identity's credentials: ahead of their expiry, after rejections, and again after failures.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rand::RngExt as _;
use tokio::time::Instant;

use super::orphans::Orphans;
use super::{CredentialSource, Credentials, Readiness, Shared};

/// Maximum time of one load. The AWS SDKs' default for resolving an identity.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Minimum time between a failed load and the next one.
pub(super) const FAILURE_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time between a failed load and the next one while there are no valid credentials. Together with [`LOAD_TIMEOUT`]
/// it is below 10 s, the time in which the gateway has to recover.
const FAILURE_INTERVAL_LIMIT: Duration = Duration::from_secs(3);

/// The same while there are valid credentials.
const RENEWAL_INTERVAL_LIMIT: Duration = Duration::from_secs(60);

/// How long before their expiry credentials are loaded again, or half their lifetime if that is less. (AWS recommends five
/// minutes; instance roles have their next credentials by then.)
const LEAD: Duration = Duration::from_secs(300);

/// How often credentials without an expiry are loaded again: somebody may have replaced them.
const RECHECK_INTERVAL: Duration = Duration::from_secs(300);

/// How often rejected credentials are compared with what the source has.
const REJECTED_INTERVAL: Duration = Duration::from_secs(5);

/// Loads credentials for as long as it runs.
pub(super) struct Refresher<S> {
    source: S,
    shared: Arc<Shared>,
    failures: u32,
    /// When Bedrock rejected the credentials. `None` while it accepts them.
    rejected_at: Option<Instant>,
}

impl<S: CredentialSource> Refresher<S> {
    pub(super) fn new(source: S, shared: Arc<Shared>) -> Self {
        Self { source, shared, failures: 0, rejected_at: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            let orphans = Orphans::watch();
            let loaded = match tokio::time::timeout(LOAD_TIMEOUT, self.source.load()).await {
                Ok(loaded) => loaded,
                Err(_) => {
                    orphans.kill();
                    Err(format!("the provider did not respond within {LOAD_TIMEOUT:?}"))
                }
            };
            // Loads that were requested while this one ran are not necessary any more.
            let _ = self.shared.wanted.notified().now_or_never();
            self.publish(loaded);
            self.wait().await;
        }
    }

    fn publish(&mut self, loaded: Result<Credentials, String>) {
        let loaded = loaded.and_then(|credentials| {
            let is_valid = credentials.is_valid(&self.shared.clock);
            if is_valid { Ok(credentials) } else { Err("the provider gives credentials that have expired".to_owned()) }
        });
        self.failures = if loaded.is_ok() { 0 } else { self.failures.saturating_add(1) };
        let readiness = self.readiness(&loaded);
        if let Err(reason) = &loaded {
            let identity = self.source.name();
            tracing::warn!(identity, reason, failures = self.failures, "AWS credentials could not be loaded");
        }
        self.shared.state.send_modify(|state| {
            state.loads += 1;
            match loaded {
                Ok(credentials) => {
                    state.generation += 1;
                    state.failed = None;
                    // Unchanged credentials keep their derived keys.
                    let same = state.current.as_ref().filter(|current| current.equals(&credentials));
                    let has_same_expiry = same.is_some_and(|current| current.expires == credentials.expires);
                    if same.is_none() {
                        state.since = state.generation;
                    }
                    if !has_same_expiry {
                        state.current = Some(Arc::new(credentials));
                    }
                }
                Err(reason) => state.failed = Some((reason.into(), Instant::now())),
            }
        });
        if let Some(readiness) = readiness {
            // Without waking this task.
            self.shared.replace_readiness(readiness);
        }
    }

    /// The readiness after a load. `None` if the load does not change it.
    fn readiness(&mut self, loaded: &Result<Credentials, String>) -> Option<Readiness> {
        let was = *self.shared.readiness.borrow();
        self.rejected_at = match was {
            Readiness::Rejected => self.rejected_at.or_else(|| Some(Instant::now())),
            _ => None,
        };
        let state = self.shared.state.borrow();
        match loaded {
            // The same credentials may have been rejected for a temporary reason, so they are tried again after a while.
            Ok(credentials) => {
                let is_same = state.current.as_ref().is_some_and(|current| current.equals(credentials));
                let is_recent = self.rejected_at.is_some_and(|at| at.elapsed() < RECHECK_INTERVAL);
                (!(is_same && is_recent)).then_some(Readiness::Ready)
            }
            Err(_) => state.valid(&self.shared.clock).is_none().then_some(Readiness::NoCredentials),
        }
    }

    /// Waits until the next load is due or requested.
    async fn wait(&self) {
        let wanted = self.shared.wanted.notified();
        tokio::select! {
            () = tokio::time::sleep(self.delay()) => return,
            () = wanted => {}
        }
        if self.failures > 0 {
            tokio::time::sleep(FAILURE_INTERVAL).await;
        }
    }

    fn delay(&self) -> Duration {
        let random = rand::rng().random::<f64>();
        let state = self.shared.state.borrow();
        let now = self.shared.clock.now();
        let valid = state.valid(&self.shared.clock);
        let lifetime = valid.as_ref().and_then(|valid| valid.expires?.duration_since(now).ok());
        let is_rejected = *self.shared.readiness.borrow() == Readiness::Rejected;
        if self.failures > 0 {
            let limit = match (&valid, lifetime) {
                (None, _) => FAILURE_INTERVAL_LIMIT,
                (Some(_), None) => RENEWAL_INTERVAL_LIMIT,
                (Some(_), Some(lifetime)) => RENEWAL_INTERVAL_LIMIT.min(lifetime),
            };
            let backoff = FAILURE_INTERVAL.saturating_mul(1 << (self.failures - 1).min(6));
            return backoff.min(limit).mul_f64(0.75 + random / 4.0).max(FAILURE_INTERVAL);
        }
        if is_rejected {
            return REJECTED_INTERVAL;
        }
        match lifetime {
            // Instances of a gateway that started together must not load together.
            Some(lifetime) => {
                let lead = LEAD.min(lifetime / 2).mul_f64(1.0 + random / 5.0);
                lifetime.saturating_sub(lead).max(FAILURE_INTERVAL)
            }
            None => RECHECK_INTERVAL.mul_f64(0.9 + random / 5.0),
        }
    }
}
