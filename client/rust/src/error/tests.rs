//! Statuses as the service writes them, and as others do.

use std::collections::HashMap;

use tonic::metadata::MetadataMap;
use tonic_types::ErrorDetails;

use super::*;

/// What the service adds to every failure, and what a test adds to that.
fn failure(
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
fn a_throttling_says_all_that_the_service_said() {
    let info =
        [("phase", "first_event"), ("attempts", "3"), ("retryable", "true"), ("aws_error_code", "ThrottlingException")];
    let delay = Duration::from_millis(1500);
    let error = failure(
        Code::ResourceExhausted,
        "THROTTLING",
        &info,
        |details| _ = details.set_retry_info(Some(delay)),
        Some("1500"),
    );
    assert_eq!(error.status(), Code::ResourceExhausted);
    assert_eq!(error.reason(), Some(crate::vocabulary::reason::THROTTLING));
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
fn field_violations_are_listed() {
    let error = failure(
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

/// gRFC A6: negative or no number at all, do not retry; whatever else the status says.
#[test]
fn a_pushback_that_says_no_outweighs_everything() {
    for pushback in ["-1", "-2147483648", "soon", "", "2147483648", "1.5"] {
        let error = failure(
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
fn a_pushback_stands_in_for_retry_info() {
    for (pushback, millis) in [("0", 0), ("250", 250), ("2147483647", 2_147_483_647)] {
        let error = failure(Code::Internal, "INTERNAL_SERVER", &[], |_| (), Some(pushback));
        assert_eq!((error.is_retryable(), error.retry_delay()), (true, Some(Duration::from_millis(millis))));
    }
}

#[test]
fn the_services_word_on_retrying_outweighs_the_code() {
    let no = failure(Code::Unavailable, "X", &[("retryable", "false")], |_| (), None);
    let yes = failure(Code::DataLoss, "DATA_LOSS", &[("retryable", "true")], |_| (), None);
    assert_eq!((no.is_retryable(), yes.is_retryable()), (false, true));
}

#[test]
fn a_status_without_details_has_its_code_to_go_by() {
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
fn unknown_is_a_broken_connection_only_if_it_was_made_here() {
    let mut here = Status::unknown("transport error");
    here.set_source(Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
    let here = Error::from(here);
    assert_eq!((here.status(), here.is_retryable()), (Code::Unavailable, true));
    assert!(std::error::Error::source(&here).is_some());
    let there = Error::from(Status::unknown("who knows"));
    assert_eq!((there.status(), there.is_retryable()), (Code::Unknown, false));
}

#[test]
fn details_that_do_not_decode_hide_nothing_else() {
    let error = Error::from(Status::with_details(Code::Internal, "broken", vec![0xff; 3].into()));
    assert_eq!((error.status(), error.message().as_ref(), error.reason()), (Code::Internal, "broken", None));
}

#[test]
fn the_request_id_is_found_wherever_it_stands() {
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
    // The service writes an empty RequestInfo when Bedrock was not asked.
    let empty = Status::with_error_details(Code::Internal, "", ErrorDetails::with_request_info("", ""));
    assert_eq!(Error::from(empty).request_id(), None);
    let mut in_trailers = Status::internal("");
    in_trailers.metadata_mut().insert(REQUEST_ID, "b".parse().unwrap());
    assert_eq!(Error::from(in_trailers).request_id(), Some("b"));
}

#[test]
fn errors_without_a_status_have_the_code_that_fits() {
    let assemble = |problem| Error::Assemble { request_id: Some("r".to_owned()), problem };
    let incomplete = assemble(AssembleError::Incomplete);
    assert_eq!((incomplete.status(), incomplete.is_retryable()), (Code::Unavailable, true));
    assert_eq!(
        (incomplete.request_id(), incomplete.message().as_ref()),
        (Some("r"), "the stream ended before its messageStop")
    );
    let metadata = Error::Metadata { key: "a b".to_owned() };
    assert_eq!((metadata.status(), metadata.is_retryable()), (Code::InvalidArgument, false));
    assert!(metadata.tonic_status().is_none() && metadata.details().is_none());
    assert_eq!(Status::from(metadata).code(), Code::InvalidArgument);
}

#[test]
fn an_error_is_small_and_crosses_threads() {
    fn is_fit<T: std::error::Error + Send + Sync + 'static>() {}
    is_fit::<Error>();
    assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
}
