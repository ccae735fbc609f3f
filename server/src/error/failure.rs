//! Everything that can make a call fail.

use std::time::Duration;

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::wire::InvalidRequest;

use super::exception::Exception;

/// Why a call failed. Its text is for the gateway's own log. `message` writes the text that the caller sees.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Bedrock responded with an exception.
    #[error("{}: {}", .0.name.as_deref().unwrap_or("an exception without a name"), .0.message)]
    Exception(Exception),
    /// The request contains a value that the gateway knows to be invalid. Nothing was sent to Bedrock.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field by its JSON names, for example `messages[0].content[2].toolUse.input`.
        field: String,
        /// What is wrong with the value.
        problem: String,
    },
    /// The request has a protobuf field that this gateway does not know, or more fields or levels than it may have. Nothing was
    /// sent to Bedrock.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    /// Neither the gateway's configuration nor the model id names an AWS Region.
    #[error("the gateway has no AWS Region configured (AWS_REGION, --region, a profile), and the model id names none")]
    NoRegion,
    /// The gateway has no AWS credentials.
    #[error("no AWS credentials: {0}")]
    NoCredentials(String),
    /// Nothing was sent to Bedrock: connecting failed, TLS failed, or the peer did not process the request.
    #[error("Bedrock cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke after the request was sent and before the response. Bedrock may have processed the request.
    #[error("the connection to Bedrock broke: {0}")]
    ConnectionLost(String),
    /// The endpoint does not support HTTP/2, which a bidirectional stream needs.
    #[error(
        "a bidirectional stream needs HTTP/2, and the gateway's Bedrock endpoint does not support it (HTTP/2 needs https)"
    )]
    NoHttp2,
    /// The stream ended before it was complete.
    #[error("Bedrock's response ended early")]
    Truncated,
    /// A unary response ended before it was complete. It may have been billed.
    #[error("Bedrock's response ended early")]
    TruncatedResponse,
    /// A frame or an event of a stream cannot be read.
    #[error("Bedrock's response cannot be read: {0}")]
    Undecodable(String),
    /// A complete response cannot be read.
    #[error("Bedrock's response cannot be read: {0}")]
    UnreadableResponse(json::Undecodable),
    /// The response is larger than this limit in bytes.
    #[error("Bedrock's response is larger than {0} bytes")]
    ResponseTooLarge(usize),
    /// The stream's first event did not arrive in this time.
    #[error("no event within {0:?}")]
    FirstEventTimeout(Duration),
    /// The complete unary response did not arrive in this time.
    #[error("no complete response within {0:?}")]
    ResponseTimeout(Duration),
    /// The stream sent no event for this time.
    #[error("no further event within {0:?}")]
    IdleTimeout(Duration),
    /// The deadline in the caller's `grpc-timeout` expired.
    #[error("the caller's deadline expired")]
    DeadlineExceeded,
    /// `grpc-timeout` does not consist of up to eight digits and a unit.
    #[error("grpc-timeout is malformed")]
    MalformedTimeout,
    /// The request is not a gRPC message of this method: framing, compression, or the number of messages.
    #[error("{0}")]
    MalformedMessage(&'static str),
    /// The message, inflated, is larger than this limit in bytes.
    #[error("the message is larger than {0} bytes")]
    MessageTooLarge(usize),
    /// Not enough of the request arrived in this time.
    #[error("the request did not arrive: less than 16 KiB in {0:?}")]
    RequestTimeout(Duration),
    /// The messages in flight leave no room for another one.
    #[error("the messages in flight take all bytes that the gateway allows")]
    NoRoomForMessage,
    /// The process cannot serve more calls.
    #[error("the gateway is overloaded")]
    Overloaded,
    /// No credential of the call belongs to a caller. The text says why for each, and contains none of them.
    #[error("{0}")]
    CallerUnknown(String),
    /// Too many calls of this peer had no valid credential.
    #[error("too many failed attempts of this peer")]
    TooManyAttempts,
    /// The caller may not use the model.
    #[error("the caller may not use this model")]
    ModelNotAllowed {
        /// What it may use.
        allowed: String,
    },
    /// The caller may not use the operation.
    #[error("the caller may not use this operation")]
    OperationNotAllowed {
        /// What it may use.
        allowed: String,
    },
    /// The caller may not use the Region.
    #[error("the caller may not use this Region")]
    RegionNotAllowed {
        /// What it may use.
        allowed: String,
    },
    /// The caller's requests must have a guardrail, and this one names another one or cannot have one.
    #[error("the caller's requests must have the guardrail {required}")]
    GuardrailNotAllowed {
        /// The guardrail's id.
        required: String,
    },
    /// The caller reset the stream, or its connection broke.
    #[error("the caller left")]
    CallerLeft,
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    Draining,
    /// The code that handled the call panicked.
    #[error("the code that handled the call panicked; an earlier log line has the place")]
    Panicked,
    /// The gRPC library rejected the request, or it could not encode the response.
    #[error("{}", .0.message())]
    Rpc(tonic::Status),
}

impl Failure {
    /// Whether Bedrock rejected the signature of this request and not the credentials. The request itself can be the cause.
    #[must_use]
    pub(crate) fn rejects_signature(&self) -> bool {
        matches!(self, Self::Exception(exception) if exception.rejects_signature())
    }
}

impl From<json::Invalid> for Failure {
    fn from(invalid: json::Invalid) -> Self {
        Self::Invalid { field: invalid.path, problem: invalid.reason }
    }
}

impl From<json::Undecodable> for Failure {
    fn from(undecodable: json::Undecodable) -> Self {
        Self::Undecodable(undecodable.to_string())
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Rpc(status)
    }
}
