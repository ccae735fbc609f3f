//! Listening, reflection, raw HTTP/2, and shutdown.

use std::future::Future as _;
use std::time::Duration;

use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::*;

#[tokio::test]
async fn an_early_failure_is_one_headers_frame_with_end_stream() {
    let (_simulator, gateway, _) = started().await;
    for fault in ["fault.validation", "fault.throttling-daily", "fault.validation.after.0", "fault.model-timeout"] {
        let request = converse_stream(fault, "Hi").encode_to_vec();
        let response = raw::send_message(&gateway, &raw::path("ConverseStream"), &[], &request).await;
        assert!(response.body().is_end_stream(), "{fault}: headers did not end the stream");
        let headers = response.headers();
        assert!(headers.contains_key("grpc-status") && headers.contains_key("grpc-status-details-bin"), "{headers:?}");
        assert_ne!(headers["grpc-status"], "0");
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(size < 8 * 1024, "{size} bytes of headers");
    }
}

#[tokio::test]
async fn a_success_starts_with_headers_that_do_not_end_the_stream() {
    let (_simulator, gateway, _) = started().await;
    let response = raw::send_message(
        &gateway,
        &raw::path("ConverseStream"),
        &[],
        &converse_stream("demo.model", "Hi").encode_to_vec(),
    )
    .await;
    assert!(!response.body().is_end_stream());
    assert!(!response.headers().contains_key("grpc-status"));
    let response = raw::read_response(response).await;
    assert_eq!(response.status.code(), Code::Ok);
    assert!(response.messages > 10);
}

#[tokio::test]
async fn statuses_of_tonic_get_details() {
    let (simulator, gateway, mut client) = started().await;
    let too_large = client.converse(converse("demo.model", &"x".repeat(33 << 20))).await.unwrap_err();
    assert_eq!((too_large.code(), reason(&too_large).as_str()), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
    for (path, message, code, reason) in [
        (
            "/bedrock.runtime.v1.BedrockRuntimeService/Converse",
            &b"\xff\xff\xff"[..],
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
        ),
        ("/bedrock.runtime.v1.BedrockRuntimeService/NoSuchMethod", b"", Code::Unimplemented, "UNIMPLEMENTED"),
        ("/bedrock.runtime.v2.NoSuchService/Converse", b"", Code::Unimplemented, "UNIMPLEMENTED"),
        ("/some.other.Service/Method", b"", Code::Unimplemented, "UNIMPLEMENTED"),
    ] {
        let status = raw::read_response(raw::send_message(&gateway, path, &[], message).await).await.status;
        assert_eq!((status.code(), crate::fixture::reason(&status).as_str()), (code, reason), "{path}");
        assert!(!status.message().is_empty(), "{path} has no message");
    }
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn a_response_above_the_message_limit_is_resource_exhausted() {
    let (simulator, _gateway, mut client) = started().await;
    let body = format!(r#"{{"output":{{"message":{{"content":[{{"text":"{}"}}]}}}}}}"#, "x".repeat(33 << 20));
    simulator.script(bedrock_simulator::Answer::json(http::StatusCode::OK, body));
    let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "RESPONSE_TOO_LARGE"));
}

#[tokio::test]
async fn reflection_returns_the_schema_with_comments_in_both_versions() {
    let (_simulator, gateway, _) = started().await;
    macro_rules! reflect {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let mut client = ServerReflectionClient::new(gateway.channel().await);
            let reflect = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
            let requests = [
                reflect(MessageRequest::ListServices(String::new())),
                reflect(MessageRequest::FileContainingSymbol("bedrock.runtime.v1.BedrockRuntimeService".into())),
            ];
            let mut responses =
                client.server_reflection_info(futures::stream::iter(requests)).await.unwrap().into_inner();
            let Some(MessageResponse::ListServicesResponse(services)) =
                responses.message().await.unwrap().unwrap().message_response
            else {
                panic!("no list")
            };
            let names: Vec<_> = services.service.into_iter().map(|s| s.name).collect();
            assert!(names.contains(&"bedrock.runtime.v1.BedrockRuntimeService".to_owned()), "{names:?}");
            assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
            let Some(MessageResponse::FileDescriptorResponse(files)) =
                responses.message().await.unwrap().unwrap().message_response
            else {
                panic!("no file")
            };
            let file = prost_types::FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
            let comments = file.source_code_info.unwrap().location;
            assert!(comments.iter().any(|l| l.leading_comments().contains("Sends messages to a model")));
        }};
    }
    reflect!(v1);
    reflect!(v1alpha);
}

