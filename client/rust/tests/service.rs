//! The client against a real gRPC server on a socket, with canned answers: what goes out, and what comes back.

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
use bedrock_grpc_client::v1::{ConverseRequest, ConverseResponse, ConverseStreamRequest, ConverseStreamResponse};
use bedrock_grpc_client::{Client, ConverseResponseExt as _, Error, Event, EventExt as _};
use bedrock_grpc_schema::json;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

/// Answers by the model id of the request, and remembers the request's metadata.
#[derive(Clone, Default)]
struct Canned {
    seen: Arc<Mutex<MetadataMap>>,
}

impl Canned {
    fn seen(&self, key: &str) -> Option<String> {
        Some(self.seen.lock().unwrap().get(key)?.to_str().unwrap().to_owned())
    }
}

fn answered<T>(message: T) -> Response<T> {
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
impl BedrockRuntimeService for Canned {
    async fn converse(&self, request: Request<ConverseRequest>) -> Result<Response<ConverseResponse>, Status> {
        *self.seen.lock().unwrap() = request.metadata().clone();
        match request.get_ref().model_id() {
            "throttled" => Err(throttled()),
            "never" => std::future::pending().await,
            "large" => {
                // Beyond tonic's own 4 MiB.
                let text = "x".repeat(8 * 1024 * 1024);
                let body = format!(r#"{{"output":{{"message":{{"content":[{{"text":"{text}"}}]}}}}}}"#);
                Ok(answered(json::decode(body.as_bytes(), |_| ()).unwrap()))
            }
            _ => {
                let body = br#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn"}"#;
                Ok(answered(json::decode(body, |_| ()).unwrap()))
            }
        }
    }

    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<ConverseStreamResponse>>, Status> {
        *self.seen.lock().unwrap() = request.metadata().clone();
        let some = |n| stream::iter(events().into_iter().take(n).map(Ok));
        Ok(answered(match request.get_ref().model_id() {
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
async fn start() -> (Canned, Client) {
    let canned = Canned::default();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(canned.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (canned, Client::connect(endpoint).await.unwrap())
}

fn ask(model: &str) -> ConverseRequest {
    ConverseRequest { model_id: Some(model.to_owned()), messages: vec![user("Hi")], ..ConverseRequest::default() }
}

fn ask_stream(model: &str) -> ConverseStreamRequest {
    ConverseStreamRequest {
        model_id: Some(model.to_owned()),
        messages: vec![user("Hi")],
        ..ConverseStreamRequest::default()
    }
}

#[tokio::test]
async fn an_answer_says_where_it_comes_from() {
    let (canned, client) = start().await;
    let answer = client.converse(ask("any")).await.unwrap();
    assert_eq!((answer.text().as_str(), answer.stop_reason()), ("Hello", "end_turn"));
    assert_eq!(
        (answer.request_id(), answer.region(), answer.attempts()),
        (Some("req-1"), Some("eu-central-1"), Some(2))
    );
    assert!(canned.seen("user-agent").unwrap().starts_with("bedrock-grpc-client/"));
    assert_eq!(canned.seen("grpc-timeout"), None);
}

#[tokio::test]
async fn timeout_and_metadata_go_out_and_a_requests_own_go_first() {
    let (canned, client) = start().await;
    let client = client.with_timeout(Duration::from_secs(30)).with_metadata("traceparent", "00-1").unwrap();
    client.converse(ask("any")).await.unwrap();
    assert_eq!(
        (canned.seen("grpc-timeout").unwrap().as_str(), canned.seen("traceparent").unwrap().as_str()),
        ("30000000u", "00-1")
    );
    let mut request = Request::new(ask_stream("any"));
    request.set_timeout(Duration::from_secs(5));
    request.metadata_mut().insert("traceparent", "00-2".parse().unwrap());
    client.converse_stream(request).await.unwrap();
    assert_eq!(
        (canned.seen("grpc-timeout").unwrap().as_str(), canned.seen("traceparent").unwrap().as_str()),
        ("5000000u", "00-2")
    );
    client.with_timeout(Duration::MAX).converse(ask("any")).await.unwrap();
    assert_eq!(canned.seen("grpc-timeout").unwrap(), "99999999H");
}

#[tokio::test]
async fn metadata_that_cannot_be_sent_is_refused_and_its_value_is_not_told() {
    let (_, client) = start().await;
    for (key, value) in [("a b", "secret"), ("trace-bin", "secret"), ("key", "secret\n"), ("", "secret")] {
        let error = client.clone().with_metadata(key, value).unwrap_err();
        assert_eq!(error.status(), Code::InvalidArgument);
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
    assert!(!format!("{:?}", client.with_metadata("authorization", "secret").unwrap()).contains("secret"));
}

#[tokio::test]
async fn a_failure_is_read_whole() {
    let (_, client) = start().await;
    for error in [
        client.converse(ask("throttled")).await.unwrap_err(),
        client.converse_stream(ask_stream("throttled")).await.unwrap_err(),
    ] {
        assert_eq!((error.status(), error.reason()), (Code::ResourceExhausted, Some("THROTTLING")));
        assert_eq!((error.metadata("attempts"), error.request_id()), (Some("3"), Some("req-9")));
        assert_eq!((error.is_retryable(), error.retry_delay()), (true, Some(Duration::from_millis(700))));
    }
}

#[tokio::test]
async fn answers_may_be_larger_than_tonic_lets_them() {
    let (_, client) = start().await;
    assert_eq!(client.converse(ask("large")).await.unwrap().text().len(), 8 * 1024 * 1024);
}

#[tokio::test]
async fn a_stream_is_read_event_by_event_or_whole() {
    let (_, client) = start().await;
    for model in ["any", "newer"] {
        let mut stream = client.converse_stream(ask_stream(model)).await.unwrap();
        assert_eq!(
            (stream.request_id(), stream.region(), stream.attempts()),
            (Some("req-1"), Some("eu-central-1"), Some(2))
        );
        assert!(matches!(stream.next_event().await.unwrap(), Some(Event::MessageStart(_))));
        let rest: Vec<Event> = stream.by_ref().try_collect().await.unwrap();
        assert_eq!(rest.iter().filter_map(Event::text_delta).collect::<String>(), "Hello");
        assert!(stream.next_event().await.unwrap().is_none());

        let answer = client.converse_stream(ask_stream(model)).await.unwrap().collect().await.unwrap();
        assert_eq!((answer.text().as_str(), answer.stop_reason()), ("Hello", "end_turn"));
        assert_eq!(answer.usage.unwrap().total_tokens(), 3);
    }
}

#[tokio::test]
async fn a_stream_that_fails_says_why_once_and_ends() {
    let (_, client) = start().await;
    // The second breaks without a word of its own on which request it was.
    for (model, code, request_id) in
        [("throttled.after.3", Code::ResourceExhausted, "req-9"), ("broken.after.3", Code::Unavailable, "req-1")]
    {
        let mut stream = client.converse_stream(ask_stream(model)).await.unwrap();
        for _ in 0..3 {
            assert!(stream.next_event().await.unwrap().is_some());
        }
        let error = stream.next_event().await.unwrap_err();
        assert_eq!((error.status(), error.request_id()), (code, Some(request_id)));
        assert!(stream.next_event().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_stream_without_its_end_is_no_answer() {
    let (_, client) = start().await;
    let error = client.converse_stream(ask_stream("incomplete")).await.unwrap().collect().await.unwrap_err();
    assert!(matches!(error, Error::Assemble { .. }), "{error}");
    assert_eq!(error.request_id(), Some("req-1"));
}

#[tokio::test]
async fn the_timeout_is_a_deadline_for_answers() {
    let (_, client) = start().await;
    let error = client.with_timeout(Duration::from_millis(100)).converse(ask("never")).await.unwrap_err();
    assert_eq!(error.status(), Code::DeadlineExceeded, "{error}");
}

#[tokio::test]
async fn the_timeout_is_a_deadline_for_whole_streams() {
    let (_, client) = start().await;
    let client = client.with_timeout(Duration::from_secs(1));
    let mut stream = client.converse_stream(ask_stream("stall.after.3")).await.unwrap();
    for _ in 0..3 {
        assert!(stream.next_event().await.unwrap().is_some());
    }
    let error = stream.next_event().await.unwrap_err();
    assert_eq!((error.status(), error.request_id()), (Code::DeadlineExceeded, Some("req-1")));
    assert!(stream.next_event().await.unwrap().is_none());
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn https_is_tls_and_nothing_less() {
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
async fn a_unix_socket_will_do() {
    let path = std::env::temp_dir().join(format!("bedrock-grpc-client-{}.sock", std::process::id()));
    _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(Canned::default()));
    tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener)));
    let client = Client::connect(format!("unix:{}", path.display())).await.unwrap();
    let answer = client.converse(ask("any")).await.unwrap();
    _ = std::fs::remove_file(&path);
    assert_eq!(answer.text(), "Hello");
}

#[tokio::test]
async fn a_connection_that_breaks_is_unavailable_before_the_answer_and_within_it() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (to_us, address) = tokio::sync::oneshot::channel();
    // A runtime of its own: with it go the server's connections, all at once.
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
            to_us.send(listener.local_addr().unwrap()).unwrap();
            let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(Canned::default()));
            server.serve_with_incoming(TcpListenerStream::new(listener)).await
        });
        stopped.recv().unwrap();
    });
    let client = Client::connect(format!("http://{}", address.await.unwrap())).await.unwrap();
    let mut stream = client.converse_stream(ask_stream("stall.after.3")).await.unwrap();
    for _ in 0..3 {
        assert!(stream.next_event().await.unwrap().is_some());
    }
    stop.send(()).unwrap();
    server.join().unwrap();
    let amid = stream.next_event().await.unwrap_err();
    assert_eq!(
        (amid.status(), amid.request_id(), amid.is_retryable()),
        (Code::Unavailable, Some("req-1"), true),
        "{amid:?}"
    );
    let before = client.converse(ask("any")).await.unwrap_err();
    assert_eq!(
        (before.status(), before.request_id(), before.is_retryable()),
        (Code::Unavailable, None, true),
        "{before:?}"
    );
}
