//! The identity of the gateway at Bedrock: credentials that one background task keeps fresh, and whether Bedrock accepts
//! them.
//!
//! A call with valid credentials reads them from memory. A call without valid credentials waits for the load that runs. It
//! never starts a second one. Valid credentials are kept when a load fails or hangs.

mod clock;
mod orphans;
mod refresh;
mod source;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub(super) use clock::Clock;
pub(super) use source::{AwsConfigSource, CredentialSource};

use super::signing::Signer;
use crate::error::Failure;
use refresh::{LOAD_TIMEOUT, Refresher};

/// Minimum time between two loads after rejections. A load may call STS or start a process.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Whether calls can be expected to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// There are valid credentials and Bedrock has not rejected them.
    Ready,
    /// There are no valid credentials.
    NoCredentials,
    /// Bedrock rejected the credentials, also after a reload.
    Rejected,
}

/// How a request proves who sends it.
#[derive(Clone)]
pub(super) enum Authorization {
    /// Signature Version 4.
    Signature(Arc<Signer>),
    /// A Bedrock API key, as the `authorization` header's value.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html>
    Bearer(HeaderValue),
}

/// Credentials as a source gave them.
pub(super) struct Credentials {
    pub(super) authorization: Authorization,
    /// When they expire. `None` if the source does not say.
    pub(super) expires: Option<SystemTime>,
}

/// One identity: an account and a role. Calls share it.
pub(super) struct Identity {
    shared: Arc<Shared>,
    /// When credentials were last loaded because Bedrock rejected them. Locked while that load runs, so that a burst of
    /// rejected calls loads once.
    reloaded: Mutex<Option<Instant>>,
    /// Ends with the identity.
    _refresher: AbortOnDropHandle<()>,
}

/// What the identity and its refresher share.
struct Shared {
    state: watch::Sender<State>,
    readiness: watch::Sender<Readiness>,
    /// When the readiness last changed.
    readiness_since: StdMutex<SystemTime>,
    /// The `since` of the credentials that Bedrock has accepted; 0 before that.
    accepted: AtomicU64,
    /// Requests a load from the refresher.
    wanted: Notify,
    clock: Clock,
}

/// The result of the loads so far.
#[derive(Default)]
struct State {
    current: Option<Arc<Credentials>>,
    /// Grows with each successful load.
    generation: u64,
    /// The generation that first had the current key or token.
    since: u64,
    /// Grows with each load, successful or not.
    loads: u64,
    /// Why the last load failed and when, if it did.
    failed: Option<(Arc<str>, Instant)>,
}

impl Identity {
    /// An identity whose credentials come from `source`. The first load starts at once, in the background.
    pub(super) fn start(source: impl CredentialSource) -> Self {
        let shared = Arc::new(Shared {
            state: watch::channel(State::default()).0,
            readiness: watch::channel(Readiness::NoCredentials).0,
            readiness_since: StdMutex::new(SystemTime::now()),
            accepted: AtomicU64::new(0),
            wanted: Notify::new(),
            clock: Clock::default(),
        });
        let refresher = Refresher::new(source, Arc::clone(&shared));
        let refresher = AbortOnDropHandle::new(tokio::spawn(refresher.run()));
        Self { shared, reloaded: Mutex::new(None), _refresher: refresher }
    }

    /// The credentials for a request. Waits only while there are none, for as long as one load may take.
    ///
    /// # Errors
    /// [`Failure::NoCredentials`] with the source's reason.
    pub(super) async fn credentials(&self) -> Result<Arc<Credentials>, Failure> {
        let Shared { state, wanted, clock, .. } = &*self.shared;
        let mut states = state.subscribe();
        let seen = {
            let state = states.borrow_and_update();
            match state.valid(clock) {
                Some(valid) => return Ok(valid),
                // The source has just been tried.
                None if state.failed_lately() => return Err(state.failure()),
                None => state.loads,
            }
        };
        wanted.notify_one();
        let loaded = states.wait_for(|state| state.valid(clock).is_some() || state.loads > seen);
        if let Ok(Ok(state)) = tokio::time::timeout(LOAD_TIMEOUT, loaded).await {
            return state.valid(clock).ok_or_else(|| state.failure());
        }
        Err(state.borrow().failure())
    }

    /// The number of the present credentials; [`Identity::reload`] takes it.
    pub(super) fn generation(&self) -> u64 {
        self.shared.state.borrow().generation
    }

