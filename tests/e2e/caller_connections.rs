//! Callers' connections: limits, timeouts, age, and clients that do not speak HTTP/2.

use std::io::ErrorKind;
use std::time::Duration;

use prost::Message as _;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::fixture::*;

/// Maximum time to wait for the end of a call or connection. Far above all timeouts in these tests.
const MAX_WAIT: Duration = Duration::from_secs(30);

async fn socket(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(&gateway.address).await.unwrap()
}

/// Reads until the gateway closes the connection, and returns what it sent.
async fn read_to_close(socket: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let read = tokio::time::timeout(MAX_WAIT, socket.read_to_end(&mut received)).await;
    match read.expect("the gateway keeps the connection open") {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => received,
    }
}

async fn expect_healthy(client: &mut Client) {
    let response = tokio::time::timeout(MAX_WAIT, client.converse(converse("demo.model", "Hello"))).await;
    response.expect("a healthy call hangs").unwrap();
}

/// Whether a new connection can be used for a call.
async fn can_connect(gateway: &Gateway) -> bool {
    match tonic::transport::Endpoint::from_shared(format!("http://{}", gateway.address)).unwrap().connect().await {
        Ok(channel) => Client::new(channel).converse(converse("demo.model", "Hello")).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn connections_that_do_not_complete_the_handshake_are_closed() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--handshake-timeout=1s").start().await;
    let mut client = gateway.client().await;
    for start in [&b""[..], b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", b"GET / HT"] {
        let mut socket = socket(&gateway).await;
        socket.write_all(start).await.unwrap();
        read_to_close(&mut socket).await;
    }
    expect_healthy(&mut client).await;
}

#[tokio::test]
async fn a_silent_connection_does_not_delay_the_shutdown() {
    let (_simulator, mut gateway, _client) = started().await;
    let mut silent = socket(&gateway).await;
    let mut half = socket(&gateway).await;
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    expect_healthy(&mut gateway.client().await).await;
    gateway.terminate();
    let ended = tokio::time::timeout(Duration::from_secs(10), gateway.process.wait()).await;
    assert!(ended.expect("the gateway waits for silent connections").unwrap().success());
    read_to_close(&mut silent).await;
}

#[tokio::test]
async fn http1_clients_get_a_text_that_names_grpc() {
    let (_simulator, gateway, _client) = started().await;
    let mut socket = socket(&gateway).await;
    socket.write_all(b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await.unwrap();
    let response = String::from_utf8(read_to_close(&mut socket).await).unwrap();
    assert!(response.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"), "{response}");
    assert!(response.contains("content-type: text/plain"), "{response}");
    assert!(response.contains("gRPC"), "{response}");
}

#[tokio::test]
async fn idle_connections_are_closed_and_a_running_stream_keeps_its_connection() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--connection-idle-timeout=1s").start().await;
    let mut busy = gateway.client().await;
    let mut stream = busy.converse_stream(converse_stream("fault.stall.after.2", "Hello")).await.unwrap().into_inner();
    stream.message().await.unwrap();
    let idle = TcpStream::connect(&gateway.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(idle).await.unwrap();
    let ended = tokio::time::timeout(MAX_WAIT, connection).await;
    ended.expect("the idle connection stays open").unwrap();
    drop(sender);
    assert!(stream.message().await.unwrap().is_some(), "the stream ended with the idle connections");
    drop(stream);
    // The client opens a new connection if its own was closed.
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
    expect_healthy(&mut busy).await;
}

#[tokio::test]
async fn an_old_connection_takes_no_new_calls_and_its_stream_ends_well() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--max-connection-age=1s").start().await;
    let socket = socket(&gateway).await;
    let (sender, mut connection) = h2::client::handshake(socket).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let message = converse_stream("fault.slow.2000", "Hello").encode_to_vec();
    let request = raw::post(&gateway, "ConverseStream").body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(raw::framed(0, message.len(), &message), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    // A graceful GOAWAY lets running streams finish. It comes as soon as the connection is a second old.
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        bytes += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
        let _ = pings.ping(h2::Ping::opaque()).await;
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!((trailers["grpc-status"].as_bytes(), bytes > 0), (&b"0"[..], true));
    let ended = tokio::time::timeout(MAX_WAIT, connection).await;
    ended.expect("the old connection stays open").unwrap().unwrap();
    expect_healthy(&mut gateway.client().await).await;
}

#[tokio::test]
async fn connections_beyond_the_maximum_are_closed_and_a_closed_one_makes_room() {
    for limit in ["--max-connections=3", "--max-connections-per-peer=3"] {
        let simulator = simulator().await;
        let gateway = Gateway::builder(&simulator).arg(limit).start().await;
        let mut client = gateway.client().await;
        expect_healthy(&mut client).await;
        let silent = [socket(&gateway).await, socket(&gateway).await];
        let mut beyond = socket(&gateway).await;
        assert!(read_to_close(&mut beyond).await.is_empty());
        let line = gateway.log.line(|line| line["limit"] == limit.trim_end_matches("=3")).await;
        assert_eq!(line["level"], "WARN");
        expect_healthy(&mut client).await;
        drop(silent);
        let room = async {
            while !can_connect(&gateway).await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(MAX_WAIT, room).await.expect("closed connections make no room");
    }
}

#[tokio::test]
async fn a_connection_has_a_maximum_of_streams_and_other_connections_work() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--max-streams-per-connection=10").start().await;
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    // The settings have arrived when the gateway has responded to something.
    let request = raw::post(&gateway, "Converse").body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(raw::framed(0, 1, &[0xff]), true).unwrap();
    assert_eq!(raw::read_response(response.await.unwrap()).await.status.code(), Code::InvalidArgument);
    let mut open = Vec::new();
    for _ in 0..10 {
        sender = sender.ready().await.unwrap();
        let request = raw::post(&gateway, "Converse").body(()).unwrap();
        open.push(sender.send_request(request, false).unwrap());
    }
    // The tenth open stream is the last one: the next one is not sent before another one ends.
    let request = raw::post(&gateway, "Converse").body(()).unwrap();
    let beyond = sender.ready().await.unwrap().send_request(request, true);
    let (response, _) = beyond.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), response).await.is_err());
    expect_healthy(&mut gateway.client().await).await;
}

#[tokio::test]
async fn without_file_descriptors_new_connections_are_closed_and_running_ones_work() {
    let (_simulator, gateway, mut client) = started().await;
    expect_healthy(&mut client).await;
    let pid = Pid::from_raw(i32::try_from(gateway.process.id().unwrap()).unwrap()).unwrap();
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", gateway.process.id().unwrap())).unwrap().count();
    let maximum = Some(descriptors as u64 + 5);
    let limit = Rlimit { current: maximum, ..getrlimit(Resource::Nofile) };
    let before = prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(socket(&gateway).await);
    }
    gateway.log.line(|line| line["message"] == "a connection cannot be accepted").await;
    // The gateway closes at least the connections for which it has no descriptor, so none of them waits for ever.
    let mut last = sockets.pop().unwrap();
    assert!(read_to_close(&mut last).await.is_empty());
    expect_healthy(&mut client).await;
    drop(sockets);
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    expect_healthy(&mut gateway.client().await).await;
}

#[tokio::test]
async fn a_request_that_does_not_arrive_in_time_is_rejected() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--request-body-timeout=1s").start().await;
    let mut sender = raw::connect(&gateway).await.ready().await.unwrap();
    let request = raw::post(&gateway, "Converse").body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(raw::framed(0, 1000, b"half"), false).unwrap();
    let status = raw::read_response(response.await.unwrap()).await.status;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "REQUEST_BODY_TIMEOUT"));
}
