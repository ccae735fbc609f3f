//! `bedrock-grpc call` with TLS, credentials and the bidirectional stream. `tests/clients/command_line.py` has the rest.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::callers::configured;
use crate::fixture::authority::Authority;
use crate::fixture::*;

const CANCELLED: i32 = 64 + 1;
const UNAVAILABLE: i32 = 64 + 14;
const UNAUTHENTICATED: i32 = 64 + 16;

/// `call` with the address of a gateway, and without this machine's settings.
fn command(operation: &str, address: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BEDROCK_GRPC_")) {
        command.env_remove(name);
    }
    command.args(["call", operation, "-m", "demo.model", "--no-retry", "--address", address]);
    command.kill_on_drop(true);
    command
}

/// Calls Converse.
async fn converse(address: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let request = r#"{"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}"#;
    let mut command = command("Converse", address);
    command.args(arguments).args(["-d", request]).envs(variables.iter().copied());
    command.output().await.unwrap()
}

fn assert_exit(output: &Output, code: i32, error: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(error), "{text}");
}

#[tokio::test]
async fn call_connects_with_tls_and_a_client_certificate() {
    let authority = Authority::new();
    let issued = authority.issue(&["spiffe://prod/ns/search/sa/web"]);
    let prepare = |folder: &Path| {
        authority.write_server_files(folder);
        std::fs::write(folder.join("client.pem"), &issued.certificate).unwrap();
        std::fs::write(folder.join("client.key"), &issued.key).unwrap();
    };
    let configuration = "server:\n  listen: ['127.0.0.1:0']\n  tls: { certificate: server.pem, key: server.key, client_ca: ca.pem }\n\
                         callers:\n  search: { identity: ['spiffe://prod/ns/search/*'] }\n";
    let running = configured(prepare, configuration).await;
    let port = running.gateway.address.rsplit(':').next().unwrap();
    let address = format!("https://localhost:{port}");
    let file = |name: &str| running.folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let options = ["--ca", &ca, "--certificate", &certificate, "--key", &key];
    assert_exit(&converse(&address, &options, &[]).await, 0, "");
    running.gateway.call_line(|line| line["caller"] == "search" && line["status"] == "OK").await;
    // The gateway's certificate is not trusted.
    assert_exit(&converse(&address, &options[2..], &[]).await, UNAVAILABLE, "cannot connect");
    // The gateway closes a connection without a client certificate. With TLS 1.3 that happens after the client's handshake, so the
    // client may have started its call already. hyper cancels a call that was not sent.
    let rejected = converse(&address, &options[..2], &[]).await;
    let code = rejected.status.code().unwrap();
    assert!([UNAVAILABLE, CANCELLED].contains(&code), "{code}: {}", String::from_utf8_lossy(&rejected.stderr));
    assert_exit(&converse(&address, &options[..4], &[]).await, 2, "--key");
    assert_exit(&converse(&address, &["--ca", "/nonexistent"], &[]).await, 1, "/nonexistent");
}

#[tokio::test]
async fn call_sends_an_api_key_and_a_token_from_options_and_variables() {
    let output = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc")).args(["key", "new"]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [key, identity] = lines[..] else { panic!("{text}") };
    let configuration =
        format!("server: {{ listen: ['127.0.0.1:0'] }}\ncallers:\n  batch: {{ identity: [{identity}] }}\n");
    let running = configured(|_| (), &configuration).await;
    let address = format!("http://{}", running.gateway.address);
    for (arguments, variables) in [
        (&["--api-key", key][..], &[][..]),
        (&["--token", key], &[]),
        (&[], &[("BEDROCK_GRPC_API_KEY", key)]),
        (&[], &[("BEDROCK_GRPC_TOKEN", key)]),
    ] {
        assert_exit(&converse(&address, arguments, variables).await, 0, "");
    }
    assert_exit(&converse(&address, &[], &[]).await, UNAUTHENTICATED, "CALLER_UNKNOWN");
    let wrong = converse(&address, &["--api-key", "bgk_wrong"], &[]).await;
    assert_exit(&wrong, UNAUTHENTICATED, "CALLER_UNKNOWN");
    assert!(!String::from_utf8_lossy(&wrong.stderr).contains("bgk_wrong"), "the error repeats the key");
}

#[tokio::test]
async fn call_sends_each_line_of_a_bidirectional_stream_and_prints_each_event_as_it_comes() {
    let (_simulator, gateway, _) = started().await;
    let mut command = command("InvokeModelWithBidirectionalStream", &format!("http://{}", gateway.address));
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut events = BufReader::new(process.stdout.take().unwrap()).lines();
    for bytes in ["b25l", "dHdv"] {
        let line = format!(r#"{{"chunk":{{"bytes":"{bytes}"}}}}"#);
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        assert_eq!(events.next_line().await.unwrap(), Some(line));
    }
    drop(input);
    assert_eq!(events.next_line().await.unwrap(), None);
    assert!(process.wait().await.unwrap().success());
}
