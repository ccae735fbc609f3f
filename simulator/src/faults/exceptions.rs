//! The exceptions that a model id can ask for: one name each, by one rule.

use http::StatusCode;

use crate::exception::Exception;

/// Fault name, exception, HTTP status, message. The fault's name is the exception's without "Exception",
/// in lower case with dashes.
const EXCEPTIONS: &[(&str, &str, StatusCode, &str)] = &[
    (
        "access-denied",
        "AccessDeniedException",
        StatusCode::FORBIDDEN,
        "You don't have access to the model with the specified model ID.",
    ),
    (
        "conflict",
        "ConflictException",
        StatusCode::BAD_REQUEST,
        "Error occurred because of a conflict while performing an operation.",
    ),
    (
        "expired-token",
        "ExpiredTokenException",
        StatusCode::FORBIDDEN,
        "The security token included in the request is expired",
    ),
    (
        "ftu-form-not-filled",
        "FTUFormNotFilled",
        StatusCode::NOT_FOUND,
        "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before using the model.",
    ),
    (
        "internal-server",
        "InternalServerException",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    (
        "invalid-signature",
        "InvalidSignatureException",
        StatusCode::FORBIDDEN,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ),
    (
        "model-error",
        "ModelErrorException",
        StatusCode::FAILED_DEPENDENCY,
        "The request failed due to an error while processing the model.",
    ),
    (
        "model-not-ready",
        "ModelNotReadyException",
        StatusCode::TOO_MANY_REQUESTS,
        "Model is not ready for inference. Wait and try your request again. Refer to the documentation for more details.",
    ),
    (
        "model-stream-error",
        "ModelStreamErrorException",
        StatusCode::FAILED_DEPENDENCY,
        "An error occurred while streaming the response. Retry your request.",
    ),
    (
        "model-timeout",
        "ModelTimeoutException",
        StatusCode::REQUEST_TIMEOUT,
        "The request took too long to process. Processing time exceeded the model timeout length.",
    ),
    (
        "opt-in-required",
        "OptInRequired",
        StatusCode::FORBIDDEN,
        "You are not authorized to perform this operation: the AWS access key ID needs a subscription for the service.",
    ),
    (
        "resource-not-found",
        "ResourceNotFoundException",
        StatusCode::NOT_FOUND,
        "Could not resolve the foundation model from the provided model identifier.",
    ),
    (
        "service-quota-exceeded",
        "ServiceQuotaExceededException",
        StatusCode::BAD_REQUEST,
        "Your request exceeds the service quota for your account.",
    ),
    (
        "service-unavailable",
        "ServiceUnavailableException",
        StatusCode::SERVICE_UNAVAILABLE,
        "Bedrock is unable to process your request.",
    ),
    (
        "throttling",
        "ThrottlingException",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests, please wait before trying again.",
    ),
    (
        "throttling-daily",
        "ThrottlingException",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many tokens per day, please wait before trying again.",
    ),
    (
        "throttling-tokens",
        "ThrottlingException",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many tokens, please wait before trying again.",
    ),
    ("unknown", "TeapotException", StatusCode::IM_A_TEAPOT, "I'm a teapot."),
    (
        "unrecognized-client",
        "UnrecognizedClientException",
        StatusCode::FORBIDDEN,
        "The security token included in the request is invalid.",
    ),
    (
        "validation",
        "ValidationException",
        StatusCode::BAD_REQUEST,
        "The input fails to satisfy the constraints specified by Amazon Bedrock.",
    ),
];

/// What the model behind Bedrock answered, unless the fault says so (`fault.model-error-429`).
const ORIGINAL_STATUS: u16 = 500;

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    EXCEPTIONS.iter().map(|(fault, ..)| *fault)
}

/// The exception of a fault name such as `throttling` or `model-error-429`.
pub(super) fn by_fault_name(fault: &str) -> Option<Exception> {
    let find = |name: &str| EXCEPTIONS.iter().find(|(fault, ..)| *fault == name);
    if let Some((_, name, status, message)) = find(fault) {
        return Some(complete(Exception::new(name, *status, *message), ORIGINAL_STATUS));
    }
    let (name, original) = fault.rsplit_once('-')?;
    let original: u16 = original.parse().ok()?;
    let (_, name, status, message) = find(name).filter(|_| (100..600).contains(&original))?;
    matches!(*name, "ModelErrorException" | "ModelStreamErrorException")
        .then(|| complete(Exception::new(name, *status, *message), original))
}

fn complete(exception: Exception, original: u16) -> Exception {
    match exception.name {
        "ModelErrorException" => exception.with_original_status(original),
        "ModelStreamErrorException" => {
            exception.with_original_status(original).with_original_message("The model container stopped answering.")
        }
        _ => exception,
    }
}
