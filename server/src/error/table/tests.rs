//! Rows that the end-to-end tests of the table do not have.

use super::*;

fn classify(name: Option<&str>, http_status: Option<u16>) -> (Code, String, Retry) {
    let exception = Exception { name: name.map(str::to_owned), http_status, ..Exception::default() };
    let Classification { code, reason, retry, .. } = Failure::Exception(exception).classify();
    (code, reason.to_string(), retry)
}

#[test]
fn exception_without_a_name_is_classified_by_its_http_status() {
    for (status, code, retry) in [
        (400, Code::InvalidArgument, Retry::Never),
        (403, Code::PermissionDenied, Retry::Never),
        (404, Code::NotFound, Retry::NextTarget),
        (408, Code::DeadlineExceeded, Retry::NextTarget),
        (413, Code::InvalidArgument, Retry::Never),
        (418, Code::Unknown, Retry::Never),
        (429, Code::ResourceExhausted, Retry::Yes),
        (500, Code::Internal, Retry::Once),
        (502, Code::Unavailable, Retry::Yes),
        (503, Code::Unavailable, Retry::Yes),
        (504, Code::DeadlineExceeded, Retry::NextTarget),
    ] {
        assert_eq!(classify(None, Some(status)), (code, "UPSTREAM_HTTP_ERROR".to_owned(), retry), "{status}");
    }
    assert_eq!(classify(None, None), (Code::Unknown, "UPSTREAM_EXCEPTION".to_owned(), Retry::Never));
}

#[test]
fn exception_with_an_unknown_name_has_the_code_of_its_http_status() {
    let expected = (Code::Unavailable, "UPSTREAM_EXCEPTION".to_owned(), Retry::Yes);
    assert_eq!(classify(Some("BrandNewException"), Some(503)), expected);
}

#[test]
fn common_errors_of_aws_have_the_codes_of_their_meaning() {
    for (name, status, code, reason, retry) in [
        ("RequestExpired", 400, Code::Unavailable, "GATEWAY_CREDENTIALS", Retry::OnceRefreshed),
        ("NotAuthorized", 400, Code::PermissionDenied, "UPSTREAM_EXCEPTION", Retry::Never),
        ("RequestAbortedException", 400, Code::Unavailable, "UPSTREAM_EXCEPTION", Retry::Yes),
        ("RequestTimeoutException", 408, Code::Unavailable, "UPSTREAM_EXCEPTION", Retry::Yes),
        ("UnknownOperationException", 404, Code::Unimplemented, "UPSTREAM_EXCEPTION", Retry::Never),
        ("MPAgreementBeingCreated", 403, Code::FailedPrecondition, "UPSTREAM_EXCEPTION", Retry::Never),
    ] {
        assert_eq!(classify(Some(name), Some(status)), (code, reason.to_owned(), retry), "{name}");
    }
}

#[test]
fn complete_response_that_cannot_be_read_must_not_be_retried_by_the_caller() {
    let unreadable = serde_json::from_str::<u8>("[").unwrap_err().into();
    let classification = Failure::UnreadableResponse(unreadable).classify();
    assert_eq!(classification.pushback, Pushback::Stop);
    assert!(!classification.is_retryable());
}
