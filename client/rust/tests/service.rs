//! The client with a real gRPC server on a socket that returns fixed responses.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_grpc_client::build::user;
use bedrock_grpc_client::tonic::metadata::MetadataMap;
use bedrock_grpc_client::tonic::transport::Server;
use bedrock_grpc_client::tonic::{Code, Request, Response, Status};
use bedrock_grpc_client::tonic_types::{ErrorDetails, StatusExt as _};
use bedrock_grpc_client::v1::bedrock_runtime_service_server::{BedrockRuntimeService, BedrockRuntimeServiceServer};
use bedrock_grpc_client::v1::{
    ConverseRequest, ConverseResponse, ConverseStreamRequest, ConverseStreamResponse, StartAsyncInvokeRequest,
    StartAsyncInvokeResponse,
};
use bedrock_grpc_client::{Client, ClientBuilder, ConverseResponseExt as _, Error, Event, EventExt as _, RetryPolicy};
use bedrock_grpc_schema::json;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

/// Responds by the model ID of the request, and stores the request's metadata.
#[derive(Clone, Default)]
struct TestService {
    received: Arc<Mutex<MetadataMap>>,
}

impl TestService {
    fn received(&self, key: &str) -> Option<String> {
        Some(self.received.lock().unwrap().get(key)?.to_str().unwrap().to_owned())
    }
}

fn with_headers<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    for (key, value) in
        [("x-amzn-requestid", "req-1"), ("bedrock-grpc-region", "eu-central-1"), ("bedrock-grpc-attempts", "2")]
    {
        response.metadata_mut().insert(key, value.parse().unwrap());
    }
    response
}

fn throttled() -> Status {
    let mut details = ErrorDetails::new();
    details
        .set_error_info("THROTTLING", "bedrock-grpc", [("attempts".to_owned(), "3".to_owned())])
        .set_request_info("req-9", "");
    let mut trailers = MetadataMap::new();
    trailers.insert("grpc-retry-pushback-ms", "700".parse().unwrap());
    Status::with_error_details_and_metadata(Code::ResourceExhausted, "Too many tokens, wait", details, trailers)
}

