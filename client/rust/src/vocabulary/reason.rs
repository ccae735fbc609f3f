//! The reasons of errors: [`Error::reason`](crate::Error::reason).
//!
//! An exception of Bedrock that the gateway does not know has `UPSTREAM_EXCEPTION`, and a response without an exception's name
//! has `UPSTREAM_HTTP_ERROR`.

/// ValidationException: the request is invalid for Bedrock or for the gateway.
pub const VALIDATION: &str = "VALIDATION";
/// AccessDeniedException: the gateway's AWS identity has no permission to use the model.
pub const ACCESS_DENIED: &str = "ACCESS_DENIED";
/// ResourceNotFoundException: the model, profile or prompt does not exist.
pub const RESOURCE_NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
/// ThrottlingException: too many requests or tokens, per minute or per day.
pub const THROTTLING: &str = "THROTTLING";
/// ServiceQuotaExceededException: a quota of the account is exhausted.
pub const SERVICE_QUOTA_EXCEEDED: &str = "SERVICE_QUOTA_EXCEEDED";
/// ServiceUnavailableException: Bedrock is overloaded or down.
pub const SERVICE_UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";
/// ModelNotReadyException: Bedrock is loading the model.
pub const MODEL_NOT_READY: &str = "MODEL_NOT_READY";
/// InternalServerException: Bedrock failed.
pub const INTERNAL_SERVER: &str = "INTERNAL_SERVER";
/// ModelTimeoutException: the model exceeded its time limit.
pub const MODEL_TIMEOUT: &str = "MODEL_TIMEOUT";
/// ModelErrorException: the model failed.
pub const MODEL_ERROR: &str = "MODEL_ERROR";
/// ModelStreamErrorException: the model failed within a stream.
pub const MODEL_STREAM_ERROR: &str = "MODEL_STREAM_ERROR";
/// ConflictException: another request changes the same resource.
pub const CONFLICT: &str = "CONFLICT";
/// The gateway's own AWS credentials are missing or rejected.
pub const GATEWAY_CREDENTIALS: &str = "GATEWAY_CREDENTIALS";
/// Bedrock's response ended before it was complete.
pub const STREAM_TRUNCATED: &str = "STREAM_TRUNCATED";
/// Bedrock's response cannot be decoded.
pub const DATA_LOSS: &str = "DATA_LOSS";
/// Bedrock sent no first event within the time limit.
pub const FIRST_EVENT_TIMEOUT: &str = "FIRST_EVENT_TIMEOUT";
/// Bedrock's stream sent no event within the time limit.
pub const IDLE_TIMEOUT: &str = "IDLE_TIMEOUT";
/// This instance of the gateway is shutting down. Retry immediately.
pub const DRAINING: &str = "DRAINING";
