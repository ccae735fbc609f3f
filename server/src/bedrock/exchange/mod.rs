//! The one module that knows how the AWS SDK is made to carry our own JSON.
//!
//! The real operation is called with nothing but the members that AWS binds to the path; an interceptor sets the body
//! before signing and takes the answer's body before the SDK would read it. So the SDK does endpoint rules, credentials,
//! SigV4, HTTP and modelled errors, while documents keep their key order and unknown members survive: the SDK's typed input
//! and output lose both (its `Document` is a `HashMap`).

mod failure;
mod operations;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, Body};
use crate::error::Failure;

pub(super) use operations::{bidirectional, send};

/// Carries the request's body in and the answer out.
#[derive(Clone)]
struct Exchange {
    /// What replaces the SDK's body. `None` leaves the request as the SDK made it: a GET, or a stream of its own signing.
    request: Option<Payload>,
    /// What the SDK finds in place of the answer: an empty object, or, where it expects a stream, nothing.
    placeholder: &'static str,
    /// The SDK reaches HTTP/2 by ALPN, so never without TLS; without it a stream both ways would hang.
    needs_http2: bool,
    answer: Arc<Mutex<Option<(HeaderMap, SdkBody)>>>,
}

/// The endpoint speaks HTTP/1.1 only.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint has no HTTP/2")]
struct NoHttp2;

/// A body and its content type.
#[derive(Clone)]
struct Payload {
    bytes: Bytes,
    content_type: String,
}

const JSON: &str = "application/json";

impl Exchange {
    /// JSON out, JSON back.
    fn json(bytes: Bytes) -> Self {
        Self::payload(bytes, JSON)
    }

    /// Any body out, one body back.
    fn payload(bytes: Bytes, content_type: &str) -> Self {
        Self { request: Some(Payload { bytes, content_type: content_type.to_owned() }), ..Self::get() }
    }

    /// Nothing out that the SDK has not made, one body back.
    fn get() -> Self {
        Self { request: None, placeholder: "{}", needs_http2: false, answer: Arc::default() }
    }

    /// The answer is a stream.
    fn streamed(self) -> Self {
        Self { placeholder: "", ..self }
    }

    /// The request is a stream too.
    fn bidirectional() -> Self {
        Self { needs_http2: true, ..Self::get().streamed() }
    }

    fn answer<T, E>(self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<Answer, Failure>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let taken = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (taken, sent) {
            // A success is what Bedrock says it is, whatever the SDK made of the placeholder.
            (Some((headers, body)), _) => Ok(Answer { headers, body: Body::new(body) }),
            (None, Err(error)) => Err(failure::of(&error)),
            (None, Ok(_)) => Err(Failure::Unreachable("the SDK gave no answer".to_owned())),
        }
    }
}

/// The SDK logs its interceptors at `trace`, and a prompt is in no log.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "bedrock-grpc-exchange"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Payload { bytes, content_type }) = &self.request {
            let request = context.request_mut();
            request.headers_mut().insert("content-length", bytes.len().to_string());
            request.headers_mut().try_insert("content-type", content_type.clone())?;
            *request.body_mut() = SdkBody::from(bytes.clone());
        }
        Ok(())
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let plain = context.request().uri().starts_with("http:");
        if self.needs_http2 && plain { Err(NoHttp2.into()) } else { Ok(()) }
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            // HTTP/2 forbids the first two (RFC 9113, section 8.2.2), and a stream has no length.
            let http1 = ["transfer-encoding", "connection", "content-length"]
                .iter()
                .any(|name| response.headers().contains_key(name));
            if self.needs_http2 && http1 {
                return Err(NoHttp2.into());
            }
            let headers = header_map(response.headers());
            let body = std::mem::replace(response.body_mut(), SdkBody::from(self.placeholder));
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((headers, body));
        }
        Ok(())
    }
}

fn header_map(headers: &Headers) -> HeaderMap {
    let pairs = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
