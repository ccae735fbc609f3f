//! `bedrock-grpc demo`, as a new user runs it.

use std::process::Stdio;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

#[tokio::test]
async fn the_demo_shows_a_tool_conversation_and_an_error_and_exits_with_0() {
    let output = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc")).arg("demo").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for shown in ["tool_use", "end_turn", "RESOURCE_EXHAUSTED", "THROTTLING", "request id", "first event", "tokens"] {
        assert!(text.contains(shown), "{shown} is missing:\n{text}");
    }
}

#[tokio::test]
async fn demo_that_keeps_running_serves_a_page_whose_origin_may_call_the_gateway() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"));
    let mut demo = command.args(["demo", "--keep"]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut next_url = async |after: &str| {
        loop {
            let line = lines.next_line().await.unwrap().expect("the demo has ended");
            if line.contains(after) {
                lines.next_line().await.unwrap();
                return lines.next_line().await.unwrap().unwrap().trim().trim_start_matches("http://").to_owned();
            }
        }
    };
    let page = next_url("Open in a browser").await;
    let page = page.trim_end_matches('/');
    let html = send(page, http::Request::get("/"), page).await;
    assert!(html.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let config = send(page, http::Request::get("/gateway.json"), page).await.into_body().collect().await.unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config.to_bytes()).unwrap();
    let gateway = config["url"].as_str().unwrap().trim_start_matches("http://");
    for (origin, expected) in [(format!("http://{page}"), 200), ("https://evil.example".to_owned(), 403)] {
        let preflight = http::Request::options("/").header("origin", origin);
        assert_eq!(send(gateway, preflight, gateway).await.status().as_u16(), expected);
    }
}

async fn send(address: &str, request: http::request::Builder, host: &str) -> http::Response<Incoming> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request.header("host", host).body(Empty::<Bytes>::new()).unwrap()).await.unwrap()
}