#[tokio::test]
async fn a_unix_socket_serves_and_a_stale_one_is_replaced() {
    let simulator = simulator().await;
    let path = std::env::temp_dir().join(format!("bedrock-grpc-{}.sock", std::process::id()));
    let listen = path.to_str().unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut gateway = Gateway::builder(&simulator).env("BEDROCK_GRPC_LISTEN", listen).start().await;
    let client = bedrock_grpc_client::Client::connect(format!("unix:{listen}")).await.unwrap();
    let response = client.converse(converse("demo.model", "Hi")).await.unwrap();
    assert!(response.request_id().is_some());
    assert!(UnixStream::connect(&path).await.is_ok());
    gateway.terminate();
    assert!(gateway.process.wait().await.unwrap().success());
    assert!(!path.exists());
}

#[tokio::test]
async fn unix_socket_accepts_a_percent_encoded_path_as_authority() {
    let simulator = simulator().await;
    let path = std::env::temp_dir().join(format!("bedrock-grpc-{}-authority.sock", std::process::id()));
    let _gateway = Gateway::builder(&simulator).env("BEDROCK_GRPC_LISTEN", path.to_str().unwrap()).start().await;
    let mut socket = UnixStream::connect(&path).await.unwrap();
    // The preface, empty SETTINGS, and HEADERS as grpc-python sends them. No library for Rust writes such an authority.
    let block = b"@\x05:path\x1c/grpc.health.v1.Health/Check@\n:authority\x0ctmp%2Fa.sock\
        \x83\x86@\x0ccontent-type\x10application/grpc@\x02te\x08trailers";
    let headers = [&[0, 0, u8::try_from(block.len()).unwrap(), 1, 4, 0, 0, 0, 1][..], block].concat();
    let message = b"\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    socket.write_all(&[&preface[..], &headers, message].concat()).await.unwrap();
    // The first frame of the stream has the response headers.
    let (mut frame, mut payload) = ([0; 9], Vec::new());
    while frame[8] != 1 {
        socket.read_exact(&mut frame).await.unwrap();
        payload.resize(usize::from(frame[1]) << 8 | usize::from(frame[2]), 0);
        socket.read_exact(&mut payload).await.unwrap();
    }
    let (headers, indexed_status_200) = (1, 0x88);
    assert_eq!((frame[3], payload[0]), (headers, indexed_status_200), "{frame:?} {payload:?}");
}

/// Starts `serve` with this address, which must fail, and returns the output.
async fn failed_start(listen: &str) -> String {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .args(["serve", "--listen", listen])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await.expect("it started").unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn address_in_use_is_an_error_at_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = failed_start(&address).await;
    assert!(error.contains("cannot listen on") && error.contains(&address), "{error}");
}

