//! What a failure means: the type that the error table returns.

use std::time::Duration;

use tonic::Code;

use super::backoff::Backoff;
use super::exception::Exception;
use super::failure::Failure;

/// Whether the gateway itself retries a failure that happened before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// No retry: it cannot succeed, or it would be billed twice.
    Never,
    /// Retry while attempts are left.
    Yes,
    /// Retry once.
    Once,
    /// Retry once, with reloaded credentials.
    OnceRefreshed,
    /// Only another target (another Region, account or model) can succeed.
    NextTarget,
}

/// The value of `grpc-retry-pushback-ms`, which a gRPC client's retry policy obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    /// No value: the client's own policy decides.
    None,
    /// -1: the client must not retry.
    Stop,
    /// The client should retry after this delay. RetryInfo contains the same delay.
    After(Backoff),
}

/// What a failure means to the caller and to our own retries.
#[derive(Debug, Clone)]
pub(crate) struct Classification {
    /// The gRPC status code.
    pub(crate) code: Code,
    /// `ErrorInfo.reason`: the name of a `bedrock.errors.v1.ErrorReason`.
    pub(crate) reason: &'static str,
    /// Whether the gateway itself retries.
    pub(crate) retry: Retry,
    /// Whether and when the caller should retry.
    pub(super) pushback: Pushback,
}

impl Classification {
    /// How long to wait before a retry after `attempts` failed attempts: Bedrock's `Retry-After`, or else a random delay
    /// that depends on the kind of failure.
    #[must_use]
    pub(crate) fn retry_delay(&self, failure: &Failure, attempts: u32) -> Duration {
        match (failure, self.pushback) {
            (Failure::Exception(Exception { retry_after: Some(delay), .. }), _) => *delay,
            (_, Pushback::After(backoff)) => backoff.delay(attempts),
            _ => Backoff::CONNECT.delay(attempts),
        }
    }

    /// Whether Bedrock may have billed the request. Such a request is sent at most once more.
    #[must_use]
    pub(crate) fn may_be_billed(&self) -> bool {
        self.retry == Retry::Once || self.retry == Retry::NextTarget && self.code == Code::DeadlineExceeded
    }

    /// Whether another target may serve the call after this failure.
    #[must_use]
    pub(crate) fn allows_next_target(&self) -> bool {
        self.retry != Retry::Never
    }

    /// Whether the failure is caused by the target, and not only by the request. A caller must not be able to eject
    /// a target with its requests.
    #[must_use]
    pub(crate) fn is_fault_of_target(&self) -> bool {
        let depends_on_request = matches!(self.code, Code::InvalidArgument | Code::NotFound)
            || matches!(self.reason, "MODEL_ERROR" | "MODEL_STREAM_ERROR");
        self.retry != Retry::Never && !depends_on_request
    }

    /// Whether the same call may succeed when the caller repeats it later.
    #[must_use]
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self.pushback, Pushback::After(_))
            || matches!(self.code, Code::Unavailable | Code::DataLoss) && self.pushback == Pushback::None
    }
}
