//! The AWS SDK as the oracle: each operation is sent by the SDK and by the gateway at one fixed time, and both requests have
//! the same method, URL, headers, body and signature.

#![allow(clippy::needless_update, reason = "messages get members")]

mod hosts;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_bedrockruntime::config::Token;
use aws_sdk_bedrockruntime::primitives::event_stream::EventStreamSender;
use aws_sdk_bedrockruntime::primitives::{Blob, DateTime};
use aws_sdk_bedrockruntime::types::error::InvokeModelWithBidirectionalStreamInputError;
use aws_sdk_bedrockruntime::types::{BidirectionalInputPayloadPart, InvokeModelWithBidirectionalStreamInput};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bedrock_grpc_schema::control::v1::*;
use bedrock_grpc_schema::operation::{OperationRequest, PayloadKind};
use bedrock_grpc_schema::runtime::v1::*;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use prost_types::Timestamp;

use super::bidirectional::EventWriter;
use super::connections::{ConnectionOptions, Pool};
use super::endpoint::Endpoints;
use super::identity::Authorization;
use super::request::RequestTemplate;
use super::signing::Signer;

/// An hour in 2026.
const TIME: u64 = 1_790_000_000;

/// Model ids: ordinary ones, and ones with characters that must be encoded.
const IDS: &[&str] = &[
    "amazon.nova-lite-v1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3",
    "a/b//c",
    "50%25 off",
    "naïve-模型",
    "x..y.",
    "q?a=b&c#d[e]{f}|g\\h^i`j\"k<l>m~n_o'p(q)r*s+t,u;v=w@x!y$z",
];

/// Headers that the SDK adds about itself.
const ABOUT_THE_SDK: [&str; 4] = ["amz-sdk-invocation-id", "amz-sdk-request", "user-agent", "x-amz-user-agent"];

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(TIME)
}

