//! The one table: what each failure means to the caller and to our own retries. It matches on the exception's name, because
//! AWS's pages contradict each other about HTTP statuses. The HTTP status decides only when the name is missing or unknown.

use bedrock_grpc_schema::wire::InvalidRequest;
use tonic::Code;

use super::backoff::Backoff;
use super::classification::{Classification, Pushback, Retry};
use super::exception::Exception;
use super::failure::Failure;
use super::reason::{UNKNOWN_EXCEPTION, is_reason, reason_from_name};

impl Failure {
    /// Looks the failure up in the table.
    #[must_use]
    pub(crate) fn classify(&self) -> Classification {
        use Pushback as P;
        match self {
            Self::Exception(exception) => classify_exception(exception),
            Self::Invalid { .. } => row(Code::InvalidArgument, "VALIDATION", Retry::Never, P::None),
            Self::InvalidRequest(InvalidRequest::UnknownField { .. }) => {
                row(Code::InvalidArgument, "UNKNOWN_FIELD", Retry::Never, P::None)
            }
            Self::InvalidRequest(_) => row(Code::InvalidArgument, "MESSAGE_TOO_LARGE", Retry::Never, P::None),
            Self::NoRegion => row(Code::FailedPrecondition, "NO_REGION", Retry::Never, P::None),
            Self::NoCredentials(_) => rejected_credentials(),
            Self::Unreachable(_) => row(Code::Unavailable, "UNREACHABLE", Retry::Yes, P::After(Backoff::CONNECT)),
            // Bedrock may have billed the first request, so there is one retry and not two.
            Self::ConnectionLost(_) => row(Code::Unavailable, "UNREACHABLE", Retry::Once, P::After(Backoff::CONNECT)),
            Self::NoHttp2 => row(Code::FailedPrecondition, "NO_HTTP2", Retry::Never, P::Stop),
            Self::Truncated => row(Code::Unavailable, "STREAM_TRUNCATED", Retry::Once, P::None),
            // The model has generated the whole response, so it has been billed. The caller decides about a second one.
            Self::TruncatedResponse => row(Code::Unavailable, "STREAM_TRUNCATED", Retry::Never, P::None),
            Self::Undecodable(_) => row(Code::DataLoss, "DATA_LOSS", Retry::Once, P::None),
            // The response is complete and has been billed. A retry would be billed again and end in the same way.
            Self::UnreadableResponse(_) => row(Code::DataLoss, "DATA_LOSS", Retry::Never, P::Stop),
            Self::ResponseTooLarge(_) => row(Code::ResourceExhausted, "RESPONSE_TOO_LARGE", Retry::Never, P::Stop),
            Self::FirstEventTimeout(_) => {
                row(Code::DeadlineExceeded, "FIRST_EVENT_TIMEOUT", Retry::NextTarget, P::None)
            }
            Self::IdleTimeout(_) => row(Code::DeadlineExceeded, "IDLE_TIMEOUT", Retry::Never, P::None),
            Self::ResponseTimeout(_) => row(Code::DeadlineExceeded, "RESPONSE_TIMEOUT", Retry::NextTarget, P::None),
            Self::DeadlineExceeded => row(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", Retry::Never, P::None),
            Self::MalformedTimeout => row(Code::InvalidArgument, "MALFORMED_TIMEOUT", Retry::Never, P::None),
            Self::MalformedMessage(_) => row(Code::InvalidArgument, "MALFORMED_MESSAGE", Retry::Never, P::None),
            Self::MessageTooLarge(_) => row(Code::InvalidArgument, "MESSAGE_TOO_LARGE", Retry::Never, P::None),
            Self::RequestTimeout(_) => row(Code::DeadlineExceeded, "REQUEST_BODY_TIMEOUT", Retry::Never, P::None),
            Self::NoRoomForMessage => {
                row(Code::ResourceExhausted, "ADMISSION_BYTES", Retry::Never, P::After(Backoff::ADMISSION))
            }
            Self::Overloaded => {
                row(Code::ResourceExhausted, "ADMISSION_OVERLOAD", Retry::Never, P::After(Backoff::ADMISSION))
            }
            // The caller must change its credentials or its request. A retry would be rejected again.
            Self::CallerUnknown(_) => row(Code::Unauthenticated, "CALLER_UNKNOWN", Retry::Never, P::None),
            Self::TooManyAttempts => {
                row(Code::ResourceExhausted, "CALLER_ATTEMPTS", Retry::Never, P::After(Backoff::ATTEMPTS))
            }
            Self::ModelNotAllowed { .. } => row(Code::PermissionDenied, "MODEL_NOT_ALLOWED", Retry::Never, P::None),
            Self::OperationNotAllowed { .. } => {
                row(Code::PermissionDenied, "OPERATION_NOT_ALLOWED", Retry::Never, P::None)
            }
            Self::RegionNotAllowed { .. } => row(Code::PermissionDenied, "REGION_NOT_ALLOWED", Retry::Never, P::None),
            Self::GuardrailNotAllowed { .. } => {
                row(Code::PermissionDenied, "GUARDRAIL_NOT_ALLOWED", Retry::Never, P::None)
            }
            Self::CallerLeft => row(Code::Cancelled, "CANCELLED", Retry::Never, P::None),
            Self::Draining => row(Code::Unavailable, "DRAINING", Retry::Never, P::After(Backoff::NONE)),
            // The model may have run and been billed before the bug, so the caller must not retry.
            Self::Panicked => row(Code::Internal, "GATEWAY_BUG", Retry::Never, P::Stop),
            Self::Rpc(status) => classify_tonic_status(status),
        }
    }
}

fn row(code: Code, reason: &'static str, retry: Retry, pushback: Pushback) -> Classification {
    debug_assert!(is_reason(reason), "the enum lacks {reason}");
    Classification { code, reason, retry, pushback }
}

/// AWS credentials are missing or rejected. Only the gateway's operator can fix this, so the caller must not retry.
fn rejected_credentials() -> Classification {
    row(Code::Unavailable, "GATEWAY_CREDENTIALS", Retry::OnceRefreshed, Pushback::Stop)
}

fn classify_exception(e: &Exception) -> Classification {
    use Pushback as P;
    let Some(name) = e.name.as_deref() else {
        return if e.rejects_api_key() { rejected_credentials() } else { classify_http_status(e) };
    };
    let named = |code, retry, pushback| row(code, reason_from_name(name), retry, pushback);
    match name {
        "ValidationException" => named(Code::InvalidArgument, Retry::Never, P::None),
        "AccessDeniedException" if e.rejects_api_key() => rejected_credentials(),
        "AccessDeniedException" | "NotAuthorized" => named(Code::PermissionDenied, Retry::Never, P::None),
        "ResourceNotFoundException" => named(Code::NotFound, Retry::NextTarget, P::None),
        "FTUFormNotFilled" | "OptInRequired" | "MPAgreementBeingCreated" => {
            named(Code::FailedPrecondition, Retry::Never, P::None)
        }
        "ThrottlingException" if e.is_daily() => named(Code::ResourceExhausted, Retry::NextTarget, P::Stop),
        "ThrottlingException" => named(Code::ResourceExhausted, Retry::Yes, P::After(Backoff::THROTTLED)),
        "ServiceQuotaExceededException" => named(Code::ResourceExhausted, Retry::NextTarget, P::Stop),
        "ServiceUnavailableException" => named(Code::Unavailable, Retry::Yes, P::After(Backoff::SERVER)),
        "ModelNotReadyException" => named(Code::Unavailable, Retry::Yes, P::After(Backoff::NOT_READY)),
        "InternalServerException" => named(Code::Internal, Retry::Once, P::After(Backoff::SERVER)),
        // The same prompt would be billed again.
        "ModelTimeoutException" => named(Code::DeadlineExceeded, Retry::NextTarget, P::After(Backoff::SERVER)),
        "ModelErrorException" | "ModelStreamErrorException" => {
            named(model_error_code(e.original_status_code), Retry::Once, P::Stop)
        }
        // The server ended the request, or the connection was too slow to send it. Bedrock has not run the model.
        "RequestAbortedException" | "RequestTimeoutException" => {
            named(Code::Unavailable, Retry::Yes, P::After(Backoff::SERVER))
        }
        "UnknownOperationException" => named(Code::Unimplemented, Retry::Never, P::None),
        "ConflictException" => named(Code::Aborted, Retry::Never, P::None),
        // Four of these were seen in practice. The others are Bedrock's common errors with the same meaning:
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
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "RequestInTheFuture"
        | "SignatureDoesNotMatch" => rejected_credentials(),
        _ => Classification { reason: reason_from_name(name), ..classify_http_status(e) },
    }
}

/// The code for an error of the model itself, by the HTTP status that the model returned.
fn model_error_code(status: Option<u16>) -> Code {
    match status {
        Some(429 | 500..=599) => Code::Unavailable,
        Some(400..=499) => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// Classifies an exception whose name is missing or unknown by its HTTP status.
fn classify_http_status(e: &Exception) -> Classification {
    use Pushback as P;
    let status = e.http_status.unwrap_or_default();
    let classed = |code, retry, pushback| row(code, "UPSTREAM_HTTP_ERROR", retry, pushback);
    match status {
        0 => row(Code::Unknown, UNKNOWN_EXCEPTION, Retry::Never, P::None),
        400 | 413 => classed(Code::InvalidArgument, Retry::Never, P::None),
        403 => classed(Code::PermissionDenied, Retry::Never, P::None),
        404 => classed(Code::NotFound, Retry::NextTarget, P::None),
        408 | 504 => classed(Code::DeadlineExceeded, Retry::NextTarget, P::After(Backoff::SERVER)),
        429 => classed(Code::ResourceExhausted, Retry::Yes, P::After(Backoff::THROTTLED)),
        500 => classed(Code::Internal, Retry::Once, P::After(Backoff::SERVER)),
        502 | 503 => classed(Code::Unavailable, Retry::Yes, P::After(Backoff::SERVER)),
        _ => classed(Code::Unknown, Retry::Never, P::None),
    }
}

/// Classifies a status that tonic created. tonic returns OUT_OF_RANGE for a message that is too large and INTERNAL for one
/// that cannot be decoded. Both are mistakes of the caller, so both become INVALID_ARGUMENT.
fn classify_tonic_status(status: &tonic::Status) -> Classification {
    let text = status.message();
    let (code, reason) = match status.code() {
        Code::OutOfRange if text.contains("decoded message length too large") => {
            (Code::InvalidArgument, "MESSAGE_TOO_LARGE")
        }
        Code::OutOfRange if text.contains("encoded message length too large") => {
            (Code::ResourceExhausted, "RESPONSE_TOO_LARGE")
        }
        Code::ResourceExhausted if text.contains("decompress") => (Code::InvalidArgument, "MESSAGE_TOO_LARGE"),
        Code::Internal if MALFORMED.iter().any(|part| text.contains(part)) => {
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        }
        Code::Unimplemented => (Code::Unimplemented, "UNIMPLEMENTED"),
        Code::Cancelled => (Code::Cancelled, "CANCELLED"),
        code => (code, "RPC"),
    };
    let pushback = if reason == "RESPONSE_TOO_LARGE" { Pushback::Stop } else { Pushback::None };
    row(code, reason, Retry::Never, pushback)
}

/// Parts of tonic's texts for messages that it cannot read (tonic 0.14, codec/decode.rs and codec/prost.rs).
const MALFORMED: &[&str] =
    &["failed to decode", "decompress", "Missing request message", "protocol error", "Unexpected EOF"];

#[cfg(test)]
mod tests;
