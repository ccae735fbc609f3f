//! Writes a failure down as a `tonic::Status`: message, `google.rpc` details, retry trailers.
//! <https://google.aip.dev/193>, <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>

use std::collections::HashMap;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::table::{Pushback, Verdict};
use super::{Failure, field, redact};

/// `ErrorInfo.domain`.
const DOMAIN: &str = "bedrock-grpc";

/// The longest message in bytes: it is for people.
const MESSAGE_LIMIT: usize = 1024;

/// The most that the details and the message may take in trailers, as they are encoded. Peers refuse header lists beyond
/// 8 KB by default (gRPC C-core, Java), and the other trailers need room too.
const TRAILERS_LIMIT: usize = 7 * 1024;

/// How far a call had come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Before Bedrock was asked.
    #[default]
    Admission,
    /// Bedrock was asked and its answer is awaited.
    Request,
    /// The answer's headers are there, the stream's first event is not.
    FirstEvent,
    /// Events have gone to the caller.
    Stream,
}

impl Phase {
    /// As `ErrorInfo.metadata` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Request => "request",
            Self::FirstEvent => "first_event",
            Self::Stream => "stream",
        }
    }
}

/// What is known of a call when it fails.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The RPC, as `ConverseStream`.
    pub operation: String,
    /// As the caller wrote it.
    pub model_id: Option<String>,
    /// What the call is about: its kind (`model`, `guardrail`, ...) and its id or ARN.
    pub resource: Option<(&'static str, String)>,
    /// The Region asked.
    pub region: Option<String>,
    /// Bedrock's id of the last request.
    pub request_id: Option<String>,
    /// How far the call had come.
    pub phase: Phase,
    /// How often Bedrock was asked.
    pub attempts: u32,
    /// How many events went to the caller.
    pub events: u64,
    /// Whether the caller sees Bedrock's messages as they are (`--expose-upstream-messages`).
    pub expose_upstream_messages: bool,
}

/// The status that tells the caller of `failure`.
#[must_use]
pub fn of(failure: &Failure, facts: &Facts) -> Status {
    let verdict = Verdict::of(failure);
    let delay = delay(failure, &verdict, facts.attempts);
    let mut metadata = MetadataMap::new();
    retry_trailers(&mut metadata, &verdict, delay);
    if let Some(Ok(id)) = facts.request_id.as_deref().map(str::parse) {
        metadata.insert("x-amzn-requestid", id);
    }
    let mut message = message(failure, facts);
    loop {
        truncate(&mut message, MESSAGE_LIMIT);
        let details = details(failure, &verdict, facts, &message, delay);
        let status = Status::with_error_details_and_metadata(verdict.code, message.clone(), details, metadata.clone());
        if size(&status) <= TRAILERS_LIMIT || message.is_empty() {
            return status;
        }
        let half = message.len() / 2;
        truncate(&mut message, half);
    }
}

fn size(status: &Status) -> usize {
    // base64 makes 4 bytes of 3; percent-encoding 3 bytes of each one outside printable ASCII.
    let percent_encoded: usize = status.message().bytes().map(|b| if (b' '..=b'~').contains(&b) { 1 } else { 3 }).sum();
    status.details().len().div_ceil(3) * 4 + percent_encoded
}

fn truncate(message: &mut String, limit: usize) {
    message.truncate(message.floor_char_boundary(limit));
}

/// Whole milliseconds: RetryInfo and the pushback say the same number.
fn delay(failure: &Failure, verdict: &Verdict, attempts: u32) -> Option<Duration> {
    let Pushback::After(_) = verdict.pushback else { return None };
    let delay = verdict.delay(failure, attempts);
    // The pushback is a signed 32-bit number.
    Some(Duration::from_millis(delay.as_millis().min(i32::MAX as u128) as u64))
}

fn retry_trailers(metadata: &mut MetadataMap, verdict: &Verdict, delay: Option<Duration>) {
    match (verdict.pushback, delay) {
        (Pushback::Stop, _) => {
            metadata.insert("grpc-retry-pushback-ms", MetadataValue::from_static("-1"));
        }
        (Pushback::After(_), Some(delay)) => {
            let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
            metadata.insert("grpc-retry-pushback-ms", MetadataValue::from(millis));
            // For proxies, which count in whole seconds.
            metadata.insert("retry-after", MetadataValue::from(u64::from(millis.unsigned_abs()).div_ceil(1000)));
        }
        _ => {}
    }
}

