//! Retries with a paused clock.

use std::cell::Cell;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use super::*;

fn unavailable() -> Status {
    Status::unavailable("gone")
}

fn with_pushback(pushback: &str) -> Status {
    let mut trailers = MetadataMap::new();
    trailers.insert("grpc-retry-pushback-ms", pushback.parse().unwrap());
    Status::with_metadata(Code::ResourceExhausted, "slow down", trailers)
}

fn deadline_in(timeout: Option<Duration>) -> Deadline {
    let mut request = tonic::Request::new(());
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    Deadline::from_metadata(request.metadata())
}

/// Runs with these statuses and then a success. Returns the result, the number of attempts and the time it took.
async fn run(
    policy: &RetryPolicy,
    timeout: Option<Duration>,
    statuses: impl IntoIterator<Item = Status>,
) -> (Result<u32, Error>, u32, Duration) {
    let mut statuses = statuses.into_iter();
    let sent = Cell::new(0);
    let started = Instant::now();
    let result = run_with_retries(policy, &RetryThrottle::default(), deadline_in(timeout), |previous| {
        assert_eq!(previous, sent.replace(sent.get() + 1));
        let status = statuses.next();
        async move { status.map_or(Ok(previous), Err) }
    })
    .await;
    (result, sent.get(), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn pushback_is_the_exact_delay_before_the_retry() {
    let (result, attempts, elapsed) = run(&RetryPolicy::default(), None, [with_pushback("7000")]).await;
    assert_eq!((result.unwrap(), attempts), (1, 2));
    assert!((7000..7005).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn negative_pushback_and_other_codes_are_not_retried() {
    for status in [with_pushback("-1"), Status::internal("bug"), Status::deadline_exceeded("late")] {
        let code = status.code();
        let (result, attempts, elapsed) = run(&RetryPolicy::default(), None, [status]).await;
        assert_eq!((result.unwrap_err().status(), attempts, elapsed), (code, 1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_limited_and_backoff_grows_up_to_its_maximum() {
    let policy = RetryPolicy { max_attempts: 5, ..RetryPolicy::default() };
    let (result, attempts, elapsed) = run(&policy, None, std::iter::repeat_with(unavailable)).await;
    assert_eq!((result.unwrap_err().status(), attempts), (Code::Unavailable, 5));
    assert!(elapsed <= Duration::from_millis(500 + 1000 + 2000 + 4000 + 10), "{elapsed:?}");
    assert!((1..100).all(|attempts| policy.jittered_backoff(attempts) <= policy.max_backoff));
}

#[tokio::test(start_paused = true)]
async fn retry_that_would_start_after_the_deadline_is_not_started() {
    let timeout = Some(Duration::from_secs(5));
    let (result, attempts, elapsed) = run(&RetryPolicy::default(), timeout, [with_pushback("7000")]).await;
    assert_eq!((result.unwrap_err().status(), attempts, elapsed), (Code::ResourceExhausted, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn disabled_policy_sends_one_attempt() {
    let (result, attempts, _) = run(&RetryPolicy::disabled(), None, [unavailable()]).await;
    assert_eq!((result.unwrap_err().status(), attempts), (Code::Unavailable, 1));
}

#[test]
fn throttle_stops_retries_below_half_of_the_tokens_until_calls_succeed() {
    let throttle = RetryThrottle::default();
    assert_eq!((0..60).filter(|_| throttle.record_failure()).count(), 49);
    assert!(!throttle.record_failure());
    (0..500).for_each(|_| throttle.record_success());
    assert!(throttle.record_failure());
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_not_retried_count_for_the_throttle() {
    let throttle = RetryThrottle::default();
    let fail = |policy: RetryPolicy, status: fn() -> Status| {
        let throttle = &throttle;
        async move {
            let sent = Cell::new(0);
            let send = |_| {
                sent.set(sent.get() + 1);
                async move { Err::<(), _>(status()) }
            };
            run_with_retries(&policy, throttle, deadline_in(None), send).await.unwrap_err();
            sent.get()
        }
    };
    // A code that is not retried changes nothing.
    for _ in 0..100 {
        fail(RetryPolicy::disabled(), || Status::internal("bug")).await;
    }
    for _ in 0..49 {
        fail(RetryPolicy::disabled(), unavailable).await;
    }
    assert_eq!(fail(RetryPolicy::default(), unavailable).await, 1);
}
