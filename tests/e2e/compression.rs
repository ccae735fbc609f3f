//! Which responses are compressed for callers that accept it.

use bedrock_simulator::{Answer, Simulator};
use h2::RecvStream;
use http::StatusCode;
use prost::Message as _;

use crate::fixture::{Gateway, converse, converse_stream, raw};

/// The flag before the first message of a response: 1 if the message is compressed.
async fn first_flag(response: http::Response<RecvStream>) -> u8 {
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    loop {
        let data = body.data().await.expect("a response without a message").unwrap();
        if let Some(flag) = data.first() {
            return *flag;
        }
    }
}

async fn call(gateway: &Gateway, rpc: &str, encodings: &str, message: &[u8]) -> u8 {
    first_flag(raw::send_message(gateway, &raw::path(rpc), &[("grpc-accept-encoding", encodings)], message).await).await
}

#[tokio::test]
async fn stream_events_are_compressed_only_with_compress_streams() {
    let simulator = Simulator::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let request = converse_stream("demo.model", "Hi").encode_to_vec();
    let gateway = Gateway::builder(&simulator).start().await;
    assert_eq!(call(&gateway, "ConverseStream", "gzip", &request).await, 0);
    let gateway = Gateway::builder(&simulator).arg("--compress-streams").start().await;
    assert_eq!(call(&gateway, "ConverseStream", "gzip", &request).await, 1);
    assert_eq!(call(&gateway, "ConverseStream", "identity", &request).await, 0);
}

#[tokio::test]
async fn unary_responses_are_compressed_from_16_kib() {
    let simulator = Simulator::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let gateway = Gateway::builder(&simulator).start().await;
    let request = converse("demo.model", "Hi").encode_to_vec();
    for (length, encodings, flag) in
        [(15 << 10, "gzip", 0), (17 << 10, "gzip", 1), (17 << 10, "zstd", 1), (17 << 10, "identity", 0)]
    {
        let text = "x".repeat(length);
        let body = format!(r#"{{"output":{{"message":{{"content":[{{"text":"{text}"}}]}}}},"stopReason":"end_turn"}}"#);
        simulator.script(Answer::json(StatusCode::OK, body));
        assert_eq!(call(&gateway, "Converse", encodings, &request).await, flag, "{length} bytes, {encodings}");
    }
}
