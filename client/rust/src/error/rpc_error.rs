//! A gRPC status with its decoded `google.rpc` details.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The trailer in which a server says when to retry: milliseconds, or a negative number for "do not retry".
/// <https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback>
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// A gRPC status with its decoded details.
#[derive(Debug)]
pub struct RpcError {
    pub(super) status: Status,
    pub(super) details: ErrorDetails,
}

/// The server's decision about a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    /// Retry after this time.
    RetryAfter(Duration),
    /// Do not retry.
    DoNotRetry,
}

impl RpcError {
    pub(super) fn new(status: Status) -> Self {
        let status = connection_error_as_unavailable(status);
        // Details that cannot be decoded count as absent. The code and the message are still valid.
        let details = status.get_error_details();
        Self { status, details }
    }

    /// The delay in `google.rpc.RetryInfo`.
    pub(super) fn retry_info_delay(&self) -> Option<Duration> {
        self.details.retry_info()?.retry_delay
    }

    /// The value of the pushback trailer. gRFC A6: a value that is not a 32-bit number means "do not retry".
    pub(super) fn pushback(&self) -> Option<Pushback> {
        let value = self.status.metadata().get(PUSHBACK)?;
        let millis = value.to_str().ok().and_then(|text| text.parse::<i32>().ok());
        let delay = millis.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
        Some(delay.map_or(Pushback::DoNotRetry, Pushback::RetryAfter))
    }
}

/// tonic reports a broken connection as UNKNOWN. gRPC defines it as UNAVAILABLE
/// (<https://grpc.io/docs/guides/status-codes/>). Only a status that was created on this side has a source.
fn connection_error_as_unavailable(status: Status) -> Status {
    use std::error::Error as _;
    if status.code() != Code::Unknown || status.source().is_none() {
        return status;
    }
    let mut unavailable = Status::unavailable(format!("the connection to the gateway broke: {}", status.message()));
    *unavailable.metadata_mut() = status.metadata().clone();
    unavailable.set_source(Arc::new(status));
    unavailable
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.status.code())?;
        if let Some(info) = self.details.error_info() {
            write!(f, " ({})", info.reason)?;
        }
        write!(f, ": {}", self.status.message())
    }
}

/// Display shows the whole status. The source is the error on this side that caused it, if there is one.
impl std::error::Error for RpcError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.status.source()
    }
}
