//! The text of a status: short, for the caller, with what to do. Where Bedrock sent a message, it is Bedrock's.

use tonic::Code;

use super::failure::Failure;
use super::redact::redact_message;
use crate::call::CallContext;

/// The text of the status for the caller.
pub(super) fn caller_message(failure: &Failure, context: &CallContext) -> String {
    let expose = context.expose_upstream_messages;
    match failure {
        Failure::Exception(e) if failure.classify().reason == "GATEWAY_CREDENTIALS" && !expose => {
            let name = e.name.as_deref().unwrap_or("an exception without a name");
            format!("Bedrock rejects the gateway's AWS credentials ({name}); the gateway's operator must fix them")
        }
        Failure::Exception(e) => {
            let text =
                if e.message.is_empty() { e.name.as_deref().unwrap_or("Bedrock gave no reason") } else { &e.message };
            if expose { text.to_owned() } else { redact_message(text) }
        }
        Failure::Invalid { .. }
        | Failure::InvalidRequest(_)
        | Failure::NoRegion
        | Failure::NoHttp2
        | Failure::Truncated
        | Failure::TruncatedResponse
        | Failure::Undecodable(_)
        | Failure::UnreadableResponse(_)
        | Failure::ResponseTooLarge(_) => failure.to_string(),
        Failure::NoCredentials(_) => {
            "the gateway has no AWS credentials; the gateway's operator must configure them".to_owned()
        }
        Failure::Unreachable(_) | Failure::ConnectionLost(_) if !expose => {
            "Bedrock cannot be reached, or it closed the connection before it responded".to_owned()
        }
        Failure::Unreachable(_) | Failure::ConnectionLost(_) => failure.to_string(),
        Failure::FirstEventTimeout(limit) => format!("Bedrock sent no event within {limit:?}"),
        Failure::ResponseTimeout(limit) => format!("Bedrock sent no complete response within {limit:?}"),
        Failure::IdleTimeout(limit) => format!("Bedrock sent no further event within {limit:?}"),
        Failure::DeadlineExceeded => "the deadline in grpc-timeout has expired".to_owned(),
        Failure::MalformedTimeout => "grpc-timeout must be up to eight digits and one of H, M, S, m, u, n".to_owned(),
        Failure::MalformedMessage(_) | Failure::MessageTooLarge(_) | Failure::CallerLeft => failure.to_string(),
        Failure::RequestTimeout(limit) => format!("the request made no progress for {limit:?}"),
        Failure::NoRoomForMessage => {
            "the gateway has no room for another message of this size; retry after the delay".to_owned()
        }
        Failure::CallerUnknown(_)
        | Failure::ModelNotAllowed { .. }
        | Failure::OperationNotAllowed { .. }
        | Failure::RegionNotAllowed { .. }
        | Failure::GuardrailNotAllowed { .. } => failure.to_string(),
        Failure::TooManyAttempts => {
            "too many calls without a valid credential came from this address; retry after the delay".to_owned()
        }
        Failure::Overloaded => "the gateway is overloaded; retry after the delay, or on another instance".to_owned(),
        Failure::Draining => "this gateway is shutting down; retry at once on another connection".to_owned(),
        Failure::Panicked => "the gateway has a bug and could not complete the call; its log has the place".to_owned(),
        Failure::Rpc(status) if status.code() == Code::Unimplemented && status.message().is_empty() => {
            "the gateway does not serve this method; reflection lists the services that it serves".to_owned()
        }
        Failure::Rpc(status) => status.message().to_owned(),
    }
}
