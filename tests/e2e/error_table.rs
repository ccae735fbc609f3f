//! The error table, row by row, in every phase: as an HTTP response, as the first frame of a stream, and after events.

use std::time::Duration;

use bedrock_simulator::{Answer, Simulator};
use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use crate::fixture::dynamic::Dynamic;
use crate::fixture::*;

/// The value of `grpc-retry-pushback-ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pushback {
    None,
    Stop,
    Delay,
}
use Pushback::{Delay, None as Nothing, Stop};

/// A row of the table: the simulator's fault, and the error that the caller gets.
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) code: Code,
    pub(crate) reason: &'static str,
    pushback: Pushback,
    /// Number of requests to Bedrock, while no event has arrived.
    pub(crate) attempts: u32,
    /// Checks the details other than ErrorInfo, RequestInfo and RetryInfo.
    also: fn(&ErrorDetails) -> bool,
}

const fn row(
    fault: &'static str,
    code: Code,
    reason: &'static str,
    pushback: Pushback,
    attempts: u32,
    also: fn(&ErrorDetails) -> bool,
) -> Row {
    Row { fault, code, reason, pushback, attempts, also }
}

fn any(_: &ErrorDetails) -> bool {
    true
}

fn quota(d: &ErrorDetails) -> bool {
    d.quota_failure().is_some_and(|q| !q.violations.is_empty())
}

fn http_status(d: &ErrorDetails) -> bool {
    d.error_info().is_some_and(|info| info.metadata.get("http_status").is_some_and(|status| status.len() == 3))
}

pub(crate) const ROWS: &[Row] = &[
    row("validation", Code::InvalidArgument, "VALIDATION", Nothing, 1, any),
    row("access-denied", Code::PermissionDenied, "ACCESS_DENIED", Nothing, 1, |d| {
        d.help().is_some_and(|h| h.links.len() == 2)
    }),
    row("resource-not-found", Code::NotFound, "RESOURCE_NOT_FOUND", Nothing, 1, |d| d.resource_info().is_some()),
    row("ftu-form-not-filled", Code::FailedPrecondition, "FTU_FORM_NOT_FILLED", Nothing, 1, |d| {
        d.precondition_failure().is_some() && d.help().is_some()
    }),
    row("opt-in-required", Code::FailedPrecondition, "OPT_IN_REQUIRED", Nothing, 1, |d| {
        d.precondition_failure().is_some()
    }),
    row("throttling", Code::ResourceExhausted, "THROTTLING", Delay, 3, |d| {
        quota(d) && d.quota_failure().unwrap().violations[0].subject.ends_with("requests per minute")
    }),
    row("throttling-tokens", Code::ResourceExhausted, "THROTTLING", Delay, 3, |d| {
        quota(d) && d.quota_failure().unwrap().violations[0].subject.ends_with("tokens per minute")
    }),
    row("throttling-daily", Code::ResourceExhausted, "THROTTLING", Stop, 1, |d| {
        quota(d) && d.quota_failure().unwrap().violations[0].subject.ends_with("tokens per day")
    }),
    row("service-quota-exceeded", Code::ResourceExhausted, "SERVICE_QUOTA_EXCEEDED", Stop, 1, quota),
    row("service-unavailable", Code::Unavailable, "SERVICE_UNAVAILABLE", Delay, 3, any),
    row("model-not-ready", Code::Unavailable, "MODEL_NOT_READY", Delay, 3, any),
    row("internal-server", Code::Internal, "INTERNAL_SERVER", Delay, 2, any),
    row("model-timeout", Code::DeadlineExceeded, "MODEL_TIMEOUT", Delay, 1, any),
    row("model-error", Code::Unavailable, "MODEL_ERROR", Stop, 2, any),
    row("model-error-429", Code::Unavailable, "MODEL_ERROR", Stop, 2, any),
    row("model-error-400", Code::InvalidArgument, "MODEL_ERROR", Stop, 2, any),
    row("model-stream-error-500", Code::Unavailable, "MODEL_STREAM_ERROR", Stop, 2, any),
    row("conflict", Code::Aborted, "CONFLICT", Nothing, 1, any),
    row("expired-token", Code::Unavailable, "GATEWAY_CREDENTIALS", Stop, 2, any),
    row("unrecognized-client", Code::Unavailable, "GATEWAY_CREDENTIALS", Stop, 2, any),
    row("invalid-signature", Code::Unavailable, "GATEWAY_CREDENTIALS", Stop, 2, any),
];

