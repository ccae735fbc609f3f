//! What can go wrong with a call, and what to do about it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, FieldViolation, StatusExt as _};

use crate::AssembleError;
use crate::answer::REQUEST_ID;

/// The trailer by which a server tells when to retry, in milliseconds, or not to (negative).
/// <https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback>
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Why a call failed.
///
/// Its methods answer for every kind: [`status`](Self::status) and [`reason`](Self::reason) say what happened,
/// [`is_retryable`](Self::is_retryable) and [`retry_delay`](Self::retry_delay) what to do,
/// [`request_id`](Self::request_id) what to ask AWS about.
///
/// Nothing here quotes a prompt or an answer, except what Bedrock itself chose to quote in its message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The call ended with a status, from the service or from this side's gRPC library.
    #[error(transparent)]
    Rpc(Box<Failure>),

    /// There is no connection to the service.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// As the caller wrote it.
        endpoint: String,
        /// What happened: name resolution, TCP, TLS.
        source: tonic::transport::Error,
    },

    /// What should be an endpoint is none; nothing was tried.
    #[error("`{endpoint}` is not an endpoint: {problem}")]
    Endpoint {
        /// As the caller wrote it.
        endpoint: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// This key, or the value given for it, cannot be sent as metadata.
    #[error("metadata `{key}` cannot be sent: its name or its value is not allowed in ASCII metadata")]
    Metadata {
        /// As the caller wrote it. The value may be a secret and is not kept.
        key: String,
    },

    /// The events of a stream make no whole answer.
    #[error("{problem}")]
    Assemble {
        /// Bedrock's id of the request, if the service told it.
        request_id: Option<String>,
        /// What is missing or wrong.
        problem: AssembleError,
    },
}

impl Error {
    /// The gRPC status code. An error that no status stands for has the code that fits it: `UNAVAILABLE` without a
    /// connection, `INVALID_ARGUMENT` for an impossible endpoint or metadata.
    #[must_use]
    pub fn status(&self) -> Code {
        match self {
            Self::Rpc(failure) => failure.status.code(),
            Self::Connect { .. } => Code::Unavailable,
            Self::Endpoint { .. } | Self::Metadata { .. } => Code::InvalidArgument,
            Self::Assemble { problem: AssembleError::Incomplete, .. } => Code::Unavailable,
            Self::Assemble { problem: AssembleError::ToolInput { .. }, .. } => Code::DataLoss,
        }
    }

