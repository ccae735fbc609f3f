//! The configuration file, variables and flags, as an operator uses them.

use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;
use tonic::transport::Endpoint;

use crate::fixture::*;

async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"));
    command.args(arguments).envs(variables.iter().copied()).output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a configuration file, and the file's path.
fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[tokio::test]
async fn broken_file_ends_every_command_with_exit_code_78_and_all_mistakes() {
    let (_folder, path) = file("server:\n  grcae: 5m\n  idle_timeout: soon\n");
    for arguments in
        [["config", "check", &path].as_slice(), &["config", "show", "--config", &path], &["serve", "--config", &path]]
    {
        let output = run(arguments, &[]).await;
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
        let mistakes = text(&output.stderr);
        for place in [format!("{path}:2:3: server.grcae:"), format!("{path}:3:17: server.idle_timeout:")] {
            assert!(mistakes.contains(&place), "{arguments:?}: {mistakes}");
        }
    }
}

#[tokio::test]
async fn missing_file_is_a_mistake() {
    let output = run(&["serve", "--config", "/nonexistent/gateway.yaml"], &[]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).starts_with("/nonexistent/gateway.yaml:1:1: the file cannot be read"));
}

#[tokio::test]
async fn flag_wins_over_variable_and_variable_over_file() {
    let (_folder, path) = file("server: { grace: 1m, idle_timeout: 2m, response_timeout: 3m }\n");
    let variables = [("BEDROCK_GRPC_IDLE_TIMEOUT", "4m"), ("BEDROCK_GRPC_RESPONSE_TIMEOUT", "5m")];
    let output = run(&["config", "show", "--config", &path, "--response-timeout", "6m"], &variables).await;
    let shown = text(&output.stdout);
    for line in [
        format!("  grace: 1m # {path}:1:18"),
        "  idle_timeout: 4m # BEDROCK_GRPC_IDLE_TIMEOUT".to_owned(),
        "  response_timeout: 6m # --response-timeout".to_owned(),
        "  max_write_delay: 1ms # default".to_owned(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}

#[tokio::test]
async fn invalid_flag_is_rejected_with_what_is_allowed() {
    let output = run(&["serve", "--grace", "soon"], &[]).await;
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("--grace") && message.contains("a time such as"), "{message}");
}

#[tokio::test]
async fn printed_example_is_a_valid_file_and_the_schema_is_json() {
    let (_folder, path) = file(&text(&run(&["config", "example"], &[]).await.stdout));
    let output = run(&["config", "check", &path], &[]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let schema: serde_json::Value = serde_json::from_slice(&run(&["config", "schema"], &[]).await.stdout).unwrap();
    assert_eq!(schema["type"], "object");
}

#[tokio::test]
async fn gateway_serves_all_addresses_of_the_file() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gateway.sock");
    let path = folder.path().join("gateway.yaml");
    let listen = format!("server:\n  listen: ['127.0.0.1:0', '127.0.0.1:0', '{}']\n", socket.display());
    std::fs::write(&path, listen).unwrap();
    let builder = Gateway::builder(&simulator).without("BEDROCK_GRPC_LISTEN");
    let gateway = builder.arg("--config").arg(path.to_str().unwrap()).start().await;
    let serving = gateway.log.line(|line| line["message"] == "serving").await;
    let addresses: Vec<_> = serving["addresses"].as_str().unwrap().split(',').map(str::to_owned).collect();
    assert_eq!(addresses.len(), 3, "{addresses:?}");
    assert_eq!(addresses[2], socket.to_str().unwrap());
    for address in &addresses {
        let url = if address.contains('/') { format!("unix:{address}") } else { format!("http://{address}") };
        let mut client = Client::new(Endpoint::from_shared(url).unwrap().connect().await.unwrap());
        client.converse(converse("demo.model", "Hi")).await.unwrap();
    }
}

#[tokio::test]
async fn call_goes_to_the_endpoint_of_its_region() {
    let (west, other) = (simulator_over_http1().await, simulator_over_http1().await);
    let (_folder, path) = file(&format!("aws: {{ endpoints: {{ us-west-2: '{}' }} }}\n", west.endpoint()));
    let gateway = Gateway::builder(&other).arg("--config").arg(&path).start().await;
    let mut client = gateway.client().await;
    client.converse(converse("arn:aws:bedrock:us-west-2:123456789012:inference-profile/x", "Hi")).await.unwrap();
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    assert_eq!((west.requests().len(), other.requests().len()), (1, 1));
    assert!(west.requests()[0].headers["authorization"].to_str().unwrap().contains("/us-west-2/"));
}
