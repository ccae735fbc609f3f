//! The port for operators, over real HTTP.

use std::path::Path;

use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

use crate::fixture::*;

async fn configuration(address: &str) -> Value {
    let Page { status, body, .. } = get(address, "/config").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

const FILE: &str = "admin: { listen: '127.0.0.1:0' }\n\
                    aws: { endpoints: { us-west-2: 'https://user:hidden@localhost' } }\n\
                    models: { chat: { targets: [{ model: demo.model }] } }\n";

#[tokio::test]
async fn configuration_shows_generation_hash_and_the_error_of_the_last_reload() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, FILE).unwrap();
    let gateway = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
    let address = admin_address(&gateway).await;
    let first = configuration(&address).await;
    assert_eq!((&first["generation"], &first["last_reload_error"]), (&json!(1), &Value::Null));
    assert_eq!(first["settings"]["models"]["chat"]["targets"], json!([{"model": "demo.model"}]));
    assert_eq!(first["settings"]["server"]["grace"], "30s");
    assert!(first["loaded_at"].as_str().unwrap().ends_with('Z'), "{first}");
    assert!(!first.to_string().contains("hidden"), "{first}");

    replace(&file, "modls: {}\n");
    gateway.log.line(|line| line["level"] == "ERROR").await;
    let broken = configuration(&address).await;
    let message = broken["last_reload_error"]["message"].as_str().unwrap();
    assert!(message.contains("gateway.yaml:1:1: modls: unknown key"), "{message}");
    for key in ["generation", "hash", "loaded_at", "settings"] {
        assert_eq!(broken[key], first[key], "{key}");
    }
    assert_eq!(get(&address, "/readyz").await.status_and_body(), (200, "ready\n".to_owned()));

    replace(&file, &format!("{}limits: {{ max_connections: 7 }}\n", FILE.replace("chat", "other")));
    gateway.log.line(|line| line["generation"] == 2).await;
    let second = configuration(&address).await;
    assert_eq!((&second["generation"], &second["last_reload_error"]), (&json!(2), &Value::Null));
    assert_ne!(second["hash"], first["hash"]);
    assert!(second["settings"]["models"]["other"].is_object(), "{second}");
    assert_eq!(second["keys_that_need_a_restart"], json!(["limits.max_connections"]));
}

#[tokio::test]
async fn readiness_ends_with_the_shutdown_and_the_port_with_the_process() {
    let simulator = simulator().await;
    let builder = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0").arg("--grace").arg("1h");
    let mut gateway = builder.start().await;
    let address = admin_address(&gateway).await;
    assert_eq!(get(&address, "/readyz").await.status_and_body(), (200, "ready\n".to_owned()));
    let mut client = gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.2", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    // A client that sends nothing does not delay the end.
    let idle = TcpStream::connect(&address).await.unwrap();
    gateway.terminate();
    gateway.log.line(|line| line["message"] == "shutting down").await;
    // The log line is written before the state changes.
    while get(&address, "/readyz").await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&address, "/readyz").await.status_and_body(), (503, "the gateway is shutting down\n".to_owned()));
    assert_eq!(get(&address, "/livez").await.status_and_body(), (200, "live\n".to_owned()));
    drop((stream, client));
    assert!(gateway.process.wait().await.unwrap().success());
    assert!(TcpStream::connect(&address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn gateway_without_credentials_is_not_ready_and_names_the_identity() {
    let simulator = simulator().await;
    let builder = Gateway::builder(&simulator).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let gateway = builder.arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let address = admin_address(&gateway).await;
    let reason = "the AWS identity default has no valid credentials\n";
    assert_eq!(get(&address, "/readyz").await.status_and_body(), (503, reason.to_owned()));
    assert_eq!(get(&address, "/livez").await.status, 200);
}

#[tokio::test]
async fn identity_of_one_model_without_credentials_is_named_and_the_gateway_stays_ready() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, "models: { chat: { targets: [{ model: demo.model, profile: missing }] } }\n").unwrap();
    let builder = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap());
    let gateway = builder.arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let address = admin_address(&gateway).await;
    let lines = "ready\nthe AWS identity missing has no valid credentials\n";
    assert_eq!(get(&address, "/readyz").await.status_and_body(), (200, lines.to_owned()));
}

#[tokio::test]
async fn unix_socket_serves_and_other_paths_and_methods_are_rejected() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let builder = Gateway::builder(&simulator).env("BEDROCK_GRPC_ADMIN_LISTEN", path.as_os_str());
    let mut gateway = builder.start().await;
    for (line, status) in [("GET /readyz", 200), ("GET /other", 404), ("POST /config", 405), ("HEAD /livez", 200)] {
        assert_eq!(send(UnixStream::connect(&path).await.unwrap(), line, &[], "").await.status, status, "{line}");
    }
    gateway.terminate();
    assert!(gateway.process.wait().await.unwrap().success());
    assert!(!path.exists());
}

#[tokio::test]
async fn address_in_use_ends_the_start_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .args(["serve", "--listen", "127.0.0.1:0", "--region", "us-east-1", "--admin-listen"])
        .arg(taken.local_addr().unwrap().to_string())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("admin.listen: cannot listen on 127.0.0.1"), "{log}");
}
