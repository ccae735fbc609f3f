//! The one module that knows how the AWS SDK is made to carry our own JSON.
//!
//! The real operation is called with nothing but the members that AWS binds to the path; an interceptor sets the body
//! before signing and takes the answer's body before the SDK would read it. So the SDK does endpoint rules, credentials,
//! SigV4, HTTP and modelled errors, while documents keep their key order and unknown members survive: the SDK's typed input
//! and output lose both (its `Document` is a `HashMap`).

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, Body, Operation};
use crate::status::{Exception, Failure};

/// Asks Bedrock once; the SDK's own retries are off (`clients`).
pub(super) async fn send(
    client: &Client,
    operation: Operation,
    model_id: &str,
    body: Bytes,
) -> Result<Answer, Failure> {
    let exchange = Exchange::new(operation, body);
    match operation {
        Operation::Converse => {
            let sent = client.converse().model_id(model_id).customize().interceptor(exchange.clone()).send();
            exchange.answer(sent.await)
        }
        Operation::ConverseStream => {
            let sent = client.converse_stream().model_id(model_id).customize().interceptor(exchange.clone()).send();
            exchange.answer(sent.await)
        }
    }
}

/// Carries the request's body in and the answer out.
#[derive(Debug, Clone)]
struct Exchange {
    request: Bytes,
    /// What the SDK finds in place of the answer: an empty object, or, where it expects a stream, nothing.
    placeholder: &'static str,
    answer: Arc<Mutex<Option<(HeaderMap, SdkBody)>>>,
}

impl Exchange {
    fn new(operation: Operation, request: Bytes) -> Self {
        let placeholder = match operation {
            Operation::Converse => "{}",
            Operation::ConverseStream => "",
        };
        Self { request, placeholder, answer: Arc::default() }
    }

    fn answer<T, E>(self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<Answer, Failure>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let taken = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (taken, sent) {
            // A success is what Bedrock says it is, whatever the SDK made of the placeholder.
            (Some((headers, body)), _) => Ok(Answer { headers, body: Body::new(body) }),
            (None, Err(error)) => Err(failure(&error)),
            (None, Ok(_)) => Err(Failure::Unreachable("the SDK gave no answer".to_owned())),
        }
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
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.request.len().to_string());
        request.headers_mut().insert("content-type", "application/json");
        *request.body_mut() = SdkBody::from(self.request.clone());
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
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

fn failure<E: ProvideErrorMetadata + StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Failure {
    if let SdkError::ServiceError(context) = error {
        return Failure::Exception(exception(context.err(), context.raw()));
    }
    let text = DisplayErrorContext(error).to_string();
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