#[tokio::test]
async fn regular_file_at_the_path_of_the_socket_is_an_error_at_start_and_is_kept() {
    let path = std::env::temp_dir().join(format!("bedrock-grpc-{}.txt", std::process::id()));
    std::fs::write(&path, "precious").unwrap();
    let error = failed_start(path.to_str().unwrap()).await;
    assert!(error.contains("cannot listen on") && error.contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn empty_socket_path_is_an_error_at_start() {
    let error = failed_start("unix:").await;
    assert!(error.contains("--listen") && error.contains("path of a Unix socket"), "{error}");
}

#[tokio::test]
async fn new_instance_takes_over_the_unix_socket_while_the_old_one_drains() {
    let simulator = simulator().await;
    let path = std::env::temp_dir().join(format!("bedrock-grpc-{}-restart.sock", std::process::id()));
    let listen = path.to_str().unwrap();
    let start = || Gateway::builder(&simulator).env("BEDROCK_GRPC_LISTEN", listen).start();
    let mut old = start().await;
    let client = bedrock_grpc_client::Client::connect(format!("unix:{listen}")).await.unwrap();
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.2", "Hi")).await.unwrap();
    stream.next_event().await.unwrap().unwrap();
    old.terminate();
    // The old instance removes its file when the drain starts, while its stream still runs.
    while path.exists() {
        tokio::task::yield_now().await;
    }
    let new = start().await;
    drop((stream, client));
    assert!(old.process.wait().await.unwrap().success());
    let client = bedrock_grpc_client::Client::connect(format!("unix:{listen}")).await.unwrap();
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    drop(new);
}

#[tokio::test]
async fn sigterm_lets_running_streams_finish_within_the_grace() {
    let (simulator, mut gateway, mut client) = started().await;
    let mut health = HealthClient::new(gateway.channel().await);
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let io = TcpStream::connect(&gateway.address).await.unwrap();
    let (_sender, mut connection) = h2::client::handshake(io).await.unwrap();

    let mut stream =
        client.converse_stream(converse_stream("fault.slow.1", "Tell me a long story")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    gateway.terminate();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop(states);
    // An idle connection gets GOAWAY with NO_ERROR, so it ends cleanly.
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut connection).poll(cx)).await.unwrap();
    while stream.message().await.unwrap().is_some() {}
    drop((stream, client, health));
    assert!(gateway.process.wait().await.unwrap().success());
    assert_eq!(*simulator.open_streams().borrow(), 0);
}

#[tokio::test]
async fn calls_that_were_sent_before_the_client_read_goaway_are_served() {
    let (_simulator, mut gateway, mut client) = started().await;
    let mut health = HealthClient::new(gateway.channel().await);
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stalled = client.converse_stream(converse_stream("fault.stall.after.2", "Hi")).await.unwrap();
    let (mut sender, may_read) = raw::connect_with_gate(&gateway).await;
    let request = converse("demo.model", "Hi").encode_to_vec();
    // A response means that the gateway has received the client's preface. A shutdown closes connections without a preface.
    let (response, mut body) = sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
    body.send_data(raw::framed(0, request.len(), &request), true).unwrap();
    raw::read_response(response.await.unwrap()).await;
    sender = sender.ready().await.unwrap();

    may_read.send(false).unwrap();
    gateway.terminate();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // The listener is closed after the drain has started.
    while TcpStream::connect(&gateway.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let (response, mut body) = sender.send_request(raw::post(&gateway, "Converse").body(()).unwrap(), false).unwrap();
    body.send_data(raw::framed(0, request.len(), &request), true).unwrap();
    // The connection's task sends the request when it is polled, and it can't read anything until the gate opens.
    tokio::task::yield_now().await;
    may_read.send(true).unwrap();
    let response = raw::read_response(response.await.unwrap()).await;
    assert_eq!((response.status.code(), response.messages), (Code::Ok, 1), "{:?}", response.status);
    drop((stalled, client, states, health, sender));
    assert!(gateway.process.wait().await.unwrap().success());
}

#[tokio::test]
async fn calls_that_outlive_the_grace_period_end_as_draining() {
    let simulator = simulator().await;
    let mut gateway = Gateway::builder(&simulator).arg("--grace").arg("100ms").start().await;
    let mut client = gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.2", "Hi")).await.unwrap().into_inner();
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    gateway.terminate();
    let status = stream.message().await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"));
    assert_eq!(trailer(&status, "grpc-retry-pushback-ms"), Some("50"));
    drop((stream, client));
    assert!(gateway.process.wait().await.unwrap().success());
    simulator.open_streams().wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test]
async fn health_watches_and_idle_connections_do_not_delay_shutdown() {
    let simulator = simulator().await;
    let mut gateway = Gateway::builder(&simulator).arg("--grace").arg("1h").start().await;
    let mut health = HealthClient::new(gateway.channel().await);
    let mut states = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let _silent = TcpStream::connect(&gateway.address).await.unwrap();
    gateway.terminate();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let ended = states.message().await.unwrap_err();
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unavailable, "DRAINING"));
    assert!(gateway.process.wait().await.unwrap().success());
}
