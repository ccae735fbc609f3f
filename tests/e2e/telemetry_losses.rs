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

#[tokio::test]
async fn calls_go_on_while_the_collector_never_responds_and_the_metrics_are_scraped_without_a_break() {
    let simulator = simulator().await;
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::builder(&simulator)
        .arg("--admin-listen")
        .arg("127.0.0.1:0")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.local_addr().unwrap()))
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "64")
        .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .start()
        .await;
    let address = admin_address(&gateway).await;
    let client = gateway.client().await;
    let calls = async {
        for _ in 0..10 {
            let round = (0..30).map(|_| {
                let mut client = client.clone();
                async move { client.converse(converse("demo.model", "Hello")).await }
            });
            assert!(futures::future::join_all(round).await.iter().all(Result::is_ok));
        }
    };
    let scrape = async {
        loop {
            let page = get(&address, "/metrics").await;
            assert!(page.body.contains("# TYPE bedrock_grpc_calls_running gauge"), "{}", page.body);
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(120), async {
        tokio::select! { () = calls => {}, never = scrape => never }
    });
    outcome.await.expect("the calls wait for the collector");
    // The queue has room for 64 spans, and the 300 calls had 900 spans.
    gateway.log.line(|line| line["spans"].as_u64().is_some_and(|spans| spans > 0)).await;
    let lost = get(&address, "/metrics").await.body;
    let lost =
        lost.lines().find(|line| line.starts_with("bedrock_grpc_telemetry_lost_total") && line.contains("spans"));
    let lost: u64 = lost.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(lost > 0);
}

#[tokio::test]
async fn a_full_disk_for_the_log_stops_no_call_and_the_lines_are_counted() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let (socket, admin) = (folder.path().join("gateway.sock"), folder.path().join("admin.sock"));
    let (mut gateway, _certificate) = Gateway::builder(&simulator)
        .arg("--listen")
        .arg(socket.to_str().unwrap())
        .arg("--admin-listen")
        .arg(admin.to_str().unwrap())
        .spawn_with_log(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let page = async |path: &str| {
        for _ in 0..1000 {
            if let Ok(stream) = tokio::net::UnixStream::connect(&admin).await {
                return send(stream, &format!("GET {path}"), &[], "").await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the gateway does not serve the admin port")
    };
    let request = r#"{"modelId": "demo.model", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}"#;
    let call = async || {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"));
        command.args(["call", "Converse", "--data", request, "--address"]).arg(format!("unix:{}", socket.display()));
        command.output().await.unwrap()
    };
    let lost = async || {
        let body = page("/metrics").await.body;
        let name = r#"bedrock_grpc_telemetry_lost_total{bedrock_grpc_telemetry_data="log_lines"} "#;
        body.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok()).unwrap_or_default()
    };
    page("/readyz").await;
    let before = lost().await;
    let output = call().await;
    assert!(output.status.success(), "{output:?}");
    // A separate thread writes the line of the call, so the line may come later than the response.
    let counted = tokio::time::timeout(Duration::from_secs(20), async {
        while lost().await <= before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    counted.await.expect("the line is not counted");
    gateway.kill().await.unwrap();
}
