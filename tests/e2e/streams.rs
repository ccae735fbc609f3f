//! How streams end: exactly one status, and never an invented success.

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::ConverseStreamResponse;
use bedrock_simulator::{Answer, frames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::{Code, Status, Streaming};

use crate::fixture::*;

/// Reads a stream to its end: the number of events, and the status.
async fn drain(mut stream: Streaming<ConverseStreamResponse>) -> (usize, Result<(), Status>) {
    let mut events = 0;
    loop {
        match stream.message().await {
            Ok(Some(_)) => events += 1,
            Ok(None) => return (events, Ok(())),
            Err(status) => return (events, Err(status)),
        }
    }
}

/// Reads a stream with this fault to its end, which must be an error.
async fn drain_broken_stream(fault: &str) -> (usize, Status) {
    let (_simulator, _gateway, mut client) = started().await;
    let stream = client.converse_stream(converse_stream(fault, "Hi")).await.unwrap().into_inner();
    let (events, end) = drain(stream).await;
    (events, end.expect_err("a broken stream ended as a success"))
}

#[tokio::test]
async fn a_stream_that_ends_without_message_stop_is_truncated() {
    let (events, status) = drain_broken_stream("fault.truncate.after.5").await;
    assert_eq!((events, status.code(), reason(&status).as_str()), (5, Code::Unavailable, "STREAM_TRUNCATED"));
    assert_eq!((info(&status, "phase").as_str(), info(&status, "events").as_str()), ("stream", "5"));
}

#[tokio::test]
async fn a_stream_cut_inside_a_frame_is_truncated() {
    let (events, status) = drain_broken_stream("fault.cut.after.5").await;
    assert_eq!((events, status.code(), reason(&status).as_str()), (5, Code::Unavailable, "STREAM_TRUNCATED"));
}

#[tokio::test]
async fn a_stream_cut_anywhere_inside_a_frame_is_truncated() {
    let (simulator, _gateway, mut client) = started().await;
    let frames = stream_frames(1);
    let last = frames.last().unwrap();
    // In the prelude, right after it, in the headers, in the payload, before the last byte. Also after messageStop, where the
    // usage is cut off.
    for length in [1, 11, 12, 13, 40, last.len() - 1] {
        let mut cut = frames[..frames.len() - 1].to_vec();
        cut.push(last.slice(..length));
        simulator.script(Answer::events(cut));
        let stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
        let (events, end) = drain(stream).await;
        assert_eq!((events, end.map_err(|s| reason(&s))), (3, Err("STREAM_TRUNCATED".to_owned())), "cut at {length}");
    }
}

#[tokio::test]
async fn a_stream_whose_connection_is_reset_is_truncated() {
    let (events, status) = drain_broken_stream("fault.reset.after.5").await;
    assert_eq!((events, status.code(), reason(&status).as_str()), (5, Code::Unavailable, "STREAM_TRUNCATED"));
}

#[tokio::test]
async fn a_frame_with_a_wrong_checksum_is_data_loss() {
    let (events, status) = drain_broken_stream("fault.corrupt.after.5").await;
    assert_eq!((events, status.code(), reason(&status).as_str()), (5, Code::DataLoss, "DATA_LOSS"));
}

#[tokio::test]
async fn an_event_that_is_not_json_is_data_loss() {
    let (events, status) = drain_broken_stream("fault.garbage.after.5").await;
    assert_eq!((events, status.code(), reason(&status).as_str()), (5, Code::DataLoss, "DATA_LOSS"));
}

#[tokio::test]
async fn a_stream_that_breaks_before_the_first_event_is_retried_and_then_fails_the_call() {
    let (simulator, _gateway, mut client) = started().await;
    for (fault, code, attempts) in [
        ("fault.truncate.after.0", Code::Unavailable, 2),
        ("fault.cut.after.0", Code::Unavailable, 2),
        ("fault.corrupt.after.0", Code::DataLoss, 2),
        ("fault.garbage.after.0", Code::DataLoss, 2),
    ] {
        simulator.clear_requests();
        let status = client.converse_stream(converse_stream(fault, "Hi")).await.unwrap_err();
        assert_eq!((status.code(), info(&status, "phase").as_str()), (code, "first_event"), "{fault}: {status:?}");
        assert_eq!(simulator.requests().len(), attempts, "{fault}");
    }
}

#[tokio::test]
async fn a_stream_without_metadata_is_ok_without_usage_and_is_counted() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway = Gateway::builder(&simulator).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).start().await;
    let mut client = gateway.client().await;
    let stream = client.converse_stream(converse_stream("fault.no-metadata", "Hi")).await.unwrap().into_inner();
    assert!(drain(stream).await.1.is_ok());
    let line = gateway.call_line(|_| true).await;
    assert_eq!((&line["status"], line.get("output_tokens")), (&"OK".into(), None));
    gateway.terminate();
    collector.counts("bedrock_grpc.missing_metadata", &[("", 1)]).await;
}

#[tokio::test]
async fn a_silent_stream_ends_by_the_idle_timeout() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--idle-timeout").arg("50ms").start().await;
    let mut client = gateway.client().await;
    let stream = client.converse_stream(converse_stream("fault.stall.after.3", "Hi")).await.unwrap().into_inner();
    let (events, end) = drain(stream).await;
    let status = end.unwrap_err();
    assert_eq!((events, status.code(), reason(&status).as_str()), (3, Code::DeadlineExceeded, "IDLE_TIMEOUT"));
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_start_ends_by_the_first_event_timeout() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--first-event-timeout").arg("50ms").start().await;
    let mut client = gateway.client().await;
    for fault in ["fault.stall", "fault.stall.after.0"] {
        let status = client.converse_stream(converse_stream(fault, "Hi")).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::DeadlineExceeded, "FIRST_EVENT_TIMEOUT"),
            "{fault}"
        );
        assert_eq!(info(&status, "attempts"), "1");
    }
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
    simulator.open_requests().wait_for(|open| *open == 0).await.unwrap();
}

/// An endpoint that streams without end. It reports the number of bytes that it had sent when the peer read nothing for a
/// second.
async fn endless() -> (String, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let delta = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{}"}}}}"#, "x".repeat(32 << 10));
        let delta = frames::event("contentBlockDelta", delta.as_bytes());
        let mut written = 0;
        while written < 1 << 30 {
            match tokio::time::timeout(Duration::from_secs(1), socket.write_all(&delta)).await {
                Ok(done) => done.unwrap(),
                Err(_) => break,
            }
            written += delta.len();
        }
        sender.send(written).unwrap();
        // It ends when the gateway closes the connection.
        let _ = socket.read(&mut request).await;
    });
    (endpoint, receiver)
}

#[tokio::test]
async fn a_stream_is_not_read_ahead_of_its_caller() {
    let (endpoint, receiver) = endless().await;
    let gateway = Gateway::builder_for(&endpoint).start().await;
    let mut stream =
        gateway.client().await.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    // The caller reads no more, so the endpoint must wait. What it could write is in the flow-control windows and in the buffers of
    // the sockets on the way. The kernel lets a buffer grow to 6 MB (net.ipv4.tcp_rmem), and there are two connections.
    let written = receiver.await.unwrap();
    assert!(written < 16 << 20, "{written} bytes were read ahead of the caller");
}

#[tokio::test]
async fn a_long_stream_is_complete() {
    let (simulator, _gateway, mut client) = started().await;
    simulator.script(Answer::events(stream_frames(20_000)));
    let stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
    let (events, end) = drain(stream).await;
    assert!(end.is_ok());
    assert_eq!(events, 20_000 + 3);
}
