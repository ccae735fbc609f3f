//! The caller's deadline. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>: `grpc-timeout` is up to eight
//! digits and a unit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::Failure;

/// The longest that is waited for, a year: tokio's timer takes no more than about two.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// When the deadline in `grpc-timeout` runs out.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Instant>, Failure> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let timeout = value.to_str().ok().and_then(parse).ok_or(Failure::MalformedTimeout)?;
    Ok(Some(Instant::now() + timeout.min(LONGEST)))
}

fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// Resolves when the deadline has passed; never, when there is none.
///
/// tonic has a timer of its own around this one and answers CANCELLED by it. It polls us first, so ours wins as long as it
/// is ready whenever tonic's is: hence the look at the clock beside the timer, whose wake-up may lie behind tonic's in the
/// same tick.
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    pub(super) fn at(instant: Option<Instant>) -> Self {
        Self(instant.map(|at| Box::pin(sleep_until(at))))
    }
}

impl Future for Deadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        if sleep.as_mut().poll(cx).is_ready() || Instant::now() >= sleep.deadline() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse("1S"), Some(Duration::from_secs(1)));
        assert_eq!(parse("99999999n"), Some(Duration::from_nanos(99_999_999)));
        assert_eq!(parse("2H"), Some(Duration::from_secs(7200)));
        for malformed in ["", "S", "1", "1s", "123456789S", "-1S", "1.5S", "1 S", "é"] {
            assert_eq!(parse(malformed), None, "{malformed}");
        }
    }
}
