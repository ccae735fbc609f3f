//! Errors of calls: what happened, and whether a retry can help.

mod rpc_error;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use bedrock_grpc_schema::errors::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, FieldViolation, QuotaViolation};

use self::rpc_error::Pushback;
pub use self::rpc_error::RpcError;
use crate::accumulator::AssembleError;
use crate::response_metadata::REQUEST_ID;

/// The error of a call.
///
/// The methods work for each variant: [`status`](Self::status) and [`reason`](Self::reason) say what happened,
/// [`is_retryable`](Self::is_retryable) and [`retry_delay`](Self::retry_delay) say what to do, and
/// [`request_id`](Self::request_id) is what AWS support needs.
///
/// No error text contains a prompt or a response, except for text that Bedrock itself quotes in its message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The call ended with a status from the gateway or from the gRPC library on this side.
    #[error(transparent)]
    Rpc(Box<RpcError>),

    /// The connection to the gateway failed.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// The endpoint as the caller wrote it.
        endpoint: String,
        /// The cause: name resolution, TCP or TLS.
        source: tonic::transport::Error,
    },

    /// The text is not a valid endpoint. The client did not try to connect.
    #[error("`{endpoint}` is not an endpoint: {problem}")]
    Endpoint {
        /// The endpoint as the caller wrote it.
        endpoint: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The key or its value is not allowed in ASCII metadata.
    #[error("metadata `{key}` cannot be sent: its name or its value is not allowed in ASCII metadata")]
    Metadata {
        /// The key as the caller wrote it. The value may be a secret and is not kept.
        key: String,
    },

    /// The events of a stream do not form a complete response.
    #[error("{problem}")]
    Assemble {
        /// Bedrock's request ID, if the gateway sent it.
        request_id: Option<String>,
        /// What is missing or wrong.
        problem: AssembleError,
    },
}

impl Error {
    /// The gRPC status code. An error without a status has the code that fits it: `UNAVAILABLE` without a connection,
    /// `INVALID_ARGUMENT` for an invalid endpoint or invalid metadata.
    #[must_use]
    pub fn status(&self) -> Code {
        match self {
            Self::Rpc(error) => error.status.code(),
            Self::Connect { .. } => Code::Unavailable,
            Self::Endpoint { .. } | Self::Metadata { .. } => Code::InvalidArgument,
            Self::Assemble { problem: AssembleError::Incomplete, .. } => Code::Unavailable,
            Self::Assemble { problem: AssembleError::ToolInput { .. }, .. } => Code::DataLoss,
        }
    }

    /// The reason as a value of the schema's enum, to match on. `None` if the error does not come from the gateway, or if the
    /// gateway is newer than this client and the reason is not in its enum; [`reason`](Self::reason) has the name then.
    #[must_use]
    pub fn known_reason(&self) -> Option<ErrorReason> {
        ErrorReason::from_str_name(self.reason()?)
    }

    /// The name of the reason in `google.rpc.ErrorInfo`, for example `THROTTLING`. `None` if the error does not come from the
    /// gateway.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.error_info().map(|info| info.reason.as_str())
    }

    /// One entry of `ErrorInfo.metadata`. The gateway sets these keys where it knows the value: `phase` (the progress of
    /// the call: `admission`, `request`, `first_event`, `stream`), `attempts` (the number of requests to Bedrock),
    /// `retryable`, `aws_error_code`, `aws_request_id`, `operation`, `model_id`, `region`, `original_status_code` (the
    /// model's own HTTP status).
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.error_info()?.metadata.get(key).map(String::as_str)
    }

    /// The message for people: what happened and what to do. Do not parse it.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Rpc(error) => error.status.message().into(),
            other => other.to_string().into(),
        }
    }

    /// The time to wait before the same call is sent again: from `google.rpc.RetryInfo`, otherwise from the trailer
    /// `grpc-retry-pushback-ms`. `None` if neither is present, or if a retry cannot help.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        let error = self.rpc_error()?;
        match error.pushback() {
            Some(Pushback::DoNotRetry) => None,
            Some(Pushback::RetryAfter(delay)) => Some(error.retry_info_delay().unwrap_or(delay)),
            None => error.retry_info_delay(),
        }
    }

    /// Whether the same call may succeed later.
    ///
    /// A negative pushback means no. Otherwise the value of `retryable` in `ErrorInfo` decides. If both are absent, an error
    /// with a retry delay and an `UNAVAILABLE` are retryable, and other errors are not. A retry after events of a stream
    /// have arrived generates them, and costs them, again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let Some(error) = self.rpc_error() else {
            return matches!(self, Self::Connect { .. } | Self::Assemble { problem: AssembleError::Incomplete, .. });
        };
        match (error.pushback(), self.metadata("retryable")) {
            (Some(Pushback::DoNotRetry), _) => false,
            (_, Some(retryable)) => retryable == "true",
            (Some(Pushback::RetryAfter(_)), None) => true,
            (None, None) => error.retry_info_delay().is_some() || error.status.code() == Code::Unavailable,
        }
    }

    /// Bedrock's request ID, which AWS support needs. `None` if no request reached Bedrock or no response came back.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let found = match self {
            Self::Assemble { request_id, .. } => request_id.as_deref(),
            _ => self.details().and_then(|details| Some(details.request_info()?.request_id.as_str())),
        };
        let in_trailers = || self.tonic_status()?.metadata().get(REQUEST_ID)?.to_str().ok();
        found.filter(|id| !id.is_empty()).or_else(|| self.metadata("aws_request_id")).or_else(in_trailers)
    }

    /// The invalid fields of the request (`google.rpc.BadRequest`) by their JSON paths, for example
    /// `messages[0].content[2].toolUse.input`. Empty if the gateway could not name a field.
    #[must_use]
    pub fn field_violations(&self) -> &[FieldViolation] {
        let bad_request = self.details().and_then(ErrorDetails::bad_request);
        bad_request.map(|bad| bad.field_violations.as_slice()).unwrap_or_default()
    }

    /// The exceeded quotas (`google.rpc.QuotaFailure`). Empty if the error is not about a quota.
    #[must_use]
    pub fn quota_violations(&self) -> &[QuotaViolation] {
        let quota_failure = self.details().and_then(ErrorDetails::quota_failure);
        quota_failure.map(|failure| failure.violations.as_slice()).unwrap_or_default()
    }

    /// All `google.rpc` details of the status: those above, precondition failures and help links.
    #[must_use]
    pub fn details(&self) -> Option<&ErrorDetails> {
        self.rpc_error().map(|error| &error.details)
    }

    /// The status with its trailers, as it arrived.
    #[must_use]
    pub fn tonic_status(&self) -> Option<&Status> {
        self.rpc_error().map(|error| &error.status)
    }

    fn rpc_error(&self) -> Option<&RpcError> {
        match self {
            Self::Rpc(error) => Some(error),
            _ => None,
        }
    }

    fn error_info(&self) -> Option<&ErrorInfo> {
        self.details()?.error_info()
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Rpc(Box::new(RpcError::new(status)))
    }
}

/// For a gRPC service that returns an error of its upstream to its own caller: the status as it arrived, or one with the same
/// code.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Rpc(error) => error.status,
            other => Self::new(other.status(), other.to_string()),
        }
    }
}
