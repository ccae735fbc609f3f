//! The one table: what each failure means to the caller, and to our own retries. It matches on the exception's name, never
//! on the HTTP status, about which AWS's pages disagree among themselves.

use std::borrow::Cow;
use std::time::Duration;

use heck::ToShoutySnakeCase as _;
use rand::RngExt as _;
use tonic::Code;

use super::{Exception, Failure};

/// Whether the gateway itself asks again before the first event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Asking again cannot help, or would be paid twice.
    Never,
    /// As long as attempts are left.
    Yes,
    /// One more time.
    Once,
    /// One more time, with freshly loaded credentials.
    OnceRefreshed,
    /// Only another target (Region or model) can help.
    NextTarget,
}

/// What stands in `grpc-retry-pushback-ms`, which a gRPC client's retry policy obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    /// Nothing: it is up to the client's policy.
    None,
    /// -1: do not retry.
    Stop,
    /// Wait this long. RetryInfo says the same.
    After(Backoff),
}

/// The full-jitter backoff of a class of failures: a random time between 0 and min(`cap`, `base` x 2^(attempts - 1)).
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    const NOW: Self = Self::new(0, 0);
    /// A lost connection comes back at once or not at all.
    const CONNECT: Self = Self::new(50, 2_000);
    /// The AWS SDKs' base and cap.
    const SERVER: Self = Self::new(500, 20_000);
    /// Quotas are counted by the minute, and tokens come back by the second.
    const THROTTLED: Self = Self::new(1_000, 20_000);
    /// A cold model takes its time; the SDKs retry it for a minute.
    const NOT_READY: Self = Self::new(5_000, 60_000);

    const fn new(base_ms: u64, cap_ms: u64) -> Self {
        Self { base: Duration::from_millis(base_ms), cap: Duration::from_millis(cap_ms) }
    }

    /// How long to wait after `attempts` have failed.
    #[must_use]
    pub fn delay(&self, attempts: u32) -> Duration {
        let ceiling = self.base.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.cap);
        ceiling.mul_f64(rand::rng().random::<f64>())
    }
}

/// What a failure means.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The gRPC status.
    pub code: Code,
    /// `ErrorInfo.reason`.
    pub reason: Cow<'static, str>,
    /// Our own retries.
    pub retry: Retry,
    pub(super) pushback: Pushback,
}

impl Verdict {
    /// Looks the failure up.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        use Pushback as P;
        match failure {
            Failure::Exception(exception) => of_exception(exception),
            Failure::Invalid { .. } => row(Code::InvalidArgument, "VALIDATION", Retry::Never, P::None),
            Failure::NoRegion => row(Code::FailedPrecondition, "NO_REGION", Retry::Never, P::None),
            Failure::NoCredentials(_) => credentials(),
            Failure::Unreachable(_) => row(Code::Unavailable, "UNREACHABLE", Retry::Yes, P::After(Backoff::CONNECT)),
            Failure::NoHttp2 => row(Code::FailedPrecondition, "NO_HTTP2", Retry::Never, P::Stop),
            Failure::Truncated => row(Code::Unavailable, "STREAM_TRUNCATED", Retry::Yes, P::None),
            Failure::Undecodable(_) => row(Code::DataLoss, "DATA_LOSS", Retry::Once, P::None),
            // It is whole and has been paid for; asked again, the model would answer alike.
            Failure::UnreadableAnswer(_) => row(Code::DataLoss, "DATA_LOSS", Retry::Never, P::None),
            Failure::AnswerTooLarge(_) => row(Code::ResourceExhausted, "ANSWER_TOO_LARGE", Retry::Never, P::Stop),
            Failure::FirstEventTimeout(_) => {
                row(Code::DeadlineExceeded, "FIRST_EVENT_TIMEOUT", Retry::NextTarget, P::None)
            }
            Failure::IdleTimeout(_) => row(Code::DeadlineExceeded, "IDLE_TIMEOUT", Retry::Never, P::None),
            Failure::AnswerTimeout(_) => row(Code::DeadlineExceeded, "ANSWER_TIMEOUT", Retry::NextTarget, P::None),
            Failure::DeadlineExceeded => row(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", Retry::Never, P::None),
            Failure::MalformedTimeout => row(Code::InvalidArgument, "MALFORMED_TIMEOUT", Retry::Never, P::None),
            Failure::Draining => row(Code::Unavailable, "DRAINING", Retry::Never, P::After(Backoff::NOW)),
            Failure::Rpc(status) => of_rpc(status),
        }
    }

    /// How long to wait before asking again after `attempts` have failed: what Bedrock says, else jitter by class.
    #[must_use]
    pub fn delay(&self, failure: &Failure, attempts: u32) -> Duration {
        match (failure, self.pushback) {
            (Failure::Exception(Exception { retry_after: Some(told), .. }), _) => *told,
            (_, Pushback::After(backoff)) => backoff.delay(attempts),
            _ => Backoff::CONNECT.delay(attempts),
        }
    }

    /// Whether the caller may find that the same call succeeds later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.pushback, Pushback::After(_))
            || matches!(self.code, Code::Unavailable | Code::DataLoss) && self.pushback == Pushback::None
    }
}

fn row(code: Code, reason: impl Into<Cow<'static, str>>, retry: Retry, pushback: Pushback) -> Verdict {
    Verdict { code, reason: reason.into(), retry, pushback }
}