fn events() -> Vec<ConverseStreamResponse> {
    [
        ("messageStart", r#"{"role":"assistant"}"#),
        ("contentBlockDelta", r#"{"delta":{"text":"Hel"},"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"delta":{"text":"lo"},"contentBlockIndex":0}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
        ("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":4}}"#),
    ]
    .map(|(name, payload)| ConverseStreamResponse {
        member: json::decode_event(name, payload.as_bytes(), |_| ()).unwrap(),
    })
    .into()
}

#[tonic::async_trait]
impl BedrockRuntimeService for TestService {
    async fn converse(&self, request: Request<ConverseRequest>) -> Result<Response<ConverseResponse>, Status> {
        *self.received.lock().unwrap() = request.metadata().clone();
        match request.get_ref().model_id() {
            "throttled" => Err(throttled()),
            "never" => std::future::pending().await,
            "throttled.at.first" if request.metadata().get("grpc-previous-rpc-attempts").is_none() => Err(throttled()),
            "large" => {
                // More than tonic's default limit of 4 MiB.
                let text = "x".repeat(8 * 1024 * 1024);
                let body = format!(r#"{{"output":{{"message":{{"content":[{{"text":"{text}"}}]}}}}}}"#);
                Ok(with_headers(json::decode(body.as_bytes(), |_| ()).unwrap()))
            }
            _ => {
                let body = br#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn"}"#;
                Ok(with_headers(json::decode(body, |_| ()).unwrap()))
            }
        }
    }

    async fn start_async_invoke(
        &self,
        request: Request<StartAsyncInvokeRequest>,
    ) -> Result<Response<StartAsyncInvokeResponse>, Status> {
        *self.received.lock().unwrap() = request.metadata().clone();
        Err(throttled())
    }

    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<ConverseStreamResponse>>, Status> {
        *self.received.lock().unwrap() = request.metadata().clone();
        let some = |n| stream::iter(events().into_iter().take(n).map(Ok));
        Ok(with_headers(match request.get_ref().model_id() {
            "throttled" => return Err(throttled()),
            "throttled.after.3" => some(3).chain(stream::iter([Err(throttled())])).boxed(),
            "broken.after.3" => some(3).chain(stream::iter([Err(Status::unavailable("reset"))])).boxed(),
            "stall.after.3" => some(3).chain(stream::pending()).boxed(),
            "incomplete" => some(3).boxed(),
            "newer" => stream::iter([Ok(ConverseStreamResponse { member: None })]).chain(some(6)).boxed(),
            _ => some(6).boxed(),
        }))
    }
}

/// A server on a free port and a client of it. The server's task ends with the test's runtime.
async fn start() -> (TestService, Client) {
    start_with(|builder| builder).await
}

async fn start_with(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (TestService, Client) {
    let service = TestService::default();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(service.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (service, configure(Client::builder(endpoint)).connect().await.unwrap())
}

fn converse_request(model: &str) -> ConverseRequest {
    ConverseRequest { model_id: Some(model.to_owned()), messages: vec![user("Hi")], ..ConverseRequest::default() }
}

fn stream_request(model: &str) -> ConverseStreamRequest {
    ConverseStreamRequest {
        model_id: Some(model.to_owned()),
        messages: vec![user("Hi")],
        ..ConverseStreamRequest::default()
    }
}

#[tokio::test]
async fn response_has_request_id_region_and_attempts() {
    let (service, client) = start().await;
    let response = client.converse(converse_request("any")).await.unwrap();
    assert_eq!((response.text().as_str(), response.stop_reason()), ("Hello", "end_turn"));
    assert_eq!(
        (response.request_id(), response.region(), response.attempts()),
        (Some("req-1"), Some("eu-central-1"), Some(2))
    );
    assert!(service.received("user-agent").unwrap().starts_with("bedrock-grpc-rust/"));
    assert_eq!(service.received("grpc-timeout").unwrap(), "600000m");
}

#[tokio::test]
async fn timeout_and_metadata_are_sent_and_a_requests_own_take_precedence() {
    let (service, client) = start().await;
    let client = client.with_timeout(Duration::from_secs(30)).with_metadata("traceparent", "00-1").unwrap();
    client.converse(converse_request("any")).await.unwrap();
    assert_eq!(
        (service.received("grpc-timeout").unwrap().as_str(), service.received("traceparent").unwrap().as_str()),
        ("30000000u", "00-1")
    );
    let mut request = Request::new(stream_request("any"));
    request.set_timeout(Duration::from_secs(5));
    request.metadata_mut().insert("traceparent", "00-2".parse().unwrap());
    client.converse_stream(request).await.unwrap();
    assert_eq!(
        (service.received("grpc-timeout").unwrap().as_str(), service.received("traceparent").unwrap().as_str()),
        ("5000000u", "00-2")
    );
    client.with_timeout(Duration::MAX).converse(converse_request("any")).await.unwrap();
    assert_eq!(service.received("grpc-timeout").unwrap(), "99999999H");
}

#[tokio::test]
async fn invalid_metadata_is_rejected_and_its_value_is_not_shown() {
    let (_, client) = start().await;
    for (key, value) in [("a b", "secret"), ("trace-bin", "secret"), ("key", "secret\n"), ("", "secret")] {
        let error = client.clone().with_metadata(key, value).unwrap_err();
        assert_eq!(error.status(), Code::InvalidArgument);
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
    assert!(!format!("{:?}", client.with_metadata("authorization", "secret").unwrap()).contains("secret"));
}

#[tokio::test]
async fn error_exposes_all_details_of_the_status() {
    let (_, client) = start().await;
    for error in [
        client.converse(converse_request("throttled")).await.unwrap_err(),
        client.converse_stream(stream_request("throttled")).await.unwrap_err(),
    ] {
        assert_eq!((error.status(), error.reason()), (Code::ResourceExhausted, Some("THROTTLING")));
        assert_eq!((error.metadata("attempts"), error.request_id()), (Some("3"), Some("req-9")));
        assert_eq!((error.is_retryable(), error.retry_delay()), (true, Some(Duration::from_millis(700))));
    }
}

#[tokio::test]
async fn throttled_call_is_retried_after_the_pushback() {
    let (service, client) = start().await;
    let started = std::time::Instant::now();
    let response = client.converse(converse_request("throttled.at.first")).await.unwrap();
    assert_eq!((response.text().as_str(), started.elapsed() >= Duration::from_millis(700)), ("Hello", true));
    assert_eq!(service.received("grpc-previous-rpc-attempts").unwrap(), "1");
    let without_retries = client.with_retry_policy(RetryPolicy::disabled());
    let error = without_retries.converse(converse_request("throttled.at.first")).await.unwrap_err();
    assert_eq!(error.reason(), Some("THROTTLING"));
}

#[tokio::test]
async fn start_async_invoke_is_not_retried() {
    let (service, client) = start().await;
    let error = client.start_async_invoke(StartAsyncInvokeRequest::default()).await.unwrap_err();
    assert_eq!((error.status(), error.is_retryable()), (Code::ResourceExhausted, true));
    assert_eq!(service.received("grpc-previous-rpc-attempts"), None);
}

#[tokio::test]
async fn builder_sends_credentials_and_does_not_show_them() {
    let (service, client) = start_with(|builder| builder.bearer_token("secret").api_key("bgk_secret")).await;
    client.converse(converse_request("any")).await.unwrap();
    assert_eq!(service.received("authorization").unwrap(), "Bearer secret");
    assert_eq!(service.received("x-api-key").unwrap(), "bgk_secret");
    assert!(!format!("{client:?}").contains("secret"));
    let error = Client::builder("http://localhost:1").bearer_token("secret\n").connect_lazy().unwrap_err();
    assert!(matches!(error, Error::Metadata { .. }) && !format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn response_of_8_mib_is_accepted() {
    let (_, client) = start().await;
    assert_eq!(client.converse(converse_request("large")).await.unwrap().text().len(), 8 * 1024 * 1024);
}

#[tokio::test]
async fn stream_is_read_by_event_or_collected() {
    let (_, client) = start().await;
    for model in ["any", "newer"] {
        let mut stream = client.converse_stream(stream_request(model)).await.unwrap();
        assert_eq!(
            (stream.request_id(), stream.region(), stream.attempts()),
            (Some("req-1"), Some("eu-central-1"), Some(2))
        );
        assert!(matches!(stream.next_event().await.unwrap(), Some(Event::MessageStart(_))));
        let rest: Vec<Event> = stream.by_ref().try_collect().await.unwrap();
        assert_eq!(rest.iter().filter_map(Event::text_delta).collect::<String>(), "Hello");
        assert!(stream.next_event().await.unwrap().is_none());

        let response = client.converse_stream(stream_request(model)).await.unwrap().collect().await.unwrap();
        assert_eq!((response.text().as_str(), response.stop_reason()), ("Hello", "end_turn"));
        assert_eq!(response.usage.unwrap().total_tokens(), 3);
    }
}

#[tokio::test]
async fn failed_stream_returns_one_error_and_then_ends() {
    let (_, client) = start().await;
    // The second error has no request ID of its own.
    for (model, code, request_id) in
        [("throttled.after.3", Code::ResourceExhausted, "req-9"), ("broken.after.3", Code::Unavailable, "req-1")]
    {
        let mut stream = client.converse_stream(stream_request(model)).await.unwrap();
        for _ in 0..3 {
            assert!(stream.next_event().await.unwrap().is_some());
        }
        let error = stream.next_event().await.unwrap_err();
        assert_eq!((error.status(), error.request_id()), (code, Some(request_id)));
        assert!(stream.next_event().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn stream_without_message_stop_cannot_be_collected() {
    let (_, client) = start().await;
    let error = client.converse_stream(stream_request("incomplete")).await.unwrap().collect().await.unwrap_err();
    assert!(matches!(error, Error::Assemble { .. }), "{error}");
    assert_eq!(error.request_id(), Some("req-1"));
}

#[tokio::test]
async fn unary_call_ends_at_its_timeout() {
    let (_, client) = start().await;
    let error = client.with_timeout(Duration::from_millis(100)).converse(converse_request("never")).await.unwrap_err();
    assert_eq!(error.status(), Code::DeadlineExceeded, "{error}");
}

#[tokio::test]
async fn stream_ends_at_its_timeout() {
    let (_, client) = start().await;
    let client = client.with_timeout(Duration::from_secs(1));
    let mut stream = client.converse_stream(stream_request("stall.after.3")).await.unwrap();
    for _ in 0..3 {
        assert!(stream.next_event().await.unwrap().is_some());
    }
    let error = stream.next_event().await.unwrap_err();
    assert_eq!((error.status(), error.request_id()), (Code::DeadlineExceeded, Some("req-1")));
    assert!(stream.next_event().await.unwrap().is_none());
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn https_starts_a_tls_handshake() {
    use tokio::io::AsyncReadExt as _;

    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut first = [0];
        socket.read_exact(&mut first).await.unwrap();
        first[0]
    });
    assert!(matches!(Client::connect(endpoint).await, Err(Error::Connect { .. })));
    assert_eq!(server.await.unwrap(), 0x16, "a TLS handshake record");
}

#[cfg(unix)]
#[tokio::test]
async fn unix_socket_works() {
    let path = std::env::temp_dir().join(format!("bedrock-grpc-client-{}.sock", std::process::id()));
    _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(TestService::default()));
    tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener)));
    let client = Client::connect(format!("unix:{}", path.display())).await.unwrap();
    let response = client.converse(converse_request("any")).await.unwrap();
    _ = std::fs::remove_file(&path);
    assert_eq!(response.text(), "Hello");
}

#[tokio::test]
async fn broken_connection_is_unavailable_before_and_within_a_response() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (address_sender, address) = tokio::sync::oneshot::channel();
    // Dropping this separate runtime closes all connections of the server.
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
            address_sender.send(listener.local_addr().unwrap()).unwrap();
            let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(TestService::default()));
            server.serve_with_incoming(TcpListenerStream::new(listener)).await
        });
        stopped.recv().unwrap();
    });
    let client = Client::connect(format!("http://{}", address.await.unwrap())).await.unwrap();
    let mut stream = client.converse_stream(stream_request("stall.after.3")).await.unwrap();
    for _ in 0..3 {
        assert!(stream.next_event().await.unwrap().is_some());
    }
    stop.send(()).unwrap();
    server.join().unwrap();
    let within_stream = stream.next_event().await.unwrap_err();
    assert_eq!(
        (within_stream.status(), within_stream.request_id(), within_stream.is_retryable()),
        (Code::Unavailable, Some("req-1"), true),
        "{within_stream:?}"
    );
    let before_response = client.converse(converse_request("any")).await.unwrap_err();
    assert_eq!(
        (before_response.status(), before_response.request_id(), before_response.is_retryable()),
        (Code::Unavailable, None, true),
        "{before_response:?}"
    );
}
