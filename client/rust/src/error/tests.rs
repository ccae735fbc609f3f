//! Statuses as the gateway writes them, and statuses of other servers.

use std::collections::HashMap;
use std::sync::Arc;

use tonic::metadata::MetadataMap;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::rpc_error::PUSHBACK;
use super::*;

/// An error with the details that the gateway always sends and those that a test adds.
fn gateway_error(
    code: Code,
    reason: &str,
    info: &[(&str, &str)],
    more: impl FnOnce(&mut ErrorDetails),
    pushback: Option<&str>,
) -> Error {
    let mut details = ErrorDetails::new();
    let info: HashMap<_, _> = info.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    details.set_error_info(reason, "bedrock-grpc", info).set_request_info("req-1", "");
    more(&mut details);
    let mut trailers = MetadataMap::new();
    if let Some(pushback) = pushback {
        trailers.insert(PUSHBACK, pushback.parse().unwrap());
    }
    Status::with_error_details_and_metadata(code, "message", details, trailers).into()
}

#[test]
fn throttling_error_exposes_code_reason_metadata_delay_and_request_id() {
    let info =
        [("phase", "first_event"), ("attempts", "3"), ("retryable", "true"), ("aws_error_code", "ThrottlingException")];
    let delay = Duration::from_millis(1500);
    let error = gateway_error(
        Code::ResourceExhausted,
        "THROTTLING",
        &info,
        |details| _ = details.set_retry_info(Some(delay)),
        Some("1500"),
    );
    assert_eq!(error.status(), Code::ResourceExhausted);
    assert_eq!((error.reason(), error.known_reason()), (Some("THROTTLING"), Some(ErrorReason::Throttling)));
    let newer = gateway_error(Code::Internal, "REASON_OF_NEXT_YEAR", &[], |_| (), None);
    assert_eq!((newer.reason(), newer.known_reason()), (Some("REASON_OF_NEXT_YEAR"), None));
    for (key, value) in info {
        assert_eq!(error.metadata(key), Some(value));
    }
    assert_eq!(error.metadata("region"), None);
    assert_eq!((error.is_retryable(), error.retry_delay()), (true, Some(delay)));
    assert_eq!((error.message().as_ref(), error.request_id()), ("message", Some("req-1")));
    assert_eq!(error.to_string(), "ResourceExhausted (THROTTLING): message");
    assert_eq!(error.tonic_status().unwrap().metadata().get(PUSHBACK).unwrap(), "1500");
    assert_eq!(Status::from(error).code(), Code::ResourceExhausted);
}

#[test]
fn field_violations_are_returned() {
    let error = gateway_error(
        Code::InvalidArgument,
        "VALIDATION",
        &[("retryable", "false")],
        |details| _ = details.add_bad_request_violation("messages[0].content", "is empty"),
        None,
    );
    let [violation] = error.field_violations() else { panic!("one violation") };
    assert_eq!((violation.field.as_str(), violation.description.as_str()), ("messages[0].content", "is empty"));
    assert_eq!((error.is_retryable(), error.retry_delay()), (false, None));
}

/// gRFC A6: a negative value and a value that is not a number mean: do not retry.
#[test]
fn negative_or_malformed_pushback_disables_retry() {
    for pushback in ["-1", "-2147483648", "soon", "", "2147483648", "1.5"] {
        let error = gateway_error(
            Code::Unavailable,
            "SERVICE_UNAVAILABLE",
            &[("retryable", "true")],
            |details| _ = details.set_retry_info(Some(Duration::from_secs(1))),
            Some(pushback),
        );
        assert_eq!((error.is_retryable(), error.retry_delay()), (false, None), "{pushback:?}");
    }
}

#[test]
fn pushback_is_the_retry_delay_without_retry_info() {
    for (pushback, millis) in [("0", 0), ("250", 250), ("2147483647", 2_147_483_647)] {
        let error = gateway_error(Code::Internal, "INTERNAL_SERVER", &[], |_| (), Some(pushback));
        assert_eq!((error.is_retryable(), error.retry_delay()), (true, Some(Duration::from_millis(millis))));
    }
}

#[test]
fn retryable_in_error_info_takes_precedence_over_the_code() {
    let no = gateway_error(Code::Unavailable, "X", &[("retryable", "false")], |_| (), None);
    let yes = gateway_error(Code::DataLoss, "DATA_LOSS", &[("retryable", "true")], |_| (), None);
    assert_eq!((no.is_retryable(), yes.is_retryable()), (false, true));
}

#[test]
fn status_without_details_is_retryable_only_if_unavailable() {
    for (status, retryable) in [
        (Status::unavailable("gone"), true),
        (Status::resource_exhausted("big"), false),
        (Status::cancelled(""), false),
    ] {
        let error = Error::from(status);
        assert_eq!((error.reason(), error.request_id(), error.retry_delay()), (None, None, None));
        assert_eq!((error.is_retryable(), error.field_violations().len()), (retryable, 0));
    }
    assert_eq!(Error::from(Status::unavailable("gone")).to_string(), "Unavailable: gone");
}

#[test]
fn unknown_becomes_unavailable_only_with_a_local_source() {
    let mut here = Status::unknown("transport error");
    here.set_source(Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
    let here = Error::from(here);
    assert_eq!((here.status(), here.is_retryable()), (Code::Unavailable, true));
    assert!(std::error::Error::source(&here).is_some());
    let there = Error::from(Status::unknown("who knows"));
    assert_eq!((there.status(), there.is_retryable()), (Code::Unknown, false));
}

#[test]
fn undecodable_details_keep_code_and_message() {
    let error = Error::from(Status::with_details(Code::Internal, "broken", vec![0xff; 3].into()));
    assert_eq!((error.status(), error.message().as_ref(), error.reason()), (Code::Internal, "broken", None));
}

#[test]
fn request_id_is_read_from_request_info_error_info_and_trailers() {
    let in_info = Status::with_error_details(
        Code::Internal,
        "",
        ErrorDetails::with_error_info(
            "X",
            "bedrock-grpc",
            HashMap::from([("aws_request_id".to_owned(), "a".to_owned())]),
        ),
    );
    assert_eq!(Error::from(in_info).request_id(), Some("a"));
    // The gateway writes an empty RequestInfo when it sent no request to Bedrock.
    let empty = Status::with_error_details(Code::Internal, "", ErrorDetails::with_request_info("", ""));
    assert_eq!(Error::from(empty).request_id(), None);
    let mut in_trailers = Status::internal("");
    in_trailers.metadata_mut().insert(REQUEST_ID, "b".parse().unwrap());
    assert_eq!(Error::from(in_trailers).request_id(), Some("b"));
}

#[test]
fn errors_without_a_status_have_a_fitting_code() {
    let assemble = |problem| Error::Assemble { request_id: Some("r".to_owned()), problem };
    let incomplete = assemble(AssembleError::Incomplete);
    assert_eq!((incomplete.status(), incomplete.is_retryable()), (Code::Unavailable, true));
    assert_eq!(
        (incomplete.request_id(), incomplete.message().as_ref()),
        (Some("r"), "the stream ended before its messageStop event")
    );
    let metadata = Error::Metadata { key: "a b".to_owned() };
    assert_eq!((metadata.status(), metadata.is_retryable()), (Code::InvalidArgument, false));
    assert!(metadata.tonic_status().is_none() && metadata.details().is_none());
    assert_eq!(Status::from(metadata).code(), Code::InvalidArgument);
}

#[test]
fn error_is_small_and_send_and_sync() {
    fn assert_error_bounds<T: std::error::Error + Send + Sync + 'static>() {}
    assert_error_bounds::<Error>();
    assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
}
