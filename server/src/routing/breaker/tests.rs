//! The breaker, with a paused clock.

use super::*;

const FAILURE: Verdict = Verdict::Failure("SERVICE_UNAVAILABLE");

fn breaker() -> Arc<Breaker> {
    Arc::default()
}

/// Fails until the target is ejected. Returns the time until the probe.
fn eject(breaker: &Arc<Breaker>) -> Duration {
    for _ in 0..CONSECUTIVE_FAILURES {
        if let Some(Change::Ejected(time)) = breaker.admit().unwrap().record(FAILURE) {
            return time;
        }
    }
    panic!("not ejected");
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let breaker = breaker();
    for _ in 0..3 {
        (0..4).for_each(|_| assert_eq!(breaker.admit().unwrap().record(FAILURE), None));
        breaker.admit().unwrap().record(Verdict::Success);
    }
    assert!(eject(&breaker) <= Duration::from_millis(2500));
    assert!(breaker.admit().is_none());
    assert_eq!(breaker.report().ejection.unwrap().reason, "SERVICE_UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn half_of_twenty_attempts_in_ten_seconds_eject() {
    let breaker = breaker();
    let changes: Vec<_> =
        (0..20).map(|n| breaker.admit().unwrap().record(if n % 2 == 0 { Verdict::Success } else { FAILURE })).collect();
    assert!(changes[..19].iter().all(Option::is_none));
    assert!(matches!(changes[19], Some(Change::Ejected(_))));
}

#[tokio::test(start_paused = true)]
async fn failures_of_an_earlier_time_do_not_count_for_the_rate() {
    let breaker = breaker();
    for n in 0..40 {
        assert_eq!(breaker.admit().unwrap().record(if n % 2 == 0 { Verdict::Success } else { FAILURE }), None);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_probes_and_its_success_restores() {
    let breaker = breaker();
    let time = eject(&breaker);
    tokio::time::advance(time).await;
    let mut probe = breaker.admit().unwrap();
    assert!(probe.is_probe() && breaker.admit().is_none(), "one call at a time");
    assert_eq!(probe.record(Verdict::Success), Some(Change::Restored));
    assert!(breaker.admit().is_some_and(|pass| !pass.is_probe()));
}

#[tokio::test(start_paused = true)]
async fn failed_probes_double_the_time_up_to_half_a_minute() {
    let breaker = breaker();
    let mut times = vec![eject(&breaker)];
    for _ in 0..8 {
        tokio::time::advance(*times.last().unwrap()).await;
        let Some(Change::Ejected(time)) = breaker.admit().unwrap().record(FAILURE) else { panic!("not ejected") };
        times.push(time);
    }
    let expected = [2, 4, 8, 16, 20, 20, 20, 20, 20].map(Duration::from_secs);
    for (time, expected) in times.iter().zip(expected) {
        assert!(*time >= expected.mul_f64(0.75) && *time <= expected.mul_f64(1.25), "{times:?}");
    }
    assert!(times.iter().all(|time| *time <= Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn probe_without_a_result_leaves_the_probe_to_the_next_call() {
    let breaker = breaker();
    let time = eject(&breaker);
    tokio::time::advance(time).await;
    drop(breaker.admit().unwrap());
    assert!(breaker.admit().unwrap().is_probe());
}

#[tokio::test(start_paused = true)]
async fn late_failures_of_earlier_calls_do_not_make_the_ejection_longer() {
    let breaker = breaker();
    let mut late = breaker.admit().unwrap();
    let time = eject(&breaker);
    assert_eq!(late.record(FAILURE), None);
    tokio::time::advance(time).await;
    assert!(breaker.admit().is_some());
}

#[tokio::test(start_paused = true)]
async fn late_results_of_earlier_calls_do_not_end_the_ejection_or_count_after_it() {
    let breaker = breaker();
    let mut earlier: Vec<_> = (0..30).map(|_| breaker.admit().unwrap()).collect();
    let time = eject(&breaker);
    assert_eq!(earlier.pop().unwrap().record(Verdict::Success), None);
    assert!(breaker.admit().is_none(), "an earlier call ended the ejection");
    earlier.iter_mut().for_each(|pass| assert_eq!(pass.record(FAILURE), None));
    tokio::time::advance(time).await;
    assert_eq!(breaker.admit().unwrap().record(Verdict::Success), Some(Change::Restored));
    assert_eq!(breaker.report().recent, (0, 0));
    assert_eq!(breaker.admit().unwrap().record(FAILURE), None, "one failure after the probe does not eject");
}

#[tokio::test(start_paused = true)]
async fn call_that_was_sent_because_no_target_is_left_ends_the_ejection() {
    let breaker = breaker();
    eject(&breaker);
    assert_eq!(breaker.admit_always().record(Verdict::Success), Some(Change::Restored));
}

#[tokio::test(start_paused = true)]
async fn daily_quota_ejects_until_the_next_utc_day() {
    let breaker = breaker();
    let wanted = DAY - SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % DAY;
    let Some(Change::Ejected(time)) = breaker.admit().unwrap().record(Verdict::DailyQuota("THROTTLING")) else {
        panic!("not ejected")
    };
    // A second may pass during the test, and a day may begin.
    assert!((wanted - 2..=wanted + 61).contains(&time.as_secs()) || wanted <= 2, "{time:?}, {wanted}");
    let noon = UNIX_EPOCH + Duration::from_secs(DAY / 2);
    assert_eq!(time_to_next_day(noon).as_secs() / 60, 12 * 60);
}

#[tokio::test(start_paused = true)]
async fn failure_after_a_daily_quota_does_not_make_the_ejection_shorter() {
    let breaker = breaker();
    let mut late = breaker.admit().unwrap();
    breaker.admit().unwrap().record(Verdict::DailyQuota("THROTTLING"));
    assert_eq!(late.record(FAILURE), None);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!breaker.is_available());
}
