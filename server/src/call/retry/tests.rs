//! Retries, with a paused clock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::MAX_RETRY_DELAY;
use crate::bedrock::{Settings, Subject, Upstream};
use crate::call::lifecycle::Call;
use crate::call::options::CallOptions;
use crate::call::{CallSettings, Shutdown};
use crate::callers::Caller;
use crate::error::{Exception, Failure};
use crate::routing::{Bedrock, Policy};

/// A gateway that has no connection to Bedrock. The tests make the results of the attempts.
async fn upstream() -> Upstream {
    Upstream::load(Settings {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some("http://127.0.0.1:9".to_owned()),
        static_credentials: Some(("id".to_owned(), "secret".to_owned())),
        ..Settings::default()
    })
    .await
    .unwrap()
}

fn call(timeout: Option<Duration>) -> Arc<Call> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    Call::start(
        "",
        &HeaderMap::new(),
        CallSettings::default(),
        Shutdown::default(),
        deadline,
        CallOptions::default(),
        Arc::default(),
    )
}

fn exception(name: &str) -> Failure {
    Failure::Exception(Exception { name: Some(name.to_owned()), ..Exception::default() })
}

fn throttled_with_retry_after(seconds: u64) -> Failure {
    Failure::Exception(Exception {
        name: Some("ThrottlingException".to_owned()),
        retry_after: Some(Duration::from_secs(seconds)),
        ..Exception::default()
    })
}

/// Runs a call whose attempts fail like this, one after the other, and succeed afterwards. Returns whether the call succeeded,
/// the number of attempts, and the time that it took.
async fn run(call: &Call, failures: impl IntoIterator<Item = Failure>) -> (bool, u32, Duration) {
    let bedrock = Bedrock::new(Arc::new(upstream().await));
    let authorized =
        bedrock.authorize(&Policy::default(), &Caller::anonymous(), "Converse", Subject::Model("m")).unwrap();
    let failures = RefCell::new(failures.into_iter().collect::<VecDeque<_>>());
    let started = Instant::now();
    let outcome =
        call.run_with_retries(authorized.candidates(), async |_| failures.borrow_mut().pop_front().map_or(Ok(()), Err));
    let succeeded = outcome.await.is_ok();
    (succeeded, call.update(|record| record.context.attempts), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn retryable_failure_is_attempted_three_times() {
    let failures = || (0..5).map(|_| exception("ServiceUnavailableException"));
    let (succeeded, attempts, elapsed) = run(&call(None), failures()).await;
    assert_eq!((succeeded, attempts), (false, 3));
    // The backoff's maximum is 0.5 s before the second attempt and 1 s before the third.
    assert!(elapsed <= Duration::from_millis(1500), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn call_succeeds_when_a_later_attempt_does() {
    let (succeeded, attempts, _) = run(&call(None), [exception("ThrottlingException")]).await;
    assert_eq!((succeeded, attempts), (true, 2));
}

#[tokio::test(start_paused = true)]
async fn failure_that_is_retried_once_gets_two_attempts() {
    let (succeeded, attempts, _) = run(&call(None), (0..5).map(|_| exception("InternalServerException"))).await;
    assert_eq!((succeeded, attempts), (false, 2));
}

#[tokio::test(start_paused = true)]
async fn invalid_request_is_not_retried() {
    let (succeeded, attempts, elapsed) = run(&call(None), [exception("ValidationException")]).await;
    assert_eq!((succeeded, attempts, elapsed), (false, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn retry_waits_as_long_as_bedrock_demands() {
    let (succeeded, _, elapsed) = run(&call(None), [throttled_with_retry_after(7)]).await;
    assert!(succeeded);
    assert!(elapsed >= Duration::from_secs(7) && elapsed < Duration::from_millis(7100), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_maximum_delay_is_left_to_the_caller() {
    let seconds = MAX_RETRY_DELAY.as_secs() + 1;
    let (succeeded, attempts, elapsed) = run(&call(None), [throttled_with_retry_after(seconds)]).await;
    assert_eq!((succeeded, attempts, elapsed), (false, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn retry_that_would_pass_the_deadline_is_not_started() {
    let call = call(Some(Duration::from_secs(5)));
    let (succeeded, attempts, elapsed) = run(&call, [throttled_with_retry_after(6)]).await;
    assert_eq!((succeeded, attempts, elapsed), (false, 1, Duration::ZERO));
}
