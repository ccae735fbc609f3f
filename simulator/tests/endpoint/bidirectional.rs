use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use aws_smithy_types::{Blob, DateTime};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::http2::{Connection, next_data, rest, simulator, tls, written};
use crate::support::{Fixture, header, reaches};

const PATH: &str = "/model/amazon.nova-sonic-v1%3A0/invoke-with-bidirectional-stream";

fn encoded(message: &Message) -> Bytes {
    let mut buffer = BytesMut::new();
    write_message_to(message, &mut buffer).unwrap();
    buffer.freeze()
}

fn event(event_type: &str, payload: String) -> Bytes {
    let text = |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
    let message = Message::new(payload)
        .add_header(text(":message-type", "event"))
        .add_header(text(":event-type", event_type))
        .add_header(text(":content-type", "application/json"));
    encoded(&message)
}

fn chunk(text: &str) -> Bytes {
    event("chunk", json!({ "bytes": STANDARD.encode(text) }).to_string())
}

/// As a client under SigV4 sends a frame; without a payload it is the last.
fn signed(frame: Bytes) -> Bytes {
    let message = Message::new(frame)
        .add_header(Header::new(":chunk-signature", HeaderValue::ByteArray(Blob::new([7; 32]).into_inner().into())))
        .add_header(Header::new(":date", HeaderValue::Timestamp(DateTime::from_secs(1_767_225_600))));
    encoded(&message)
}

fn payload(frame: &Message) -> Value {
    serde_json::from_slice(frame.payload()).unwrap()
}

fn said(frame: &Message) -> String {
    assert_eq!((header(frame, ":message-type"), header(frame, ":event-type")), ("event".into(), "chunk".into()));
    String::from_utf8(STANDARD.decode(payload(frame)["bytes"].as_str().unwrap()).unwrap()).unwrap()
}

async fn next(response: &mut http::Response<hyper::body::Incoming>) -> Message {
    read_message_from(next_data(response).await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn chunks_come_back_as_they_go_in() {
    let simulator = simulator(true).await;
    let mut open = simulator.open_streams();
    let mut connection = Connection::over(tls(&simulator, "localhost", &["h2"]).await).await;
    let (input, body) = written();
    // The head comes before any input.
    let mut response = connection.post(PATH, body).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert!(response.headers().contains_key("x-amzn-requestid"));
    reaches(&mut open, 1).await;
    for text in ["one", "two", "", "four"] {
        input.send(signed(chunk(text))).await.unwrap();
        assert_eq!(said(&next(&mut response).await), text);
    }
    // Two frames at once, and one in three pieces.
    input.send([signed(chunk("a")), signed(chunk("b"))].concat().into()).await.unwrap();
    assert_eq!((said(&next(&mut response).await), said(&next(&mut response).await)), ("a".into(), "b".into()));
    let frame = signed(chunk("whole"));
    for piece in [frame.slice(..3), frame.slice(3..40), frame.slice(40..)] {
        input.send(piece).await.unwrap();
    }
    assert_eq!(said(&next(&mut response).await), "whole");
    // The empty frame ends it, even before the request's body does.
    input.send(signed(Bytes::new())).await.unwrap();
    assert_eq!(rest(response).await, (Bytes::new(), true));
    reaches(&mut open, 0).await;
    assert!(simulator.requests()[0].path.ends_with("/invoke-with-bidirectional-stream"));
}

#[tokio::test]
async fn frames_need_not_be_signed() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    let (input, body) = written();
    let mut response = connection.post(PATH, body).await.unwrap();
    input.send(chunk("bare")).await.unwrap();
    assert_eq!(said(&next(&mut response).await), "bare");
    drop(input);
    assert_eq!(rest(response).await, (Bytes::new(), true));
}

#[tokio::test]
async fn faults_come_in_the_stream() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    for (fault, exception) in
        [("throttling", "throttlingException"), ("model-stream-error", "modelStreamErrorException")]
    {
        let (input, body) = written();
        let path = format!("/model/fault.{fault}.after.2/invoke-with-bidirectional-stream");
        let mut response = connection.post(&path, body).await.unwrap();
        for text in ["a", "b"] {
            input.send(signed(chunk(text))).await.unwrap();
            assert_eq!(said(&next(&mut response).await), text);
        }
        // At once: no third chunk is waited for.
        assert_eq!(header(&next(&mut response).await, ":exception-type"), exception);
        assert_eq!(rest(response).await, (Bytes::new(), true));
    }
    for (fault, orderly) in [("truncate", true), ("reset", false), ("cut", false)] {
        let (input, body) = written();
        let path = format!("/model/fault.{fault}.after.1/invoke-with-bidirectional-stream");
        let mut response = connection.post(&path, body).await.unwrap();
        input.send(signed(chunk("a"))).await.unwrap();
        assert_eq!(said(&next(&mut response).await), "a");
        assert_eq!(rest(response).await.1, orderly, "{fault}");
    }
}

#[tokio::test]
async fn a_stalled_stream_is_open_until_its_client_leaves() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    let mut open = simulator.open_streams();
    for fault in ["fault.stall.after.1", "amazon.nova-sonic-v1"] {
        let (input, body) = written();
        let path = format!("/model/{fault}/invoke-with-bidirectional-stream");
        let mut response = connection.post(&path, body).await.unwrap();
        input.send(signed(chunk("a"))).await.unwrap();
        assert_eq!(said(&next(&mut response).await), "a");
        reaches(&mut open, 1).await;
        // Both halves: hyper resets a stream when nothing of it is held any more.
        drop((response, input));
        reaches(&mut open, 0).await;
    }
}

#[tokio::test]
async fn an_input_that_is_no_chunk_is_refused_in_the_stream() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    let mut corrupt = signed(chunk("a")).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let cases = [
        (signed(event("chink", "{}".into())), "the event type 'chink' is unknown"),
        (signed(event("chunk", "{".into())), "not JSON"),
        (signed(event("chunk", json!({ "bytes": "?" }).to_string())), "base64"),
        (signed("no frame".into()), "holds no frame"),
        (corrupt.into(), "checksum"),
        (signed(chunk("a")).slice(..20), "within a frame"),
        (vec![255; 20].into(), "claims to have"),
    ];
    for (input, message) in cases {
        let (writer, body) = written();
        writer.send(input).await.unwrap();
        drop(writer);
        let mut response = connection.post(PATH, body).await.unwrap();
        let refusal = next(&mut response).await;
        assert_eq!(header(&refusal, ":exception-type"), "validationException");
        let text = payload(&refusal)["message"].as_str().unwrap().to_owned();
        assert!(text.to_lowercase().contains(&message.to_lowercase()), "{text}");
    }
}

#[tokio::test]
async fn what_comes_before_headers_is_an_answer() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    for (model, name) in [("fault.throttling", "ThrottlingException"), ("nonsense", "ValidationException")] {
        let (_input, body) = written();
        let path = format!("/model/{model}/invoke-with-bidirectional-stream");
        let response = connection.post(&path, body).await.unwrap();
        let error = response.headers()["x-amzn-errortype"].to_str().unwrap();
        assert!(error.starts_with(name), "{error}");
    }
    let refused = Fixture::start().await.post(PATH, chunk("a")).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (400, "ValidationException"));
    assert!(refused.message().contains("HTTP/2"));
}
