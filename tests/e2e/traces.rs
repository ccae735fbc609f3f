//! The trace of every row of the error table, and of calls whose caller leaves, as a collector receives it.

use futures::future::join_all;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::{Code, Request};

use crate::error_table::{HTTP_ROWS, ROWS, Row};
use crate::fixture::*;

/// The span of the caller.
const PARENT: &str = "b7ad6b7169203331";

async fn traced() -> (bedrock_simulator::Simulator, Collector, Gateway) {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let gateway = Gateway::builder(&simulator)
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
        .await;
    (simulator, collector, gateway)
}

/// The id of the trace with this number.
fn trace_id(number: usize) -> String {
    format!("{:032x}", number + 1)
}

/// A request in a trace of its own.
fn in_trace<T>(number: usize, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", format!("00-{}-{PARENT}-01", trace_id(number)).parse().unwrap());
    metadata.insert("tracestate", "vendor=value".parse().unwrap());
    request
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The three kinds of spans of a finished trace: SERVER, CLIENT, attempts.
async fn spans_of(collector: &Collector, number: usize) -> (Span, Span, Vec<Span>) {
    let id = trace_id(number);
    // The SERVER span ends last, and spans are exported in the order of their ends.
    let server = collector.span(|span| span.kind() == SpanKind::Server && hex(&span.trace_id) == id).await;
    let spans: Vec<_> = collector.spans().into_iter().filter(|span| hex(&span.trace_id) == id).collect();
    let client = spans.iter().find(|span| span.kind() == SpanKind::Client).unwrap().clone();
    let attempts = spans.into_iter().filter(|span| span.name.starts_with("attempt ")).collect();
    (server, client, attempts)
}

/// Checks what all traces have in common: the id of the caller's trace, the parents, and the caller's tracestate.
fn check_parents(server: &Span, client: &Span, attempts: &[Span]) {
    assert_eq!(hex(&server.parent_span_id), PARENT);
    assert_eq!(client.parent_span_id, server.span_id);
    assert!(attempts.iter().all(|attempt| attempt.parent_span_id == client.span_id), "{attempts:?}");
    for span in [server, client].into_iter().chain(attempts) {
        assert_eq!(span.trace_state, "vendor=value", "{span:?}");
    }
}

/// Checks the trace of a failed call.
async fn check_row(collector: &Collector, number: usize, row: &Row, attempts: u32) {
    let (server, client, attempt_spans) = spans_of(collector, number).await;
    let context = format!("{}: {server:?} {client:?}", row.fault);
    check_parents(&server, &client, &attempt_spans);
    let status = format!("{:?}", row.code);
    let expected = attribute(&server.attributes, "rpc.response.status_code").replace('_', "");
    assert_eq!(expected, status.to_uppercase(), "{context}");
    // The RPC conventions leave the status of the SERVER span unset if the error is the caller's.
    let is_server_error = matches!(
        row.code,
        Code::Unknown | Code::DeadlineExceeded | Code::Internal | Code::Unavailable | Code::DataLoss
    );
    let server_status = server.status.clone().unwrap_or_default().code();
    assert_eq!(server_status == StatusCode::Error, is_server_error, "{context}");
    let server_error = if is_server_error { row.reason } else { "" };
    assert_eq!(attribute(&server.attributes, "error.type"), server_error, "{context}");
    assert_eq!(attribute(&client.attributes, "error.type"), row.reason, "{context}");
    assert_eq!(client.status.as_ref().unwrap().code(), StatusCode::Error, "{context}");
    assert_eq!(attempt_spans.len(), attempts as usize, "{context}");
    let retries = client.events.iter().filter(|event| event.name == "bedrock_grpc.retry");
    assert_eq!(retries.count(), attempts as usize - 1, "{context}");
}

#[tokio::test]
async fn unary_calls_have_the_trace_of_each_row_of_the_error_table() {
    let (_simulator, collector, gateway) = traced().await;
    let client = gateway.client().await;
    let rows: Vec<_> = ROWS.iter().chain(HTTP_ROWS).collect();
    join_all(
        rows.iter().enumerate().map(|(number, row)| {
            let mut client = client.clone();
            async move {
                client.converse(in_trace(number, converse(&format!("fault.{}", row.fault), "Hi"))).await.unwrap_err()
            }
        }),
    )
    .await;
    for (number, row) in rows.into_iter().enumerate() {
        check_row(&collector, number, row, row.attempts).await;
    }
}

#[tokio::test]
async fn streams_that_fail_after_events_have_the_trace_of_each_row_of_the_error_table() {
    let (_simulator, collector, gateway) = traced().await;
    let client = gateway.client().await;
    join_all(ROWS.iter().enumerate().map(|(number, row)| {
        let mut client = client.clone();
        async move {
            let request = in_trace(number, converse_stream(&format!("fault.{}.after.3", row.fault), "Tell me more"));
            let mut stream = client.converse_stream(request).await.unwrap().into_inner();
            while stream.message().await.is_ok_and(|event| event.is_some()) {}
        }
    }))
    .await;
    for (number, row) in ROWS.iter().enumerate() {
        check_row(&collector, number, row, 1).await;
        let (_, client, _) = spans_of(&collector, number).await;
        assert!(attribute(&client.attributes, "gen_ai.response.finish_reasons").contains("error"), "{client:?}");
        assert!(client.events.iter().any(|event| event.name == "bedrock_grpc.first_event"), "{client:?}");
    }
}

#[tokio::test]
async fn caller_that_leaves_has_a_trace_with_the_status_cancelled() {
    let (_simulator, collector, gateway) = traced().await;
    let mut client = gateway.client().await;
    let request = in_trace(0, converse_stream("fault.stall.after.2", "Hi"));
    let mut stream = client.converse_stream(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    drop((stream, client));
    let (server, client, attempts) = spans_of(&collector, 0).await;
    check_parents(&server, &client, &attempts);
    assert_eq!(attribute(&server.attributes, "rpc.response.status_code"), "CANCELLED");
    assert_eq!(server.status.unwrap_or_default().code(), StatusCode::Unset);
    assert_eq!(attribute(&client.attributes, "error.type"), "CANCELLED");
    assert!(!attribute(&client.attributes, "gen_ai.response.time_to_first_chunk").is_empty(), "{client:?}");
    assert!(attribute(&client.attributes, "gen_ai.request.stream").contains("true"), "{client:?}");
}
