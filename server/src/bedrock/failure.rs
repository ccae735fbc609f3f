//! Converts errors on the way to Bedrock to a [`Failure`].

use std::task::ready;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::connections::{IncomingBody, SendError};
use crate::error::{Exception, Failure};

/// Maximum number of bytes that are read of an error's body. Bedrock's are below a kilobyte; a proxy's page may be
/// anything.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Maximum time for an error's body: the status alone is enough to classify the error.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotSent(reason) => Self::Unreachable(reason),
            SendError::Lost(reason) => Self::ConnectionLost(reason),
            SendError::NoHttp2 => Self::NoHttp2,
        }
    }
}

/// Where a body without `x-amzn-errortype` may name its exception.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    #[serde(borrow, rename = "__type")]
    kind: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    code: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, rename = "Output")]
    output: Option<&'a serde_json::value::RawValue>,
}

/// Reads the exception of an error response.
pub(super) async fn read_exception(status: StatusCode, headers: &HeaderMap, body: IncomingBody) -> Exception {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let body = read_error_body(body).await;
    let named = header("x-amzn-errortype").map(str::to_owned).filter(|name| !name.trim().is_empty());
    let mut exception = Exception::parse(named.or_else(|| name_in(&body)).as_deref(), &body);
    exception.http_status = Some(status.as_u16());
    exception.request_id = header("x-amzn-requestid").map(str::to_owned);
    // If Bedrock sends this header, its value is in whole seconds.
    exception.retry_after = header("retry-after").and_then(|s| s.trim().parse().ok()).map(Duration::from_secs);
    exception
}

/// The body, up to the limits of size and time. If it breaks off or does not end, the part that has arrived is used.
async fn read_error_body(mut body: IncomingBody) -> BytesMut {
    let mut whole = BytesMut::new();
    let read = std::future::poll_fn(|cx| {
        while whole.len() < ERROR_BODY_LIMIT {
            let Some(Ok(data)) = ready!(body.poll_chunk(cx)) else { break };
            let room = ERROR_BODY_LIMIT - whole.len();
            whole.extend_from_slice(data.get(..room).unwrap_or(&data));
        }
        std::task::Poll::Ready(())
    });
    let _ = tokio::time::timeout(ERROR_BODY_TIMEOUT, read).await;
    whole
}

/// The name in the body: in `code`, in `__type`, or in the `__type` of `Output`.
fn name_in(body: &[u8]) -> Option<String> {
    let names: Names<'_> = serde_json::from_slice(body).ok()?;
    let text = |raw: Option<&serde_json::value::RawValue>| serde_json::from_str::<String>(raw?.get()).ok();
    let nested = || serde_json::from_str::<Names<'_>>(names.output?.get()).ok().and_then(|output| text(output.kind));
    text(names.code).or_else(|| text(names.kind)).or_else(nested).filter(|name| !name.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn an_exceptions_name_is_found_wherever_a_body_has_it() {
        for (body, name) in [
            (
                &br#"{"__type":"com.amazon.coral#ThrottlingException"}"#[..],
                Some("com.amazon.coral#ThrottlingException"),
            ),
            (br#"{"code":"Throttling","__type":"x"}"#, Some("Throttling")),
            (br#"{"code":429,"__type":"ThrottlingException"}"#, Some("ThrottlingException")),
            (
                br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
                Some("com.amazon.coral.service#UnknownOperationException"),
            ),
            (b"<html>", None),
            (b"[]", None),
            (br#"{"__type":""}"#, None),
        ] {
            assert_eq!(name_in(body).as_deref(), name, "{}", String::from_utf8_lossy(body));
        }
    }
}