/// Who sends.
#[derive(Clone)]
enum Sender {
    Key(Credentials),
    ApiKey(&'static str),
}

fn senders() -> [Sender; 3] {
    [
        Sender::Key(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test")),
        Sender::Key(Credentials::new("ASIAEXAMPLE", "secret", Some("token/with+signs==".to_owned()), None, "test")),
        Sender::ApiKey("bedrock-api-key-abc"),
    ]
}

/// Keeps the request that the SDK would send.
#[derive(Debug, Clone, Default)]
struct Capture(Arc<Mutex<Option<HttpRequest>>>);

impl HttpConnector for Capture {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.0.lock().unwrap() = Some(request);
        HttpConnectorFuture::ready(Err(ConnectorError::user("captured".into())))
    }
}

impl HttpClient for Capture {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Replaces the body of the SDK's request by the gateway's, because the SDK writes the members in another order.
#[derive(Debug)]
struct SameBody(Option<Bytes>);

impl Intercept for SameBody {
    fn name(&self) -> &'static str {
        "same-body"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = &self.0 {
            context.request_mut().headers_mut().insert("content-length", body.len().to_string());
            *context.request_mut().body_mut() = SdkBody::from(body.clone());
        }
        Ok(())
    }
}

fn sdk_config(region: &str) -> SdkConfig {
    SdkConfig::builder().region(Region::new(region.to_owned())).behavior_version(BehaviorVersion::latest()).build()
}

macro_rules! sdk_client {
    ($sdk:ident, $sender:expr, $capture:expr, $body:expr) => {{
        let builder = $sdk::config::Builder::from(&sdk_config("eu-west-1"))
            .http_client($capture.clone())
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .time_source(StaticTimeSource::new(now()))
            .interceptor(SameBody($body));
        let config = match $sender {
            Sender::Key(credentials) => builder.credentials_provider(credentials.clone()).build(),
            Sender::ApiKey(key) => builder
                .bearer_token(Token::new(*key, None))
                .auth_scheme_preference([HTTP_BEARER_AUTH_SCHEME_ID])
                .build(),
        };
        $sdk::Client::from_conf(config)
    }};
}

/// Sends `$message` both ways and compares.
macro_rules! compare {
    ($sdk:ident, $message:expr, |$client:ident| $call:expr) => {
        for sender in &senders() {
            let message = $message;
            let capture = Capture::default();
            let body = body_of(&message);
            let $client = sdk_client!($sdk, sender, &capture, body);
            let _ = $call.send().await;
            let sent = capture.0.lock().unwrap().take().expect("the SDK sends a request");
            assert_same(sender, &message, sent).await;
        }
    };
}

fn body_of<M: OperationRequest>(message: &M) -> Option<Bytes> {
    let has_body = !matches!(M::OPERATION.request_payload, PayloadKind::None | PayloadKind::Events);
    has_body.then(|| message.encode_payload().unwrap())
}

async fn assert_same<M: OperationRequest>(sender: &Sender, message: &M, sent: HttpRequest) {
    let name = M::OPERATION.name;
    let mut theirs: BTreeMap<String, String> =
        sent.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let signs_agent = theirs.get("authorization").is_some_and(|value| value.contains("x-amz-user-agent"));
    let mut template = RequestTemplate::new(message).unwrap();
    if signs_agent {
        template.insert_header("x-amz-user-agent", &theirs["x-amz-user-agent"]);
    }
    let endpoints =
        Endpoints::new(&sdk_config("eu-west-1"), HashMap::new(), Pool::new(ConnectionOptions::default()).unwrap());
    let endpoint = endpoints.get(M::OPERATION.service, "eu-west-1").await.unwrap();
    let authorization = match sender {
        Sender::Key(credentials) => Authorization::Signature(Arc::new(Signer::new(credentials.clone()).unwrap())),
        Sender::ApiKey(key) => Authorization::Bearer(format!("Bearer {key}").parse().unwrap()),
    };
    let ours = template.authorize(&endpoint, &authorization, "eu-west-1", now()).unwrap();
    assert_eq!(ours.method().as_str(), sent.method(), "{name}");
    assert_eq!(ours.uri().to_string(), sent.uri(), "{name}");
    if let Some(body) = sent.body().bytes() {
        assert_eq!(ours.body(), body, "{name}");
    }
    let mut headers: BTreeMap<String, String> = ours
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
        .collect();
    for name in ABOUT_THE_SDK {
        headers.remove(name);
        theirs.remove(name);
    }
    assert_eq!(headers, theirs, "{name}");
}

#[tokio::test]
async fn every_operation_with_a_model_equals_the_sdks() {
    for id in IDS {
        let id = Some((*id).to_owned());
        compare!(aws_sdk_bedrockruntime, ConverseRequest { model_id: id.clone(), ..Default::default() }, |client| {
            client.converse().set_model_id(id.clone())
        });
        compare!(
            aws_sdk_bedrockruntime,
            ConverseStreamRequest { model_id: id.clone(), ..Default::default() },
            |client| { client.converse_stream().set_model_id(id.clone()) }
        );
        compare!(aws_sdk_bedrockruntime, CountTokensRequest { model_id: id.clone(), ..Default::default() }, |client| {
            client.count_tokens().set_model_id(id.clone())
        });
        let text = |text: &str| Some(text.to_owned());
        macro_rules! invoke {
            ($request:ident, $method:ident) => {
                compare!(
                    aws_sdk_bedrockruntime,
                    $request {
                        model_id: id.clone(),
                        body: Some(Bytes::from_static(b"{\"a\":1}")),
                        content_type: text("application/json"),
                        accept: text("*/*"),
                        trace: text("ENABLED_FULL"),
                        guardrail_identifier: text("arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc"),
                        guardrail_version: text("DRAFT"),
                        performance_config_latency: text("optimized"),
                        service_tier: text("flex"),
                        request_metadata: text(r#"{"team":  "search"}"#),
                        ..Default::default()
                    },
                    |client| client
                        .$method()
                        .set_model_id(id.clone())
                        .body(Blob::new(b"{\"a\":1}".to_vec()))
                        .content_type("application/json")
                        .accept("*/*")
                        .trace("ENABLED_FULL".into())
                        .guardrail_identifier("arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc")
                        .guardrail_version("DRAFT")
                        .performance_config_latency("optimized".into())
                        .service_tier("flex".into())
                        .request_metadata(r#"{"team":  "search"}"#)
                );
            };
        }
        invoke!(InvokeModelRequest, invoke_model);
        invoke!(InvokeModelWithResponseStreamRequest, invoke_model_with_response_stream);
        compare!(
            aws_sdk_bedrock,
            GetFoundationModelRequest { model_identifier: id.clone(), ..Default::default() },
            |client| { client.get_foundation_model().set_model_identifier(id.clone()) }
        );
    }
}

#[tokio::test]
async fn every_other_operation_equals_the_sdks() {
    let text = |text: &str| Some(text.to_owned());
    for id in IDS {
        let id = Some((*id).to_owned());
        compare!(
            aws_sdk_bedrockruntime,
            ApplyGuardrailRequest {
                guardrail_identifier: id.clone(),
                guardrail_version: text("1"),
                ..Default::default()
            },
            |client| client.apply_guardrail().set_guardrail_identifier(id.clone()).guardrail_version("1")
        );
        compare!(
            aws_sdk_bedrockruntime,
            GetAsyncInvokeRequest { invocation_arn: id.clone(), ..Default::default() },
            |client| { client.get_async_invoke().set_invocation_arn(id.clone()) }
        );
        compare!(
            aws_sdk_bedrockruntime,
            ListAsyncInvokesRequest {
                submit_time_after: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
                submit_time_before: Some(Timestamp { seconds: 1_700_000_001, nanos: 123_000_000 }),
                status_equals: text("Completed"),
                max_results: Some(7),
                next_token: id.clone(),
                sort_by: text("SubmissionTime"),
                sort_order: text("Descending"),
                ..Default::default()
            },
            |client| client
                .list_async_invokes()
                .submit_time_after(DateTime::from_secs(1_700_000_000))
                .submit_time_before(DateTime::from_secs_and_nanos(1_700_000_001, 123_000_000))
                .status_equals("Completed".into())
                .max_results(7)
                .set_next_token(id.clone())
                .sort_by("SubmissionTime".into())
                .sort_order("Descending".into())
        );
        compare!(
            aws_sdk_bedrock,
            ListInferenceProfilesRequest {
                max_results: Some(3),
                next_token: id.clone(),
                type_equals: text("APPLICATION"),
                ..Default::default()
            },
            |client| client
                .list_inference_profiles()
                .max_results(3)
                .set_next_token(id.clone())
                .type_equals("APPLICATION".into())
        );
    }
    compare!(aws_sdk_bedrockruntime, InvokeGuardrailChecksRequest::default(), |client| client
        .invoke_guardrail_checks());
    compare!(aws_sdk_bedrockruntime, StartAsyncInvokeRequest::default(), |client| client.start_async_invoke());
    compare!(
        aws_sdk_bedrock,
        ListFoundationModelsRequest {
            by_provider: text("Amazon"),
            by_output_modality: text("TEXT"),
            ..Default::default()
        },
        |client| client.list_foundation_models().by_provider("Amazon").by_output_modality("TEXT".into())
    );
}

#[tokio::test]
async fn the_bidirectional_stream_equals_the_sdks_request_and_events() {
    let id = IDS[0];
    for sender in &senders()[..2] {
        let Sender::Key(credentials) = sender else { continue };
        let capture = Capture::default();
        let client = sdk_client!(aws_sdk_bedrockruntime, sender, &capture, None);
        let chunks = [&b"one"[..], b"\x00\xff two"];
        let input = futures::stream::iter(chunks.map(|bytes| {
            let part = BidirectionalInputPayloadPart::builder().bytes(Blob::new(bytes)).build();
            Ok::<_, InvokeModelWithBidirectionalStreamInputError>(InvokeModelWithBidirectionalStreamInput::Chunk(part))
        }));
        let call = client.invoke_model_with_bidirectional_stream().model_id(id).body(EventStreamSender::from(input));
        let _ = call.send().await;
        let mut sent = capture.0.lock().unwrap().take().expect("the SDK sends a request");
        let body = std::mem::replace(sent.body_mut(), SdkBody::empty());
        let authorization = sent.headers().get("authorization").unwrap().to_owned();
        let message = InvokeModelWithBidirectionalStreamRequest { model_id: Some(id.to_owned()), ..Default::default() };
        assert_same(sender, &message, sent).await;

        let theirs = body.collect().await.unwrap().to_bytes();
        let signature = authorization.rsplit_once("Signature=").unwrap().1.to_owned();
        let signer = Arc::new(Signer::new(credentials.clone()).unwrap());
        let mut writer = EventWriter::new(signer, "eu-west-1", signature, now());
        let mut ours = Vec::new();
        for chunk in chunks {
            ours.extend_from_slice(&writer.chunk(chunk).unwrap());
        }
        ours.extend_from_slice(&writer.end().unwrap());
        assert_eq!(Bytes::from(ours), theirs);
    }
}
