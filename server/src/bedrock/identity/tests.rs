//! The refresher, with a source that a test scripts and a clock that it moves.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;

use super::*;

/// What one load does.
enum Step {
    /// Returns credentials with this name that are valid for this time after the start of the load.
    Give(&'static str, Option<Duration>),
    Fail,
    Hang,
    /// Waits for this time, then returns credentials without an expiry.
    Slow(Duration),
}

/// Loads step by step; the last step repeats.
#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<Vec<Step>>>,
    loads: Arc<AtomicUsize>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut steps: Vec<_> = steps.into_iter().collect();
        steps.reverse();
        Self { steps: Arc::new(Mutex::new(steps)), loads: Arc::default() }
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

fn credentials(id: &str, expires: Option<SystemTime>) -> Credentials {
    let credentials = aws_credential_types::Credentials::new(id, "secret", None, expires, "test");
    Credentials { authorization: Authorization::Signature(Arc::new(Signer::new(credentials).unwrap())), expires }
}

impl CredentialSource for Script {
    fn load(&self) -> impl Future<Output = Result<Credentials, String>> + Send {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let mut steps = self.steps.lock().unwrap();
        let step = match steps.last().unwrap() {
            Step::Give(id, lifetime) => Step::Give(id, *lifetime),
            Step::Fail => Step::Fail,
            Step::Hang => Step::Hang,
            Step::Slow(time) => Step::Slow(*time),
        };
        if steps.len() > 1 {
            steps.pop();
        }
        async move {
            match step {
                Step::Give(id, lifetime) => {
                    Ok(credentials(id, lifetime.map(|lifetime| Clock::default().now() + lifetime)))
                }
                Step::Fail => Err("no".to_owned()),
                Step::Hang => std::future::pending().await,
                Step::Slow(time) => {
                    tokio::time::sleep(time).await;
                    Ok(credentials("slow", None))
                }
            }
        }
    }
}

fn id(credentials: &Credentials) -> String {
    match &credentials.authorization {
        Authorization::Signature(signer) => signer.credentials().access_key_id().to_owned(),
        Authorization::Bearer(_) => "bearer".to_owned(),
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn credentials_are_loaded_again_before_they_expire() {
    let script = Script::new([Step::Give("one", Some(60 * MINUTE)), Step::Give("two", None)]);
    let identity = Identity::start(script.clone());
    assert_eq!(id(&identity.credentials().await.unwrap()), "one");
    tokio::time::sleep(53 * MINUTE).await;
    assert_eq!(script.loads(), 1);
    tokio::time::sleep(2 * MINUTE + MINUTE / 2).await;
    assert_eq!(script.loads(), 2);
    assert_eq!(id(&identity.credentials().await.unwrap()), "two");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_share_one_slow_load() {
    let script = Script::new([Step::Slow(Duration::from_secs(3))]);
    let identity = Arc::new(Identity::start(script.clone()));
    let calls = (0..8).map(|_| {
        let identity = Arc::clone(&identity);
        async move { tokio::time::timeout(Duration::from_secs(1), identity.credentials()).await.is_ok() }
    });
    assert_eq!(futures::future::join_all(calls).await, [false; 8]);
    // The callers have left; the load goes on and serves the next ones.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(id(&identity.credentials().await.unwrap()), "slow");
    assert_eq!(script.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_keeps_valid_credentials_and_readiness() {
    let script = Script::new([Step::Give("one", Some(10 * MINUTE)), Step::Fail]);
    let identity = Identity::start(script.clone());
    identity.wait_for_first_load().await;
    tokio::time::sleep(7 * MINUTE).await;
    assert!(script.loads() > 1);
    assert_eq!(id(&identity.credentials().await.unwrap()), "one");
    assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
    tokio::time::sleep(4 * MINUTE).await;
    assert!(matches!(identity.credentials().await, Err(Failure::NoCredentials(_))));
    assert_eq!(*identity.readiness().borrow(), Readiness::NoCredentials);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_given_up_and_keeps_valid_credentials() {
    let script = Script::new([Step::Give("one", Some(10 * MINUTE)), Step::Hang, Step::Hang, Step::Give("two", None)]);
    let identity = Identity::start(script.clone());
    identity.wait_for_first_load().await;
    for _ in 0..6 * 60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = identity.credentials().now_or_never();
        assert!(now.expect("a call waits").is_ok());
    }
    assert_eq!(id(&identity.credentials().await.unwrap()), "two");
    assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
}

#[tokio::test(start_paused = true)]
async fn without_credentials_the_source_is_tried_again_within_ten_seconds() {
    let hanging = Script::new([Step::Hang, Step::Give("one", None)]);
    let failing = Script::new([Step::Fail, Step::Fail, Step::Fail, Step::Fail, Step::Give("one", None)]);
    for script in [hanging, failing] {
        let identity = Identity::start(script);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
        assert_eq!(id(&identity.credentials().await.unwrap()), "one");
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_without_credentials_load_once_a_second_at_most() {
    let script = Script::new([Step::Fail]);
    let identity = Identity::start(script.clone());
    identity.wait_for_first_load().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        assert!(identity.credentials().await.is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(script.loads() <= 12, "{} loads", script.loads());
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_rejections_loads_once() {
    let script = Script::new([Step::Give("one", None), Step::Give("two", None)]);
    let identity = Identity::start(script.clone());
    identity.wait_for_first_load().await;
    let generation = identity.generation();
    let reloads = futures::future::join_all((0..20).map(|_| identity.reload(generation))).await;
    assert_eq!(reloads, [true; 20]);
    assert_eq!(script.loads(), 2);
    // Ten seconds have to pass before the next one.
    assert!(!identity.reload(identity.generation()).await);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(identity.reload(identity.generation()).await);
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_replaced_as_soon_as_the_source_has_others() {
    let script = Script::new([Step::Give("one", None), Step::Give("one", None), Step::Give("two", None)]);
    let identity = Identity::start(script.clone());
    identity.wait_for_first_load().await;
    identity.record_rejected(identity.generation(), false);
    let mut readiness = identity.readiness();
    let waited = tokio::time::timeout(Duration::from_secs(10), readiness.wait_for(|now| *now == Readiness::Ready));
    waited.await.unwrap().unwrap();
    assert_eq!(id(&identity.credentials().await.unwrap()), "two");
    assert_eq!(script.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn rejected_signature_changes_readiness_only_before_bedrock_has_accepted_the_credentials() {
    let identity = Identity::start(Script::new([Step::Give("one", None), Step::Give("two", None)]));
    identity.wait_for_first_load().await;
    identity.record_rejected(identity.generation(), true);
    assert_eq!(*identity.readiness().borrow(), Readiness::Rejected);
    identity.record_accepted(identity.generation());
    identity.record_rejected(identity.generation(), true);
    assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
    // Bedrock has accepted nothing that the next credentials signed.
    assert!(identity.reload(identity.generation()).await);
    identity.record_rejected(identity.generation(), true);
    assert_eq!(*identity.readiness().borrow(), Readiness::Rejected);
}

#[tokio::test(start_paused = true)]
async fn result_of_a_call_with_replaced_credentials_does_not_change_readiness() {
    let identity = Identity::start(Script::new([Step::Give("one", None), Step::Give("two", None)]));
    identity.wait_for_first_load().await;
    let before = identity.generation();
    assert!(identity.reload(before).await);
    identity.record_rejected(before, false);
    assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
    identity.record_rejected(identity.generation(), false);
    identity.record_accepted(before);
    assert_eq!(*identity.readiness().borrow(), Readiness::Rejected);
}

#[tokio::test(start_paused = true)]
async fn call_without_credentials_does_not_change_readiness_once_they_are_loaded() {
    let identity = Identity::start(Script::new([Step::Give("one", None)]));
    identity.wait_for_first_load().await;
    identity.record_missing();
    assert_eq!(*identity.readiness().borrow(), Readiness::Ready);
}
