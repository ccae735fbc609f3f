//! gRPC-Web and CORS on the wire. `client/typescript/test/browser` has the same with a real browser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::Code;

use bedrock_simulator::Simulator;

use crate::fixture::*;

const ORIGIN: &str = "https://app.example.com";

async fn started_for_browsers(origin: &str) -> (Simulator, Gateway) {
    let simulator = simulator().await;
    let builder = Gateway::builder(&simulator).arg("--grpc-web").arg("--cors-allow-origin").arg(origin);
    let gateway = builder.start().await;
    (simulator, gateway)
}

/// Sends a request over HTTP/1.1, as browsers do without TLS.
async fn send(gateway: &Gateway, request: http::request::Builder, body: Vec<u8>) -> http::Response<Incoming> {
    let io = TokioIo::new(TcpStream::connect(&gateway.address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = request.header("host", &gateway.address).body(Full::new(Bytes::from(body))).unwrap();
    sender.send_request(request).await.unwrap()
}

fn post(rpc: &str, content_type: &str) -> http::request::Builder {
    http::Request::post(raw::path(rpc)).header("content-type", content_type).header("x-grpc-web", "1")
}

fn preflight(origin: &str) -> http::request::Builder {
    http::Request::options(raw::path("Converse"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-grpc-web,grpc-timeout,authorization,x-anything")
}

/// A message with its prefix.
fn frame(message: &impl prost::Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    framed
}

/// The number of messages in a body, and the trailers that gRPC-Web puts at its end.
fn read_frames(mut body: &[u8]) -> (usize, HeaderMap) {
    let mut messages = 0;
    while let [flag, a, b, c, d, rest @ ..] = body {
        let (payload, rest) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        if *flag == 0x80 {
            assert!(rest.is_empty(), "data after the trailers");
            let lines = payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let header = |line: &[u8]| {
                let text = String::from_utf8(line.to_vec()).unwrap();
                let (name, value) = text.trim_end().split_once(':').unwrap();
                (name.parse::<http::HeaderName>().unwrap(), value.trim().parse::<http::HeaderValue>().unwrap())
            };
            return (messages, lines.map(header).collect());
        }
        assert_eq!(*flag, 0);
        messages += 1;
        body = rest;
    }
    panic!("a body without trailers");
}

#[tokio::test]
async fn preflight_of_an_allowed_origin_allows_every_header_and_of_another_origin_is_403() {
    let (_simulator, gateway) = started_for_browsers(ORIGIN).await;
    let allowed = send(&gateway, preflight(ORIGIN), vec![]).await;
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(allowed.headers()["access-control-allow-origin"], ORIGIN);
    assert_eq!(allowed.headers()["access-control-allow-methods"], "POST");
    let headers = allowed.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization") && headers.contains("x-anything"), "{headers}");
    for origin in ["https://evil.example", "http://app.example.com", "null"] {
        let denied = send(&gateway, preflight(origin), vec![]).await;
        assert_eq!(denied.status(), StatusCode::FORBIDDEN, "{origin}");
        assert!(!denied.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn call_of_a_page_of_another_origin_is_403_and_sends_nothing() {
    let (simulator, gateway) = started_for_browsers(ORIGIN).await;
    let request = post("Converse", "application/grpc-web+proto").header("origin", "https://evil.example");
    let response = send(&gateway, request, frame(&converse("demo.model", "Hi"))).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn star_allows_every_origin() {
    let (_simulator, gateway) = started_for_browsers("*").await;
    let response = send(&gateway, preflight("https://any.example"), vec![]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn stream_over_grpc_web_has_its_events_and_a_status_in_the_body() {
    let (_simulator, gateway) = started_for_browsers(ORIGIN).await;
    for (content_type, is_text) in [("application/grpc-web+proto", false), ("application/grpc-web-text", true)] {
        let message = frame(&converse_stream("demo.model", "Hi"));
        let body = if is_text { BASE64.encode(message).into_bytes() } else { message };
        let request = post("ConverseStream", content_type).header("origin", ORIGIN).header("accept", content_type);
        let response = send(&gateway, request, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
        assert_eq!(response.headers()["access-control-expose-headers"], "*");
        let mut body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        if is_text {
            // Each part is encoded alone, so padding can be in the middle.
            body = body.chunks(4).flat_map(|part| BASE64.decode(part).unwrap()).collect();
        }
        let (messages, trailers) = read_frames(&body);
        assert!(messages > 10, "{messages}");
        assert_eq!(trailers["grpc-status"], "0");
    }
}

#[tokio::test]
async fn failed_call_over_grpc_web_has_its_status_details_and_pushback_in_exposed_headers() {
    let (_simulator, gateway) = started_for_browsers(ORIGIN).await;
    let request = post("Converse", "application/grpc-web+proto").header("origin", ORIGIN);
    let response = send(&gateway, request, frame(&converse("fault.throttling", "Hi"))).await;
    let headers = response.headers();
    assert_eq!(headers["access-control-expose-headers"], "*");
    let status = tonic::Status::from_header_map(headers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "THROTTLING"));
    assert!(headers.contains_key("grpc-retry-pushback-ms"), "{headers:?}");
}

#[tokio::test]
async fn grpc_web_text_that_is_not_base64_is_a_malformed_message() {
    let (simulator, gateway) = started_for_browsers(ORIGIN).await;
    for body in ["!!!!!!!!", "AAAAAAA"] {
        let request = post("Converse", "application/grpc-web-text").header("origin", ORIGIN);
        let response = send(&gateway, request, body.as_bytes().to_vec()).await;
        let status = tonic::Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MALFORMED_MESSAGE"), "{body}");
        assert!(status.message().contains("base64"), "{body}: {status:?}");
    }
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn page_that_leaves_a_stream_closes_the_upstream_stream() {
    let (simulator, gateway) = started_for_browsers(ORIGIN).await;
    let mut open = simulator.open_streams();
    let request = post("ConverseStream", "application/grpc-web+proto").header("origin", ORIGIN);
    let response = send(&gateway, request, frame(&converse_stream("fault.stall.after.3", "Hi"))).await;
    open.wait_for(|open| *open == 1).await.unwrap();
    drop(response);
    open.wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
}

#[tokio::test]
async fn grpc_works_at_the_same_port_and_grpc_over_http1_is_505() {
    let (_simulator, gateway) = started_for_browsers(ORIGIN).await;
    gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
    let response = send(&gateway, post("Converse", "application/grpc"), frame(&converse("demo.model", "Hi"))).await;
    assert_eq!(response.status(), StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("HTTP/2"), "{text:?}");
}

#[tokio::test]
async fn without_the_option_grpc_web_over_http1_is_505() {
    // `hostile` shows that gRPC-Web over HTTP/2 is 415.
    let (simulator, gateway, _) = started().await;
    let request = post("Converse", "application/grpc-web+proto").header("origin", ORIGIN);
    let response = send(&gateway, request, frame(&converse("demo.model", "Hi"))).await;
    assert_eq!(response.status(), StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn origin_that_no_browser_sends_is_rejected_at_the_start() {
    for (arguments, text) in [
        (&["--grpc-web", "--cors-allow-origin", "https://app.example.com/"][..], "remove the slash"),
        (&["--cors-allow-origin", "https://app.example.com"][..], "--grpc-web"),
    ] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"));
        let output = command.arg("serve").args(arguments).output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(text), "{error}");
    }
}
