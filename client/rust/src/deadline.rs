//! The deadline of a call.
//!
//! tonic sends `grpc-timeout`, but it enforces the timeout only until the response headers arrive, and it reports CANCELLED.
//! A gRPC client must report DEADLINE_EXCEEDED, also in the middle of a stream. <https://grpc.io/docs/guides/deadlines/>

use std::future::Future;
use std::time::Duration;

use bedrock_grpc_schema::grpc_timeout;
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

/// The instant at which a call must end, if it has one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline of a request with this metadata that starts now. A malformed `grpc-timeout` sets no deadline here,
    /// because the gateway rejects it.
    pub(crate) fn from_metadata(metadata: &MetadataMap) -> Self {
        let timeout = metadata.get(grpc_timeout::HEADER).and_then(|value| grpc_timeout::parse(value.to_str().ok()?));
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    pub(crate) fn instant(self) -> Option<Instant> {
        self.0
    }

    /// The time that is left. `None` without a deadline.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Awaits `call`, but not longer than the deadline.
    pub(crate) async fn enforce<T>(self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let Some(at) = self.0 else { return call.await };
        match timeout_at(at, call).await {
            Ok(result) => result.map_err(|status| self.correct_status(status)),
            Err(_) => Err(deadline_exceeded()),
        }
    }

    /// Replaces the CANCELLED of a tonic timer, which may fire just before ours, by DEADLINE_EXCEEDED. tonic's own status
    /// has no details.
    pub(crate) fn correct_status(self, status: Status) -> Status {
        let has_passed = self.0.is_some_and(|at| at <= Instant::now());
        let is_tonics_timer = status.code() == Code::Cancelled && status.details().is_empty();
        if has_passed && is_tonics_timer { deadline_exceeded() } else { status }
    }
}

/// The status of a call that exceeds its deadline on this side.
pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call exceeded its deadline")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tonic_can_write_the_longest_timeout() {
        let mut request = tonic::Request::new(());
        request.set_timeout(Duration::MAX.min(grpc_timeout::MAX));
        assert_eq!(request.metadata().get(grpc_timeout::HEADER).unwrap(), "99999999H");
    }

    #[tokio::test]
    async fn cancelled_without_details_after_the_deadline_becomes_deadline_exceeded() {
        let past = Deadline(Some(Instant::now()));
        let none = Deadline(None);
        let from_tonic = || Status::cancelled("Timeout expired");
        assert_eq!(past.correct_status(from_tonic()).code(), Code::DeadlineExceeded);
        assert_eq!(none.correct_status(from_tonic()).code(), Code::Cancelled);
        let with_details = Status::with_details(Code::Cancelled, "", "x".into());
        assert_eq!(past.correct_status(with_details).code(), Code::Cancelled);
        assert_eq!(past.correct_status(Status::unavailable("")).code(), Code::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_exceeds_its_deadline_ends_at_the_deadline() {
        let deadline = Deadline(Some(Instant::now() + Duration::from_secs(5)));
        let started = Instant::now();
        let status = deadline.enforce(std::future::pending::<Result<(), Status>>()).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
        assert_eq!(deadline.remaining(), Some(Duration::ZERO));
    }
}
