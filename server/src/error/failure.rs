//! Everything that can end a call badly.

use std::time::Duration;

use bedrock_grpc_schema::json;

use super::Exception;

/// Why a call failed. Its text is for our own log; what the caller is told is made in [`super::of`].
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Bedrock answered with an exception.
    #[error("{}: {}", .0.name.as_deref().unwrap_or("an error without a name"), .0.message)]
    Exception(Exception),
    /// The request holds what the gateway can see to be wrong; Bedrock was not asked.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field by its JSON names, as `messages[0].content[2].toolUse.input`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither the gateway's configuration nor the model id names an AWS Region.
    #[error("the gateway has no AWS Region configured (AWS_REGION, --region, a profile), and the model id names none")]
    NoRegion,
    /// The gateway has no AWS credentials.
    #[error("no AWS credentials: {0}")]
    NoCredentials(String),
    /// No answer came: connecting, TLS, or the connection broke before one.
    #[error("Bedrock cannot be reached: {0}")]
    Unreachable(String),
    /// The endpoint has no HTTP/2, which a bidirectional stream needs.
    #[error(
        "a bidirectional stream needs HTTP/2, and the gateway's Bedrock endpoint has none (HTTP/2 comes with https alone)"
    )]
    NoHttp2,
    /// The answer or the stream ended before it was complete.
    #[error("Bedrock's answer ended early")]
    Truncated,
    /// A frame or an event of a stream that cannot be read.
    #[error("Bedrock's answer cannot be read: {0}")]
    Undecodable(String),
    /// A whole answer that cannot be read.
    #[error("Bedrock's answer cannot be read: {0}")]
    UnreadableAnswer(json::Undecodable),
    /// An answer beyond the message limit, in bytes.
    #[error("Bedrock's answer is larger than {0} bytes")]
    AnswerTooLarge(usize),
    /// The stream's first event did not come in time.
    #[error("no event within {0:?}")]
    FirstEventTimeout(Duration),
    /// The whole answer of a unary call did not come in time.
    #[error("no answer within {0:?}")]
    AnswerTimeout(Duration),
    /// The stream fell silent.
    #[error("no further event within {0:?}")]
    IdleTimeout(Duration),
    /// The caller's `grpc-timeout` ran out.
    #[error("the caller's deadline ran out")]
    DeadlineExceeded,
    /// `grpc-timeout` is not a number of up to eight digits and a unit.
    #[error("grpc-timeout is malformed")]
    MalformedTimeout,
    /// The gateway shuts down.
    #[error("the gateway is shutting down")]
    Draining,
    /// The gRPC library refused the call before it reached us, or its answer after.
    #[error("{}", .0.message())]
    Rpc(tonic::Status),
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