/// Rows that exist only as HTTP responses.
pub(crate) const HTTP_ROWS: &[Row] = &[
    row("unknown", Code::Unknown, "UPSTREAM_EXCEPTION", Nothing, 1, http_status),
    row("http-400", Code::InvalidArgument, "UPSTREAM_HTTP_ERROR", Nothing, 1, http_status),
    row("http-413", Code::InvalidArgument, "UPSTREAM_HTTP_ERROR", Nothing, 1, http_status),
    row("http-403", Code::PermissionDenied, "UPSTREAM_HTTP_ERROR", Nothing, 1, http_status),
    row("http-404", Code::NotFound, "UPSTREAM_HTTP_ERROR", Nothing, 1, http_status),
    row("http-408", Code::DeadlineExceeded, "UPSTREAM_HTTP_ERROR", Delay, 1, http_status),
    row("http-429", Code::ResourceExhausted, "UPSTREAM_HTTP_ERROR", Delay, 3, http_status),
    row("http-500", Code::Internal, "UPSTREAM_HTTP_ERROR", Delay, 2, http_status),
    row("http-502", Code::Unavailable, "UPSTREAM_HTTP_ERROR", Delay, 3, http_status),
    row("http-503", Code::Unavailable, "UPSTREAM_HTTP_ERROR", Delay, 3, http_status),
    row("http-504", Code::DeadlineExceeded, "UPSTREAM_HTTP_ERROR", Delay, 1, http_status),
    row("http-418", Code::Unknown, "UPSTREAM_HTTP_ERROR", Nothing, 1, http_status),
    row("reset", Code::Unavailable, "UNREACHABLE", Delay, 2, any),
];

impl Row {
    /// Checks everything in a status that does not depend on the phase.
    fn check(&self, status: &Status, phase: &str, attempts: u32) {
        let context = format!("{} in {phase}: {status:?}", self.fault);
        assert_eq!(status.code(), self.code, "{context}");
        assert_eq!(reason(status), self.reason, "{context}");
        assert_eq!(info(status, "phase"), phase, "{context}");
        assert_eq!(info(status, "attempts"), attempts.to_string(), "{context}");
        assert_eq!(info(status, "region"), "us-east-1", "{context}");
        assert!(info(status, "model_id").starts_with(&format!("fault.{}", self.fault)), "{context}");
        assert_eq!(info(status, "retryable"), (self.pushback == Delay).to_string(), "{context}");
        assert!((self.also)(&details(status)), "{context}");
        let request_id = &details(status).request_info().unwrap().request_id.clone();
        if self.reason != "UNREACHABLE" {
            assert!(request_id.len() > 30, "{context}");
            assert_eq!(&info(status, "aws_request_id"), request_id, "{context}");
            assert_eq!(trailer(status, "x-amzn-requestid"), Some(request_id.as_str()), "{context}");
        }
        let pushback = trailer(status, "grpc-retry-pushback-ms");
        let delay = details(status).retry_info().and_then(|r| r.retry_delay);
        match self.pushback {
            Nothing => assert_eq!((pushback, delay), (None, None), "{context}"),
            Stop => assert_eq!((pushback, delay), (Some("-1"), None), "{context}"),
            Delay => {
                let millis: u64 = pushback.unwrap_or_else(|| panic!("{context}")).parse().unwrap();
                assert_eq!(delay, Some(Duration::from_millis(millis)), "{context}");
                let seconds: u64 = trailer(status, "retry-after").unwrap().parse().unwrap();
                assert_eq!(seconds, millis.div_ceil(1000), "{context}");
            }
        }
    }
}

