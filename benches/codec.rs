//! Prints what the codec costs per request and per event: `cargo bench -p bedrock-grpc-schema`.
//!
//! A unary call of the gateway takes about 170 us of CPU. The check of its fields must stay below 2 % of it.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a program for people at a terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::operation::OperationRequest as _;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{ConverseRequest, ConverseResponse};
use bedrock_grpc_schema::wire::{RequestLimits, check_request};
use prost::Message as _;

/// CPU time of a unary call of the gateway.
const UNARY_CALL: Duration = Duration::from_micros(170);

fn main() {
    let request = request(20);
    let encoded = request.encode_to_vec();
    let (path, parts) = (ConverseRequest::OPERATION.grpc_path, [encoded.clone().into()]);
    let limits = RequestLimits { fields: 500_000, ignore_unknown_fields: false };
    let check = time("check the fields of a request of 20 messages and 5 tools", || {
        check_request(path, black_box(&parts), limits).unwrap();
    });
    println!("{:60} {:8.2} %", "  of a unary call", 100.0 * check.as_secs_f64() / UNARY_CALL.as_secs_f64());
    time("decode it from protobuf", || {
        black_box(ConverseRequest::decode(encoded.as_slice()).unwrap());
    });
    time("encode it as JSON", || {
        black_box(json::encode(&request, 8192).unwrap());
    });
    let response = br#"{"metrics":{"latencyMs":330},"output":{"message":{"content":[{"text":"The weather in Paris is sunny."}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":12,"outputTokens":9,"totalTokens":21}}"#;
    time("decode a short response from JSON", || {
        black_box(json::decode::<ConverseResponse>(black_box(response), |_| ()).unwrap());
    });
    let delta = br#"{"contentBlockIndex":0,"delta":{"text":" a few words"},"p":"abcdefghijklmnopqrstuvwxyzABCDEFG"}"#;
    time("decode a text delta from JSON", || {
        black_box(json::decode_event::<Event>("contentBlockDelta", black_box(delta), |_| ()).unwrap());
    });
}

/// A conversation of `messages` messages with five tools.
fn request(messages: usize) -> ConverseRequest {
    let text = "Some words of a conversation. ".repeat(10);
    let messages: Vec<_> = (0..messages)
        .map(|i| {
            let role = if i % 2 == 0 { "user" } else { "assistant" };
            format!(r#"{{"role":"{role}","content":[{{"text":"{text}"}}]}}"#)
        })
        .collect();
    let tool = r#"{"toolSpec":{"name":"get_weather","description":"The weather in a city","inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}"#;
    let json = format!(
        r#"{{"messages":[{}],"system":[{{"text":"Be brief."}}],"inferenceConfig":{{"maxTokens":512,"temperature":0.5}},"toolConfig":{{"tools":[{}]}}}}"#,
        messages.join(","),
        [tool; 5].join(",")
    );
    json::decode(json.as_bytes(), |_| ()).unwrap()
}

/// Prints the time of one run: the fastest of 20 rounds, since other programs only add to it.
fn time(what: &str, mut run: impl FnMut()) -> Duration {
    const RUNS: u32 = 2_000;
    let rounds = (0..20).map(|_| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| run());
        start.elapsed() / RUNS
    });
    let fastest = rounds.min().unwrap_or_default();
    println!("{what:60} {:8} ns", fastest.as_nanos());
    fastest
}