/// The gateway's own trouble: no retry by the caller mends it.
fn credentials() -> Verdict {
    row(Code::Unavailable, "GATEWAY_CREDENTIALS", Retry::OnceRefreshed, Pushback::Stop)
}

fn of_exception(e: &Exception) -> Verdict {
    use Pushback as P;
    let Some(name) = e.name.as_deref() else { return by_class(e) };
    let verdict = |code, retry, pushback| row(code, reason(name), retry, pushback);
    match name {
        "ValidationException" => verdict(Code::InvalidArgument, Retry::Never, P::None),
        "AccessDeniedException" => verdict(Code::PermissionDenied, Retry::Never, P::None),
        "ResourceNotFoundException" => verdict(Code::NotFound, Retry::NextTarget, P::None),
        "FTUFormNotFilled" | "OptInRequired" => verdict(Code::FailedPrecondition, Retry::Never, P::None),
        "ThrottlingException" if e.is_daily() => verdict(Code::ResourceExhausted, Retry::NextTarget, P::Stop),
        "ThrottlingException" => verdict(Code::ResourceExhausted, Retry::Yes, P::After(Backoff::THROTTLED)),
        "ServiceQuotaExceededException" => verdict(Code::ResourceExhausted, Retry::NextTarget, P::Stop),
        "ServiceUnavailableException" => verdict(Code::Unavailable, Retry::Yes, P::After(Backoff::SERVER)),
        "ModelNotReadyException" => verdict(Code::Unavailable, Retry::Yes, P::After(Backoff::NOT_READY)),
        "InternalServerException" => verdict(Code::Internal, Retry::Once, P::After(Backoff::SERVER)),
        // The same prompt would be paid again.
        "ModelTimeoutException" => verdict(Code::DeadlineExceeded, Retry::NextTarget, P::After(Backoff::SERVER)),
        "ModelErrorException" | "ModelStreamErrorException" => {
            verdict(of_model_error(e.original_status_code), Retry::Once, P::Stop)
        }
        "ConflictException" => verdict(Code::Aborted, Retry::Never, P::None),
        // Four that are seen in practice, and the rest of Bedrock's common errors that mean the same:
        // https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch" => credentials(),
        _ => Verdict { reason: reason(name), ..by_class(e) },
    }
}

/// What the model itself answered.
fn of_model_error(status: Option<u16>) -> Code {
    match status {
        Some(429 | 500..=599) => Code::Unavailable,
        Some(400..=499) => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// An exception without a name, or with one that nobody knows: only the class of the HTTP status is left.
fn by_class(e: &Exception) -> Verdict {
    use Pushback as P;
    let status = e.http_status.unwrap_or_default();
    let verdict = |code, retry, pushback| row(code, format!("HTTP_{status}"), retry, pushback);
    match status {
        0 => row(Code::Unknown, "UNNAMED", Retry::Never, P::None),
        400 | 413 => verdict(Code::InvalidArgument, Retry::Never, P::None),
        403 => verdict(Code::PermissionDenied, Retry::Never, P::None),
        404 => verdict(Code::NotFound, Retry::NextTarget, P::None),
        408 | 504 => verdict(Code::DeadlineExceeded, Retry::NextTarget, P::After(Backoff::SERVER)),
        429 => verdict(Code::ResourceExhausted, Retry::Yes, P::After(Backoff::THROTTLED)),
        500 => verdict(Code::Internal, Retry::Once, P::After(Backoff::SERVER)),
        502 | 503 => verdict(Code::Unavailable, Retry::Yes, P::After(Backoff::SERVER)),
        _ => verdict(Code::Unknown, Retry::Never, P::None),
    }
}

/// What tonic refuses by itself. Too large a message is the caller's mistake, not a range that ends (OUT_OF_RANGE); so is
/// one that does not decode.
fn of_rpc(status: &tonic::Status) -> Verdict {
    let text = status.message();
    let (code, reason) = match status.code() {
        Code::OutOfRange if text.contains("decoded message length too large") => {
            (Code::InvalidArgument, "MESSAGE_TOO_LARGE")
        }
        Code::OutOfRange if text.contains("encoded message length too large") => {
            (Code::ResourceExhausted, "ANSWER_TOO_LARGE")
        }
        Code::ResourceExhausted if text.contains("decompress") => (Code::InvalidArgument, "MESSAGE_TOO_LARGE"),
        Code::Internal if MALFORMED.iter().any(|words| text.contains(words)) => {
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        }
        Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
        Code::Cancelled => (Code::Cancelled, "CANCELLED"),
        code => (code, "RPC"),
    };
    let pushback = if reason == "ANSWER_TOO_LARGE" { Pushback::Stop } else { Pushback::None };
    row(code, reason, Retry::Never, pushback)
}

/// tonic's words for messages that it cannot read (tonic 0.14, codec/decode.rs and codec/prost.rs).
const MALFORMED: &[&str] =
    &["failed to decode", "decompress", "Missing request message", "protocol error", "Unexpected EOF"];

/// `ThrottlingException` -> `THROTTLING`. AIP-193 allows a reason 63 characters.
fn reason(name: &str) -> Cow<'static, str> {
    let mut reason =
        name.strip_suffix("Exception").filter(|rest| !rest.is_empty()).unwrap_or(name).to_shouty_snake_case();
    reason.truncate(63);
    reason.into()
}

impl Exception {
    /// "Too many tokens per day, please wait before trying again.": waiting seconds is no use.
    pub(super) fn is_daily(&self) -> bool {
        self.message.to_ascii_lowercase().contains("per day")
    }
}