/// Short, for the caller, with what to do. Bedrock's own words where it spoke.
fn message(failure: &Failure, facts: &Facts) -> String {
    match failure {
        Failure::Exception(e)
            if Verdict::of(failure).reason == "GATEWAY_CREDENTIALS" && !facts.expose_upstream_messages =>
        {
            let name = e.name.as_deref().unwrap_or("an error");
            format!("Bedrock refuses the gateway's AWS credentials ({name}); the gateway's operator has to mend them")
        }
        Failure::Exception(e) => {
            let words =
                if e.message.is_empty() { e.name.as_deref().unwrap_or("Bedrock gave no reason") } else { &e.message };
            if facts.expose_upstream_messages { words.to_owned() } else { redact::arns(words) }
        }
        Failure::Invalid { .. }
        | Failure::NoRegion
        | Failure::NoHttp2
        | Failure::Truncated
        | Failure::Undecodable(_)
        | Failure::UnreadableAnswer(_)
        | Failure::AnswerTooLarge(_) => failure.to_string(),
        Failure::NoCredentials(_) => "the gateway has no AWS credentials; its operator has to give it some".to_owned(),
        Failure::Unreachable(_) if !facts.expose_upstream_messages => {
            "Bedrock cannot be reached, or closed the connection before it answered".to_owned()
        }
        Failure::FirstEventTimeout(t) => format!("Bedrock sent no event within {t:?}"),
        Failure::AnswerTimeout(t) => format!("Bedrock sent no whole answer within {t:?}"),
        Failure::IdleTimeout(t) => format!("Bedrock sent no further event within {t:?}"),
        Failure::DeadlineExceeded => "the deadline given in grpc-timeout has passed".to_owned(),
        Failure::MalformedTimeout => "grpc-timeout has to be up to eight digits and one of H, M, S, m, u, n".to_owned(),
        Failure::Draining => "this gateway is shutting down; retry at once, elsewhere".to_owned(),
        Failure::Rpc(status) => status.message().to_owned(),
        Failure::Unreachable(_) => failure.to_string(),
    }
}

fn details(
    failure: &Failure,
    verdict: &Verdict,
    facts: &Facts,
    message: &str,
    delay: Option<Duration>,
) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    details.set_error_info(verdict.reason.clone(), DOMAIN, info(failure, verdict, facts));
    details.set_request_info(facts.request_id.as_deref().unwrap_or_default(), "");
    if delay.is_some() {
        details.set_retry_info(delay);
    }
    let (kind, subject) = facts.resource.as_ref().map_or(("", ""), |(kind, id)| (*kind, short(id)));
    match (failure, verdict.code) {
        (Failure::Invalid { field, problem }, _) => {
            details.add_bad_request_violation(short(field), short(problem));
        }
        (Failure::MalformedTimeout, _) => {
            details.add_bad_request_violation("grpc-timeout", message);
        }
        (Failure::Exception(e), Code::InvalidArgument) => {
            if let Some(field) = field::named_in(&e.message) {
                details.add_bad_request_violation(short(&field), message);
            }
        }
        (Failure::Exception(_), Code::ResourceExhausted) => {
            details.add_quota_failure_violation(format!("{subject} {}", quota(failure)).trim_start(), message);
        }
        (Failure::Exception(_), Code::NotFound) => {
            details.set_resource_info(kind, subject, "", message);
        }
        (Failure::Exception(e), Code::PermissionDenied) if e.name.as_deref() == Some("AccessDeniedException") => {
            help(&mut details, facts)
        }
        (Failure::Exception(_), Code::FailedPrecondition) => {
            details.add_precondition_failure_violation(verdict.reason.clone(), subject, message);
            help(&mut details, facts);
        }
        _ => {}
    }
    details
}

fn info(failure: &Failure, verdict: &Verdict, facts: &Facts) -> HashMap<String, String> {
    let mut info = HashMap::from([
        ("phase", facts.phase.as_str().to_owned()),
        ("attempts", facts.attempts.to_string()),
        ("retryable", verdict.retryable().to_string()),
        ("operation", short(&facts.operation).to_owned()),
    ]);
    if facts.phase == Phase::Stream {
        info.insert("events", facts.events.to_string());
    }
    let mut optional = |key, value: Option<&str>| value.map(|v| info.insert(key, short(v).to_owned()));
    optional("model_id", facts.model_id.as_deref());
    optional("region", facts.region.as_deref());
    optional("aws_request_id", facts.request_id.as_deref());
    if let Failure::Exception(e) = failure {
        optional("aws_error_code", e.name.as_deref());
        optional("original_status_code", e.original_status_code.map(|c| c.to_string()).as_deref());
        optional("resource_name", e.resource_name.as_deref().map(redact::arns).as_deref());
    }
    info.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// An id may be 2,048 characters, a field's path of any length; in details they only have to be told from others.
fn short(value: &str) -> &str {
    &value[..value.floor_char_boundary(256)]
}

/// Which of Bedrock's quotas a throttling is about. <https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html>
fn quota(failure: &Failure) -> &'static str {
    let Failure::Exception(e) = failure else { return "quota" };
    let text = e.message.to_ascii_lowercase();
    match (e.is_daily(), text.contains("token"), text.contains("request")) {
        (true, ..) => "tokens per day",
        (_, true, _) => "tokens per minute",
        (_, _, true) => "requests per minute",
        _ => "quota",
    }
}

fn help(details: &mut ErrorDetails, facts: &Facts) {
    if facts.resource.as_ref().is_some_and(|(kind, _)| *kind == "model") {
        let page = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html";
        details.add_help_link("Request access to the model", page);
    }
    let page = "https://docs.aws.amazon.com/bedrock/latest/userguide/security_iam_id-based-policy-examples.html";
    let action = format!("The gateway's AWS identity needs the IAM action bedrock:{}", iam_action(&facts.operation));
    details.add_help_link(action, page);
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>: operations that run a model
/// share two actions, the others have each their own.
fn iam_action(operation: &str) -> &str {
    match operation {
        "Converse" | "StartAsyncInvoke" | "InvokeModelWithBidirectionalStream" => "InvokeModel",
        "ConverseStream" => "InvokeModelWithResponseStream",
        other => short(other),
    }
}
