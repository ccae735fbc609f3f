//! What happens when nobody takes the log or the spans.

use std::time::Duration;

use crate::fixture::*;

#[tokio::test]
async fn a_log_that_nobody_reads_stops_no_call_and_lost_lines_are_counted() {
    let simulator = simulator().await;
    // Libraries write about 20 lines for each call at this level.
    let gateway = Gateway::builder(&simulator).env("RUST_LOG", "debug").start().await;
    gateway.log.pause(true);
    let client = gateway.client().await;
    let calls = (0..500).map(|_| {
        let mut client = client.clone();
        async move { client.converse(converse("demo.model", "Hello")).await }
    });
    let outcomes = tokio::time::timeout(Duration::from_secs(60), futures::future::join_all(calls)).await;
    assert!(outcomes.expect("the calls wait for the log").iter().all(Result::is_ok));
    gateway.log.pause(false);
    let line = gateway.log.line(|line| line["log_lines"].as_u64().is_some_and(|lines| lines > 0)).await;
    assert_eq!(line["level"], "WARN");
}

#[tokio::test]
async fn a_collector_that_never_responds_does_not_delay_the_exit_and_lost_spans_are_counted() {
    let simulator = simulator().await;
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut gateway = Gateway::builder(&simulator)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.local_addr().unwrap()))
        .env("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1000")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .start()
        .await;
    gateway.client().await.converse(converse("demo.model", "Hello")).await.unwrap();
    let line = gateway.log.line(|line| line["spans"].as_u64().is_some_and(|spans| spans > 0)).await;
    assert_eq!(line["level"], "WARN");
    gateway.client().await.converse(converse("demo.model", "Hello")).await.unwrap();
    gateway.terminate();
    // The exporter of metrics alone would wait for 10 s.
    let ended = tokio::time::timeout(Duration::from_secs(8), gateway.process.wait()).await;
    assert!(ended.expect("the exit waits for the collector").unwrap().success());
}
