//! When a call has to be over. tonic sends `grpc-timeout` but holds a call to it only until its headers arrive, and ends it
//! as CANCELLED; a gRPC client ends it as DEADLINE_EXCEEDED, its stream included.
//! <https://grpc.io/docs/guides/deadlines/>

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::Error;

pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The most that `grpc-timeout` can say: eight digits of hours. tonic panics beyond it.
pub(crate) const LONGEST: Duration = Duration::from_secs(99_999_999 * 3600);

/// The end of a call's time, if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// As the request's `grpc-timeout` says, from now on. A malformed one is left for the service to refuse.
    pub(crate) fn of(metadata: &MetadataMap) -> Self {
        let timeout = metadata.get(GRPC_TIMEOUT).and_then(|value| parse(value.to_str().ok()?));
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Runs `call` no longer than the deadline.
    pub(crate) async fn bound<T>(self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Error> {
        let Some(at) = self.0 else { return call.await.map_err(Error::from) };
        match timeout_at(at, call).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(status)) => Err(self.name(status).into()),
            Err(_) => Err(exceeded().into()),
        }
    }

    /// tonic's timers, on either side, may win against ours by a hair; their CANCELLED has no details.
    pub(crate) fn name(self, status: Status) -> Status {
        let over = self.0.is_some_and(|at| at <= Instant::now());
        if over && status.code() == Code::Cancelled && status.details().is_empty() { exceeded() } else { status }
    }
}

pub(crate) fn exceeded() -> Status {
    Status::deadline_exceeded("the call took longer than its timeout")
}

/// Up to eight digits and a unit.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>
fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("4m", 4_000_000),
            ("5u", 5_000),
            ("6n", 6),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse("99999999H"), Some(LONGEST));
    }

    #[test]
    fn what_is_malformed_sets_no_deadline() {
        for text in ["", "S", "1", "+1S", "-1S", "123456789S", "1s", "1 S", "1é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_longest_timeout_is_one_that_tonic_can_write() {
        let mut request = tonic::Request::new(());
        request.set_timeout(Duration::MAX.min(LONGEST));
        assert_eq!(request.metadata().get(GRPC_TIMEOUT).unwrap(), "99999999H");
    }

    #[tokio::test]
    async fn a_late_cancelled_without_details_is_the_deadline_and_any_other_is_not() {
        let past = Deadline(Some(Instant::now()));
        let none = Deadline(None);
        let own = || Status::cancelled("Timeout expired");
        assert_eq!(past.name(own()).code(), Code::DeadlineExceeded);
        assert_eq!(none.name(own()).code(), Code::Cancelled);
        assert_eq!(past.name(Status::with_details(Code::Cancelled, "", "x".into())).code(), Code::Cancelled);
        assert_eq!(past.name(Status::unavailable("")).code(), Code::Unavailable);
    }
}