    /// The reason in `google.rpc.ErrorInfo`: the name of Bedrock's exception or of the service's own trouble in
    /// UPPER_SNAKE, for example `THROTTLING`; [`vocabulary::reason`](crate::vocabulary::reason) lists them. `None` if the
    /// failure did not come from the service.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.error_info().map(|info| info.reason.as_str())
    }

    /// One entry of `ErrorInfo.metadata`. The service sets, where it knows them: `phase` (how far the call was:
    /// `admission`, `request`, `first_event`, `stream`), `attempts` (how often Bedrock was asked), `retryable`,
    /// `aws_error_code`, `aws_request_id`, `operation`, `model_id`, `region`, `original_status_code` (the model's own).
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.error_info()?.metadata.get(key).map(String::as_str)
    }

    /// The message, for people: what happened and what to do. Not meant to be parsed.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Rpc(failure) => failure.status.message().into(),
            other => other.to_string().into(),
        }
    }

    /// How long to wait before the same call is made again: `google.rpc.RetryInfo`, else the trailer
    /// `grpc-retry-pushback-ms`. `None` if nobody said, or if another try cannot help.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        let failure = self.failure()?;
        match failure.pushback() {
            Some(Pushback::Stop) => None,
            Some(Pushback::After(delay)) => Some(failure.told_delay().unwrap_or(delay)),
            None => failure.told_delay(),
        }
    }

    /// Whether the same call may succeed later.
    ///
    /// The service's word counts: a negative pushback, then `retryable` in `ErrorInfo`. Where it said nothing, a failure
    /// that names a delay and `UNAVAILABLE` are retryable, nothing else. What a stream has already delivered is generated,
    /// and paid, once more.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let Some(failure) = self.failure() else {
            return matches!(self, Self::Connect { .. } | Self::Assemble { problem: AssembleError::Incomplete, .. });
        };
        match (failure.pushback(), self.metadata("retryable")) {
            (Some(Pushback::Stop), _) => false,
            (_, Some(told)) => told == "true",
            (Some(Pushback::After(_)), None) => true,
            (None, None) => failure.told_delay().is_some() || failure.status.code() == Code::Unavailable,
        }
    }

    /// Bedrock's id of the request, which AWS support asks for. `None` if Bedrock was not asked or did not answer.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let found = match self {
            Self::Assemble { request_id, .. } => request_id.as_deref(),
            _ => self.details().and_then(|details| Some(details.request_info()?.request_id.as_str())),
        };
        let in_trailers = || self.tonic_status()?.metadata().get(REQUEST_ID)?.to_str().ok();
        found.filter(|id| !id.is_empty()).or_else(|| self.metadata("aws_request_id")).or_else(in_trailers)
    }

    /// The fields of the request that are wrong (`google.rpc.BadRequest`), by their JSON names, for example
    /// `messages[0].content[2].toolUse.input`. Empty if none could be named.
    #[must_use]
    pub fn field_violations(&self) -> &[FieldViolation] {
        let bad_request = self.details().and_then(ErrorDetails::bad_request);
        bad_request.map(|bad| bad.field_violations.as_slice()).unwrap_or_default()
    }

    /// All of the status's `google.rpc` details: quota and precondition failures, links to help, and those above.
    #[must_use]
    pub fn details(&self) -> Option<&ErrorDetails> {
        self.failure().map(|failure| &failure.details)
    }

    /// The status as it came, trailers included.
    #[must_use]
    pub fn tonic_status(&self) -> Option<&Status> {
        self.failure().map(|failure| &failure.status)
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Rpc(failure) => Some(failure),
            _ => None,
        }
    }

    fn error_info(&self) -> Option<&ErrorInfo> {
        self.details()?.error_info()
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let status = named(status);
        // Details that do not decode are none; the code and the message still count.
        let details = status.get_error_details();
        Self::Rpc(Box::new(Failure { status, details }))
    }
}

/// A broken connection is UNAVAILABLE to gRPC (<https://grpc.io/docs/guides/status-codes/>), but tonic makes it UNKNOWN. Only
/// a status that was made on this side has a source.
fn named(status: Status) -> Status {
    use std::error::Error as _;
    if status.code() != Code::Unknown || status.source().is_none() {
        return status;
    }
    let mut named = Status::unavailable(format!("the connection to the service broke: {}", status.message()));
    *named.metadata_mut() = status.metadata().clone();
    named.set_source(Arc::new(status));
    named
}

/// For a gRPC service that passes its own upstream's failure on: the status as it came, or one with the same code.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Rpc(failure) => failure.status,
            other => Self::new(other.status(), other.to_string()),
        }
    }
}

/// A status and its details, read.
#[derive(Debug)]
pub struct Failure {
    status: Status,
    details: ErrorDetails,
}

/// What the server says about retrying.
enum Pushback {
    After(Duration),
    Stop,
}

impl Failure {
    fn told_delay(&self) -> Option<Duration> {
        self.details.retry_info()?.retry_delay
    }

    /// gRFC A6: a value that is no 32-bit number means the same as a negative one.
    fn pushback(&self) -> Option<Pushback> {
        let value = self.status.metadata().get(PUSHBACK)?;
        let millis = value.to_str().ok().and_then(|text| text.parse::<i32>().ok());
        let delay = millis.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
        Some(delay.map_or(Pushback::Stop, Pushback::After))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.status.code())?;
        if let Some(info) = self.details.error_info() {
            write!(f, " ({})", info.reason)?;
        }
        write!(f, ": {}", self.status.message())
    }
}

/// The status is told in full by Display, so the source is what caused it on this side, if anything.
impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.status.source()
    }
}

#[cfg(test)]
mod tests;