/// The unary operations that name a model, with requests that the simulator accepts.
fn unary(model: &str) -> [(&'static str, Value); 4] {
    let messages = json!([{"role": "user", "content": [{"text": "Hi"}]}]);
    let output = json!({"s3OutputDataConfig": {"s3Uri": "s3://bucket/videos"}});
    [
        ("Converse", json!({"modelId": model, "messages": messages})),
        ("InvokeModel", json!({"modelId": model, "body": "e30="})),
        ("CountTokens", json!({"modelId": model, "input": {"converse": {"messages": messages}}})),
        (
            "StartAsyncInvoke",
            json!({"modelId": model, "modelInput": {}, "outputDataConfig": output, "clientRequestToken": "a-token"}),
        ),
    ]
}

/// The streaming operations that name a model.
fn streaming(model: &str) -> [(&'static str, Value); 2] {
    let messages = json!([{"role": "user", "content": [{"text": "Tell me more"}]}]);
    [
        ("ConverseStream", json!({"modelId": model, "messages": messages})),
        ("InvokeModelWithResponseStream", json!({"modelId": model, "body": "e30="})),
    ]
}

/// Calls every operation with every row's fault, all at the same time, and checks the errors.
async fn check(
    rows: impl Iterator<Item = &'static Row>,
    suffix: &str,
    operations: impl Fn(&str) -> Vec<(&'static str, Value)>,
    phase: &str,
    attempts: impl Fn(&Row) -> u32,
) {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let calls = rows.flat_map(|row| {
        let model = format!("fault.{}{suffix}", row.fault);
        operations(&model).into_iter().map(move |(operation, request)| (row, model.clone(), operation, request))
    });
    let checks = calls.map(|(row, model, operation, request)| {
        let (client, simulator, attempts) = (client.clone(), &simulator, attempts(row));
        async move {
            let status = client.call(operation, &request).await.expect_err(&format!("{operation} {model} succeeded"));
            row.check(&status, phase, attempts);
            assert_eq!(info(&status, "operation"), operation);
            assert_eq!(request_count(simulator, operation, &model), attempts as usize, "{operation} {model}");
        }
    });
    join_all(checks).await;
}

/// Number of requests that the simulator received for exactly this model and operation.
fn request_count(simulator: &Simulator, operation: &str, model: &str) -> usize {
    let path = match operation {
        "Converse" => format!("/model/{model}/converse"),
        "ConverseStream" => format!("/model/{model}/converse-stream"),
        "InvokeModel" => format!("/model/{model}/invoke"),
        "InvokeModelWithResponseStream" => format!("/model/{model}/invoke-with-response-stream"),
        "CountTokens" => format!("/model/{model}/count-tokens"),
        _ => "/async-invoke".to_owned(),
    };
    let named = format!("\"{model}\"");
    let in_body = |body: &[u8]| String::from_utf8_lossy(body).contains(&named);
    simulator.requests().iter().filter(|r| r.path == path && (path.contains(model) || in_body(&r.body))).count()
}

#[tokio::test]
async fn unary_calls_fail_as_each_row_says() {
    let rows = ROWS.iter().chain(HTTP_ROWS);
    check(rows, "", |model| unary(model).into(), "request", |row| row.attempts).await;
}

#[tokio::test]
async fn streams_that_fail_before_their_headers_fail_as_each_row_says() {
    // ModelStreamErrorException exists only inside streams.
    let rows = ROWS.iter().chain(HTTP_ROWS).filter(|row| !row.fault.contains("stream-error"));
    check(rows, "", |model| streaming(model).into(), "request", |row| row.attempts).await;
}

#[tokio::test]
async fn failure_in_the_first_frame_is_what_its_row_says_and_is_retried() {
    check(ROWS.iter(), ".after.0", |model| streaming(model).into(), "first_event", |row| row.attempts).await;
}

#[tokio::test]
async fn failure_after_events_is_what_its_row_says_and_is_not_retried() {
    check(ROWS.iter(), ".after.3", |model| streaming(model).into(), "stream", |_| 1).await;
}

#[tokio::test]
async fn operations_without_a_model_use_the_same_error_table() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl";
    for (operation, request) in [
        ("ApplyGuardrail", json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1"})),
        ("InvokeGuardrailChecks", json!({})),
        ("GetAsyncInvoke", json!({"invocationArn": arn})),
        ("ListAsyncInvokes", json!({})),
    ] {
        for (name, http, code, reason_wanted) in [
            ("ValidationException", 400, Code::InvalidArgument, "VALIDATION"),
            ("AccessDeniedException", 403, Code::PermissionDenied, "ACCESS_DENIED"),
            ("ResourceNotFoundException", 404, Code::NotFound, "RESOURCE_NOT_FOUND"),
            ("ServiceQuotaExceededException", 400, Code::ResourceExhausted, "SERVICE_QUOTA_EXCEEDED"),
        ] {
            simulator.script(Answer::exception(name, StatusCode::from_u16(http).unwrap(), "no"));
            let status = client.call(operation, &request).await.unwrap_err();
            assert_eq!((status.code(), reason(&status).as_str()), (code, reason_wanted), "{operation} {name}");
            assert_eq!(
                (info(&status, "phase").as_str(), info(&status, "model_id").as_str()),
                ("request", ""),
                "{operation}"
            );
        }
        for _ in 0..2 {
            simulator.script(Answer::exception("InternalServerException", StatusCode::INTERNAL_SERVER_ERROR, "oh"));
        }
        let status = client.call(operation, &request).await.unwrap_err();
        assert_eq!((status.code(), info(&status, "attempts").as_str()), (Code::Internal, "2"), "{operation}");
    }
}
