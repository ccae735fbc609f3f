//! What the gateway needs to know about a request in addition to its operation's row: the resource and the span attributes.

use bedrock_grpc_schema::operation::OperationRequest;
use opentelemetry::KeyValue;

use crate::bedrock::Subject;
use crate::callers::RequiredGuardrail;
use crate::error::Failure;
use crate::routing::{ConverseDefaults, TokenLimits};

/// A request message that becomes a request to Bedrock.
pub(super) trait UpstreamRequest: OperationRequest + prost::Message {
    /// The resource that the call is about.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the member that names the resource is missing or too long.
    fn subject(&self) -> Result<Subject<'_>, Failure>;

    /// The field that names the model, if the call is about one. The name of a model is replaced there.
    fn model_field(&mut self) -> Option<&mut Option<String>>;

    /// Whether the request can be sent to another target after a failure.
    fn may_change_target(&self) -> bool {
        true
    }

    /// Sets the guardrail that the caller's requests must have. An operation that runs no model does nothing.
    ///
    /// # Errors
    /// [`Failure::GuardrailNotAllowed`] if the request names another guardrail, or if the operation runs a model and cannot have
    /// one.
    fn require_guardrail(&mut self, guardrail: &RequiredGuardrail) -> Result<(), Failure>;

    /// Sets `maxTokens` if it is not set, and checks it.
    ///
    /// # Errors
    /// [`Failure::Invalid`] if it is above the limit.
    fn limit_tokens(&mut self, _: TokenLimits) -> Result<(), Failure> {
        Ok(())
    }

    /// Adds the defaults of the model's name, where the operation has such fields.
    fn apply_defaults(&mut self, _: &ConverseDefaults) {}

    /// Adds an entry to Bedrock's request metadata, if the operation has some.
    ///
    /// # Errors
    /// [`Failure::Invalid`] if the caller's metadata cannot be read.
    fn add_metadata(&mut self, _key: &str, _value: &str) -> Result<(), Failure> {
        Ok(())
    }

    /// The value of `gen_ai.operation.name`.
    fn gen_ai_operation(&self) -> &'static str;

    /// Attributes of the CLIENT span. They never include the prompt.
    fn span_attributes(&self) -> Vec<KeyValue> {
        Vec::new()
    }

    /// Generates the token by which Bedrock recognizes a repeated request, if the operation has one and the caller sent none.
    /// Returns the token if it was generated.
    fn generate_request_token(&mut self) -> Option<String> {
        None
    }
}

/// Maximum length of an id or ARN in bytes. AWS's model allows no longer ids. It is checked here because ids are part of
/// paths, log lines and spans.
const MAX_ID_BYTES: usize = 2048;

/// Returns a member that AWS binds to the request path, which therefore must be present.
///
/// # Errors
/// [`Failure::Invalid`] when it is missing, empty or too long.
pub(super) fn require_path_member<'a>(field: &str, value: Option<&'a str>) -> Result<&'a str, Failure> {
    let problem = match value {
        None | Some("") => "required: it is part of the path of the request to Bedrock".to_owned(),
        Some(value) if value.len() > MAX_ID_BYTES => format!("longer than {MAX_ID_BYTES} bytes"),
        Some(value) => return Ok(value),
    };
    Err(Failure::Invalid { field: field.to_owned(), problem })
}
