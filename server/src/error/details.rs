//! The `google.rpc` details of a status. <https://google.aip.dev/193>

use std::collections::HashMap;
use std::time::Duration;

use bedrock_grpc_schema::wire::InvalidRequest;
use tonic::Code;
use tonic_types::ErrorDetails;

use super::classification::Classification;
use super::failure::Failure;
use super::field::find_field_path;
use super::redact::redact_message;
use crate::call::{CallContext, Phase};

/// `ErrorInfo.domain`.
const DOMAIN: &str = "bedrock-grpc";

/// Writes the details of a status. `message` is the text of the status, and `delay` is when the caller should retry.
pub(super) fn error_details(
    failure: &Failure,
    classification: &Classification,
    context: &CallContext,
    message: &str,
    delay: Option<Duration>,
) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    details.set_error_info(classification.reason, DOMAIN, error_info_metadata(failure, classification, context));
    details.set_request_info(context.request_id.as_deref().unwrap_or_default(), "");
    if delay.is_some() {
        details.set_retry_info(delay);
    }
    let (kind, subject) = context.resource.as_ref().map_or(("", ""), |(kind, id)| (*kind, truncate_256(id)));
    match (failure, classification.code) {
        (Failure::Invalid { field, problem }, _) => {
            details.add_bad_request_violation(truncate_256(field), truncate_256(problem));
        }
        (Failure::InvalidRequest(InvalidRequest::UnknownField { path }), _) => {
            details.add_bad_request_violation(truncate_256(path), message);
        }
        (Failure::MalformedTimeout, _) => {
            details.add_bad_request_violation("grpc-timeout", message);
        }
        (Failure::Exception(e), Code::InvalidArgument) => {
            if let Some(field) = find_field_path(&e.message) {
                details.add_bad_request_violation(truncate_256(&field), message);
            }
        }
        (Failure::Exception(_), Code::ResourceExhausted) => {
            details.add_quota_failure_violation(format!("{subject} {}", quota_name(failure)).trim_start(), message);
        }
        (Failure::NoRoomForMessage, _) => {
            details.add_quota_failure_violation("bytes in flight", message);
        }
        (Failure::TooManyAttempts, _) => {
            details.add_quota_failure_violation("failed attempts of this address", message);
        }
        (Failure::Overloaded, _) => {
            details.add_quota_failure_violation("calls of this gateway", message);
        }
        (Failure::Exception(_), Code::NotFound) => {
            details.set_resource_info(kind, subject, "", message);
        }
        (Failure::Exception(e), Code::PermissionDenied) if e.name.as_deref() == Some("AccessDeniedException") => {
            add_help_links(&mut details, context)
        }
        (Failure::Exception(_), Code::FailedPrecondition) => {
            details.add_precondition_failure_violation(classification.reason, subject, message);
            add_help_links(&mut details, context);
        }
        _ => {}
    }
    details
}

fn error_info_metadata(
    failure: &Failure,
    classification: &Classification,
    context: &CallContext,
) -> HashMap<String, String> {
    let mut metadata = HashMap::from([
        ("phase", context.phase.as_str().to_owned()),
        ("attempts", context.attempts.to_string()),
        ("retryable", classification.is_retryable().to_string()),
        ("operation", truncate_256(&context.operation).to_owned()),
    ]);
    if context.phase == Phase::Stream {
        metadata.insert("events", context.events.to_string());
    }
    let mut optional = |key, value: Option<&str>| value.map(|v| metadata.insert(key, truncate_256(v).to_owned()));
    optional("model_id", context.model_id.as_deref());
    optional("region", context.region.as_deref());
    optional("aws_request_id", context.request_id.as_deref());
    optional("client_request_token", context.sent_request_token());
    match failure {
        Failure::ModelNotAllowed { allowed }
        | Failure::OperationNotAllowed { allowed }
        | Failure::RegionNotAllowed { allowed } => optional("allowed", Some(allowed.as_str())),
        Failure::GuardrailNotAllowed { required } => optional("allowed", Some(required.as_str())),
        _ => None,
    };
    if let Failure::Exception(e) = failure {
        optional("aws_error_code", e.name.as_deref());
        if classification.reason.starts_with("UPSTREAM_") {
            optional("http_status", e.http_status.map(|status| status.to_string()).as_deref());
        }
        optional("original_status_code", e.original_status_code.map(|c| c.to_string()).as_deref());
        optional("resource_name", e.resource_name.as_deref().map(redact_message).as_deref());
    }
    metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Shortens a value for the details. An id may have 2,048 characters and a field path any number. The first 256 are enough to
/// recognize them.
fn truncate_256(value: &str) -> &str {
    &value[..value.floor_char_boundary(256)]
}

/// The name of the quota that was exceeded. <https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html>
fn quota_name(failure: &Failure) -> &'static str {
    let Failure::Exception(e) = failure else { return "quota" };
    let text = e.message.to_ascii_lowercase();
    match (e.is_daily(), text.contains("token"), text.contains("request")) {
        (true, ..) => "tokens per day",
        (_, true, _) => "tokens per minute",
        (_, _, true) => "requests per minute",
        _ => "quota",
    }
}

fn add_help_links(details: &mut ErrorDetails, context: &CallContext) {
    if context.resource.as_ref().is_some_and(|(kind, _)| *kind == "model") {
        let page = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html";
        details.add_help_link("Request access to the model", page);
    }
    let page = "https://docs.aws.amazon.com/bedrock/latest/userguide/security_iam_id-based-policy-examples.html";
    let action = format!("The gateway's AWS identity needs the IAM action bedrock:{}", iam_action(&context.operation));
    details.add_help_link(action, page);
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>: operations that run a model
/// share two actions, and every other operation has its own.
fn iam_action(operation: &str) -> &str {
    match operation {
        "Converse" | "StartAsyncInvoke" | "InvokeModelWithBidirectionalStream" => "InvokeModel",
        "ConverseStream" => "InvokeModelWithResponseStream",
        other => truncate_256(other),
    }
}