    /// Loads credentials again after Bedrock rejected those of `generation`. Returns whether newly loaded credentials are
    /// there. There are none if the last such load is less than 10 s old, or has failed.
    pub(super) async fn reload(&self, generation: u64) -> bool {
        let mut reloaded = self.reloaded.lock().await;
        let mut states = self.shared.state.subscribe();
        let seen = {
            let state = states.borrow_and_update();
            if state.generation != generation {
                return true;
            }
            state.loads
        };
        if reloaded.is_some_and(|at| at.elapsed() < RELOAD_INTERVAL) {
            return false;
        }
        self.shared.wanted.notify_one();
        let loaded = states.wait_for(|state| state.loads > seen);
        let _ = tokio::time::timeout(LOAD_TIMEOUT, loaded).await;
        *reloaded = Some(Instant::now());
        self.generation() != generation
    }

    /// Waits until the first load has succeeded or failed.
    pub(super) async fn wait_for_first_load(&self) {
        let _ = self.shared.state.subscribe().wait_for(|state| state.loads > 0).await;
    }

    /// Readiness as it changes.
    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.shared.readiness.subscribe()
    }

    /// When the present credentials expire. `None` if there are none, or if they do not expire.
    pub(super) fn expiry(&self) -> Option<SystemTime> {
        self.shared.state.borrow().current.as_ref()?.expires
    }

    /// When the readiness last changed.
    pub(super) fn readiness_since(&self) -> SystemTime {
        *self.shared.readiness_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that Bedrock accepted a request with the credentials of `generation`. Calls that started with replaced
    /// credentials change nothing.
    pub(super) fn record_accepted(&self, generation: u64) {
        let since = self.shared.state.borrow().since;
        if generation >= since && since > 0 {
            self.shared.accepted.store(since, Ordering::Relaxed);
            self.shared.set_readiness(Readiness::Ready);
        }
    }

    /// Records that Bedrock rejected the credentials of `generation`, also after a reload. If it rejected `only_signature`
    /// and has accepted other signatures of the same credentials, the cause is in one request. The other calls can be
    /// expected to succeed, so the gateway stays ready.
    pub(super) fn record_rejected(&self, generation: u64, only_signature: bool) {
        let since = self.shared.state.borrow().since;
        let is_about_request = only_signature && self.shared.accepted.load(Ordering::Relaxed) == since;
        if generation >= since && !is_about_request {
            self.shared.set_readiness(Readiness::Rejected);
        }
    }

    /// Records that a call found no credentials.
    pub(super) fn record_missing(&self) {
        let is_valid = self.shared.state.borrow().valid(&self.shared.clock).is_some();
        if !is_valid {
            self.shared.set_readiness(Readiness::NoCredentials);
        }
    }

    /// Whether requests carry a Bedrock API key.
    pub(super) fn uses_api_key(&self) -> bool {
        let state = self.shared.state.borrow();
        state.current.as_ref().is_some_and(|current| matches!(current.authorization, Authorization::Bearer(_)))
    }

    /// The time that signatures carry.
    pub(super) fn clock(&self) -> &Clock {
        &self.shared.clock
    }
}

impl Shared {
    fn replace_readiness(&self, now: Readiness) {
        if self.readiness.send_if_modified(|was| std::mem::replace(was, now) != now) {
            *self.readiness_since.lock().unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
        }
    }

    fn set_readiness(&self, now: Readiness) {
        // Most calls change nothing, and for these the read lock is enough.
        if *self.readiness.borrow() != now {
            self.replace_readiness(now);
            self.wanted.notify_one();
        }
    }
}

impl State {
    fn valid(&self, clock: &Clock) -> Option<Arc<Credentials>> {
        self.current.as_ref().filter(|credentials| credentials.is_valid(clock)).cloned()
    }

    fn failed_lately(&self) -> bool {
        self.failed.as_ref().is_some_and(|(_, at)| at.elapsed() < refresh::FAILURE_INTERVAL)
    }

    fn failure(&self) -> Failure {
        let reason = self.failed.as_ref().map(|(reason, _)| reason.to_string());
        Failure::NoCredentials(reason.unwrap_or_else(|| format!("they were not loaded within {LOAD_TIMEOUT:?}")))
    }
}

impl Credentials {
    fn is_valid(&self, clock: &Clock) -> bool {
        self.expires.is_none_or(|expires| clock.now() < expires)
    }

    /// Whether they are the same key or token.
    fn equals(&self, other: &Self) -> bool {
        match (&self.authorization, &other.authorization) {
            (Authorization::Bearer(one), Authorization::Bearer(two)) => one == two,
            (Authorization::Signature(one), Authorization::Signature(two)) => {
                let (one, two) = (one.credentials(), two.credentials());
                one.access_key_id() == two.access_key_id()
                    && one.secret_access_key() == two.secret_access_key()
                    && one.session_token() == two.session_token()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
