//! `bedrock-grpc top` reads the admin port of a gateway.

use serde_json::Value;
use tokio::process::Command;

use crate::fixture::*;

/// The output of `top` with these options, and whether it succeeded.
async fn run_top(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .arg("top")
        .args(arguments)
        .env_remove("BEDROCK_GRPC_ADMIN_ADDRESS")
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn top_shows_the_running_call_and_the_calls_between_two_reads() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let address = admin_address(&gateway).await;
    let mut client = gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.2", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    // Calls finish all the time, so that some of them lie between the two reads.
    let mut other = gateway.client().await;
    let load = tokio::spawn(async move {
        loop {
            other.converse(converse("demo.model", "Hi")).await.unwrap();
        }
    });
    gateway.call_line(|line| line["model"] == "demo.model").await;
    let arguments = ["--address", &address, "--json", "--count", "1", "--interval", "500ms"];
    let (succeeded, output, errors) = run_top(&arguments).await;
    load.abort();
    assert!(succeeded, "{errors}");
    let view: Value = serde_json::from_str(&output).unwrap();
    assert!(view["time"].as_str().unwrap().ends_with('Z'), "{view}");
    assert!(view["total"]["calls"].as_f64().unwrap() > 0.0, "{view}");
    assert!(view["total"]["output_tokens"].as_f64().unwrap() > 0.0, "{view}");
    assert!(view["total"]["in_flight"].as_f64().unwrap() >= 1.0, "{view}");
    let demo = view["models"].as_array().unwrap().iter().find(|row| row["name"] == "demo.model").unwrap();
    assert!(demo["calls"].as_f64().unwrap() > 0.0, "{view}");
    let caller = &view["callers"][0];
    assert!(caller["name"] == "anonymous" && caller["in_flight"].as_f64().unwrap() >= 1.0, "{view}");
}

#[tokio::test]
async fn top_prints_a_line_for_each_read_of_a_unix_socket() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _gateway = Gateway::builder(&simulator).env("BEDROCK_GRPC_ADMIN_LISTEN", path.as_os_str()).start().await;
    let arguments = ["--address", path.to_str().unwrap(), "--count", "2", "--interval", "10ms"];
    let (succeeded, output, errors) = run_top(&arguments).await;
    assert!(succeeded, "{errors}");
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert!(lines.iter().all(|line| line.contains("Z calls/s=0.0 failed/s=0.0 in_flight=0")), "{output}");
}

#[tokio::test]
async fn top_sends_the_token_that_the_port_requires() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a-token-of-an-operator").unwrap();
    let builder = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0");
    let gateway = builder.arg("--admin-token-file").arg(file.to_str().unwrap()).start().await;
    let address = admin_address(&gateway).await;
    let arguments = ["--address", &address, "--count", "1", "--interval", "10ms"];
    let (succeeded, output, errors) = run_top(&arguments).await;
    assert!(!succeeded && output.is_empty() && errors.contains("requires a token"), "{errors}");
    let (succeeded, output, errors) = run_top(&[&arguments[..], &["--token", "a-token-of-an-operator"]].concat()).await;
    assert!(succeeded && output.contains("calls/s=0.0"), "{errors}");
}

#[tokio::test]
async fn top_without_an_admin_port_ends_with_an_error_that_names_the_address() {
    let (succeeded, output, errors) = run_top(&["--address", "127.0.0.1:1", "--count", "1"]).await;
    assert!(!succeeded && output.is_empty(), "{output}");
    assert!(errors.contains("admin port 127.0.0.1:1: ") && errors.contains("refused"), "{errors}");
}
