//! What the configuration changes in a request, or rejects in it.

use crate::callers::{Caller, RequiredGuardrail};
use crate::error::Failure;
use crate::routing::{AuthorizedCall, Policy, TokenLimits};

use super::request::UpstreamRequest;

/// Applies the rules of the caller and of the model to a request.
///
/// # Errors
/// [`Failure::MessageTooLarge`], [`Failure::GuardrailNotAllowed`], and [`Failure::Invalid`] for too large a `maxTokens`.
pub(super) fn apply_rules<R: UpstreamRequest>(
    request: &mut R,
    policy: &Policy,
    caller: &Caller,
    authorized: &AuthorizedCall,
) -> Result<(), Failure> {
    if let Some(limit) = caller.max_request
        && request.encoded_len() as u64 > limit
    {
        return Err(Failure::MessageTooLarge(usize::try_from(limit).unwrap_or(usize::MAX)));
    }
    if let Some(guardrail) = &caller.guardrail {
        request.require_guardrail(guardrail)?;
    }
    if let Some(route) = authorized.route() {
        if let Some(field) = request.model_field() {
            *field = authorized.models().next().cloned();
        }
        request.limit_tokens(route.max_tokens)?;
        request.apply_defaults(&route.defaults);
    }
    if let Some(key) = policy.request_metadata.as_deref().filter(|_| !caller.is_anonymous()) {
        request.add_metadata(key, &caller.name)?;
    }
    Ok(())
}

/// Sets a guardrail in the fields of a request. Fields with the same values stay.
///
/// # Errors
/// [`Failure::GuardrailNotAllowed`] if the request names another one.
pub(super) fn set_guardrail(
    required: &RequiredGuardrail,
    id: &mut Option<String>,
    version: &mut Option<String>,
) -> Result<(), Failure> {
    let names_other = |value: &Option<String>, required: &str| value.as_deref().is_some_and(|value| value != required);
    if names_other(id, &required.id) || names_other(version, &required.version) {
        return Err(Failure::GuardrailNotAllowed { required: required.id.clone() });
    }
    *id = Some(required.id.clone());
    *version = Some(required.version.clone());
    Ok(())
}

/// Sets `maxTokens` if it is not set, and checks it.
///
/// # Errors
/// [`Failure::Invalid`] if it is above the limit.
pub(super) fn limit_max_tokens(max_tokens: &mut Option<i32>, limits: TokenLimits) -> Result<(), Failure> {
    match (*max_tokens, limits.limit) {
        (Some(value), Some(limit)) if value > limit => Err(Failure::Invalid {
            field: "inferenceConfig.maxTokens".to_owned(),
            problem: format!("at most {limit} for this model"),
        }),
        (Some(_), _) => Ok(()),
        // Without a default the limit is the value: without a value Bedrock would allow more.
        (None, limit) => {
            *max_tokens = limits.default.or(limit);
            Ok(())
        }
    }
}

/// Adds an entry to request metadata that is the text of a JSON object, as InvokeModel has it.
///
/// # Errors
/// [`Failure::Invalid`] if the text is no such object.
pub(super) fn add_to_metadata_text(text: &mut Option<String>, key: &str, value: &str) -> Result<(), Failure> {
    let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text.as_deref().unwrap_or("{}"));
    let mut object = parsed.map_err(|_| Failure::Invalid {
        field: "requestMetadata".to_owned(),
        problem: "must be the text of a JSON object".to_owned(),
    })?;
    object.insert(key.to_owned(), value.into());
    *text = serde_json::to_string(&object).ok();
    Ok(())
}
