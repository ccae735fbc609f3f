//! The caller's deadline, from the request header `grpc-timeout`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_grpc_schema::grpc_timeout;
use http::HeaderMap;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::Failure;

/// Maximum deadline: one year. tokio's timer accepts about two years.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads `grpc-timeout` and returns the time at which the deadline expires.
pub(super) fn parse_grpc_timeout(headers: &HeaderMap) -> Result<Option<Instant>, Failure> {
    let Some(value) = headers.get(grpc_timeout::HEADER) else { return Ok(None) };
    let timeout = value.to_str().ok().and_then(grpc_timeout::parse).ok_or(Failure::MalformedTimeout)?;
    Ok(Some(Instant::now() + timeout.min(MAX_TIMEOUT)))
}

/// A future that resolves when the deadline has expired. Without a deadline it never resolves.
///
/// tonic has its own timer around this one and ends the call with CANCELLED when that timer fires first. tonic polls our
/// future before its timer. So ours wins if it is ready whenever tonic's timer is ready. That is why `poll` also compares the
/// clock: both timers may fire in the same tick, and our timer may wake the task second.
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// A deadline that expires at `expires_at`.
    pub(super) fn new(expires_at: Option<Instant>) -> Self {
        Self(expires_at.map(|at| Box::pin(sleep_until(at))))
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
