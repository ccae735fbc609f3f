//! From the SDK's errors to ours.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::{Exception, Failure};

/// Why there is no answer.
pub(super) fn of<E: ProvideErrorMetadata + StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Failure {
    if let SdkError::ServiceError(context) = error {
        return Failure::Exception(exception(context.err(), context.raw()));
    }
    let text = DisplayErrorContext(error).to_string();
    if has_source::<super::NoHttp2>(error) {
        return Failure::NoHttp2;
    }
    if has_source::<CredentialsError>(error) {
        return Failure::NoCredentials(text);
    }
    Failure::Unreachable(text)
}

fn has_source<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<T>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn exception<E: ProvideErrorMetadata>(error: &E, response: &HttpResponse) -> Exception {
    let headers = response.headers();
    let mut exception = Exception::parse(error.code(), response.body().bytes().unwrap_or_default());
    if exception.message.is_empty() {
        exception.message = error.message().unwrap_or_default().to_owned();
    }
    exception.http_status = Some(response.status().as_u16());
    exception.request_id = headers.get("x-amzn-requestid").map(str::to_owned);
    // Bedrock sends whole seconds where it sends anything.
    exception.retry_after = headers.get("retry-after").and_then(|s| s.trim().parse().ok()).map(Duration::from_secs);
    exception
}
