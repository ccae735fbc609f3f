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

/// The status and the body of `/readyz`, without the times.
async fn readiness(address: &str) -> (u16, Value) {
    let page = get(address, "/readyz").await;
    let mut body: Value = serde_json::from_str(&page.body).unwrap();
    for problem in body["problems"].as_array_mut().unwrap() {
        let since = problem.as_object_mut().unwrap().remove("since").unwrap();
        assert!(since.as_str().unwrap().ends_with('Z'), "{since}");
    }
    (page.status, body)
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
    let target = json!({"model": "demo.model", "priority": 0, "weight": 1});
    assert_eq!(first["settings"]["models"]["chat"]["targets"], json!([target]));
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
    assert_eq!(readiness(&address).await, (200, json!({"ready": true, "problems": []})));

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
    assert_eq!(readiness(&address).await, (200, json!({"ready": true, "problems": []})));
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
    let problem = json!({"part": "gateway", "reason": "the gateway is shutting down", "blocks_all_calls": true});
    assert_eq!(readiness(&address).await, (503, json!({"ready": false, "problems": [problem]})));
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
    let reason = "there are no valid credentials";
    let problem = json!({"part": "identity default", "reason": reason, "blocks_all_calls": true});
    assert_eq!(readiness(&address).await, (503, json!({"ready": false, "problems": [problem]})));
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
    let reason = "there are no valid credentials";
    let problem = json!({"part": "identity missing", "reason": reason, "blocks_all_calls": false});
    assert_eq!(readiness(&address).await, (200, json!({"ready": true, "problems": [problem]})));
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

#[tokio::test]
async fn running_calls_show_caller_model_phase_events_and_bytes_and_no_content() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    let text = "admin: { listen: '127.0.0.1:0' }\nmodels: { chat: { targets: [{ model: fault.stall.after.2 }] } }\n";
    std::fs::write(&file, text).unwrap();
    let gateway = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
    let address = admin_address(&gateway).await;
    let mut client = gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("chat", "zebrafish")).await.unwrap().into_inner();
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    let page = get(&address, "/calls").await;
    assert!(!page.body.contains("zebrafish"), "{}", page.body);
    let body: Value = serde_json::from_str(&page.body).unwrap();
    let call = &body["calls"][0];
    for (key, expected) in [
        ("rpc", json!("ConverseStream")),
        ("caller", Value::Null),
        ("model", json!("chat")),
        ("target", json!("fault.stall.after.2")),
        ("region", json!("us-east-1")),
        ("phase", json!("stream")),
        ("attempts", json!(1)),
        ("events", json!(2)),
    ] {
        assert_eq!(call[key], expected, "{key}: {body}");
    }
    assert!(call["request_bytes"].as_u64().unwrap() > 0 && call["response_bytes"].as_u64().unwrap() > 0, "{body}");
    drop((stream, client));
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
    let body: Value = serde_json::from_str(&get(&address, "/calls").await.body).unwrap();
    assert_eq!(body, json!({"count": 0, "calls": []}));
}

#[tokio::test]
async fn log_level_changes_at_run_time_and_an_empty_body_restores_it() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let address = admin_address(&gateway).await;
    let first = get(&address, "/log-level").await.body;
    assert_eq!(first, "warn,bedrock_grpc=info,bedrock_simulator=info\n");
    let post = async |headers: &[(&str, &str)], body: &str| {
        send(TcpStream::connect(&address).await.unwrap(), "POST /log-level", headers, body).await.status_and_body()
    };
    assert_eq!(post(&[], "bedrock_grpc=debug").await, (200, "bedrock_grpc=debug\n".to_owned()));
    let mut client = gateway.client().await;
    client.converse(converse("fault.flaky.1.service-unavailable", "Hi")).await.unwrap();
    gateway.log.line(|line| line["message"] == "retrying").await;
    let (status, problem) = post(&[], "bedrock_grpc=loud").await;
    assert!(status == 400 && problem.starts_with("expected a level"), "{status} {problem}");
    assert_eq!(post(&[("origin", "http://example.com")], "trace").await.0, 403);
    assert_eq!(get(&address, "/log-level").await.body, "bedrock_grpc=debug\n");
    assert_eq!(post(&[], "").await, (200, first));
}

#[tokio::test]
async fn page_and_its_files_have_headers_that_allow_nothing_else() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0").start().await;
    let address = admin_address(&gateway).await;
    for (path, kind) in [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let page = get(&address, path).await;
        assert_eq!(page.status, 200, "{path}");
        for header in [kind, "content-security-policy: default-src 'self'", "cache-control: no-store", "nosniff"] {
            assert!(page.head.contains(header), "{path} lacks {header}: {}", page.head);
        }
    }
}

#[tokio::test]
async fn token_is_required_except_by_probes() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let builder = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0");
    let gateway = builder.arg("--admin-token-file").arg(file.to_str().unwrap()).start().await;
    let address = admin_address(&gateway).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(&address, path).await.status, 200, "{path}");
    }
    for path in ["/", "/metrics", "/calls", "/config", "/log-level", "/page.js"] {
        for (authorization, status) in [
            ("", 401),
            ("Bearer 0123456789abcdeX", 401),
            ("Bearer 0123456789abcdef0", 401),
            ("Bearer 0123456789abcdef", 200),
            // `operator:0123456789abcdef`
            ("Basic b3BlcmF0b3I6MDEyMzQ1Njc4OWFiY2RlZg==", 200),
            ("Basic MDEyMzQ1Njc4OWFiY2RlZg==", 401),
        ] {
            let socket = TcpStream::connect(&address).await.unwrap();
            let page = send(socket, &format!("GET {path}"), &[("authorization", authorization)], "").await;
            assert_eq!(page.status, status, "{path} with {authorization}");
            assert_eq!(page.head.contains("www-authenticate: Basic"), status == 401, "{}", page.head);
        }
    }
    assert!(!gateway.log.text().contains("0123456789abcdef"));
}

#[tokio::test]
async fn short_token_ends_the_start_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "secret").unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .args(["serve", "--listen", "127.0.0.1:0", "--region", "us-east-1", "--admin-listen", "127.0.0.1:0"])
        .arg("--admin-token-file")
        .arg(&file)
        .output()
        .await
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("admin.token_file") && log.contains("at least 16") && !log.contains("secret"), "{log}");
}
