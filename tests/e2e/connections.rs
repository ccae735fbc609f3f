//! The connections to Bedrock over TLS and HTTP/2: how calls share them, and what happens when they fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::InvokeModelWithBidirectionalStreamRequest;
use bedrock_simulator::frames;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use h2::Reason;
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, mpsc};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::fixture::*;

/// Maximum time for a step of these tests. It is long enough for a machine under load, and it ends a test whose call hangs.
const MAX_WAIT: Duration = Duration::from_secs(60);

async fn attempts_of(client: &mut Client, model: &str) -> Result<String, Status> {
    let response = timeout(MAX_WAIT, client.converse(converse(model, "Hi"))).await.expect("the call hangs")?;
    Ok(response.metadata().get("bedrock-grpc-attempts").unwrap().to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_at_once_share_as_many_connections_as_their_streams_need() {
    const CALLS: usize = 1000;
    // The endpoint responds when all requests have arrived. On one connection of 100 streams they would never all arrive.
    let arrived = Arc::new(Barrier::new(CALLS));
    let per_connection: Arc<[AtomicUsize; 64]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let counts = Arc::clone(&per_connection);
    let endpoint = Http2Endpoint::start(move |mut call| {
        counts[call.socket.number].fetch_add(1, Ordering::SeqCst);
        let arrived = Arc::clone(&arrived);
        async move {
            arrived.wait().await;
            call.respond_converse();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    // The gateway allows 200 calls on each of its callers' connections.
    let channels = join_all((0..10).map(|_| gateway.client())).await;
    let calls = (0..CALLS).map(|n| {
        let mut client = channels[n % channels.len()].clone();
        async move { attempts_of(&mut client, "m").await }
    });
    for attempts in join_all(calls).await {
        assert_eq!(attempts.unwrap(), "1");
    }
    let counts: Vec<_> = per_connection.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    assert!(counts.iter().all(|count| *count <= 100), "{counts:?}");
    assert!((10..=20).contains(&endpoint.connections()), "{} connections", endpoint.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_do_not_read_their_streams_block_no_other_call() {
    let endpoint = Http2Endpoint::start(|mut call| async move {
        if call.model() != "endless" {
            return call.respond_converse();
        }
        let mut stream = call.respond_ok("application/vnd.amazon.eventstream");
        let text = "x".repeat(8 * 1024);
        let delta = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{text}"}}}}"#);
        let event = frames::event("contentBlockDelta", delta.as_bytes());
        // Sends as much as the gateway's windows allow, for as long as the stream is open.
        loop {
            stream.reserve_capacity(event.len());
            match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(capacity)) if capacity >= event.len() => {
                    if stream.send_data(event.clone(), false).is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                _ => return,
            }
        }
    })
    .await;
    // The endpoint is in this process and has 40 busy streams, so it may respond to a PING late.
    let gateway = endpoint.gateway().arg("--upstream-ping-timeout=2m").start().await;
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let mut stream =
            gateway.client().await.converse_stream(converse_stream("endless", "Hi")).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        stalled.push(stream);
    }
    let mut client = gateway.client().await;
    for _ in 0..10 {
        attempts_of(&mut client, "m").await.unwrap();
    }
    // The calls shared the connection of the streams that stall.
    assert!(endpoint.connections() <= 2, "{} connections", endpoint.connections());
    drop(stalled);
    endpoint.open_streams().wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_replaced_and_its_calls_are_sent_again() {
    const CALLS: usize = 5;
    let arrived = Arc::new(Barrier::new(CALLS));
    let endpoint = Http2Endpoint::start(move |mut call| {
        let arrived = Arc::clone(&arrived);
        async move {
            if call.socket.number == 0 {
                arrived.wait().await;
                call.socket.fall_silent();
                std::future::pending::<()>().await;
            }
            call.respond_converse();
        }
    })
    .await;
    let options = ["--upstream-ping-interval", "300ms", "--upstream-ping-timeout", "700ms"];
    let gateway = options.into_iter().fold(endpoint.gateway(), |gateway, arg| gateway.arg(arg)).start().await;
    let client = gateway.client().await;
    let call = |_| {
        let mut client = client.clone();
        async move { attempts_of(&mut client, "m").await.unwrap() }
    };
    assert_eq!(join_all((0..CALLS).map(call)).await, ["2"; CALLS]);
    assert_eq!(join_all((0..CALLS).map(call)).await, ["1"; CALLS]);
    assert!(endpoint.connections() >= 2);
}

#[tokio::test]
async fn after_goaway_running_calls_finish_and_new_ones_take_another_connection() {
    let (finish, mut finished) = mpsc::channel(1);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let finish = finish.clone();
        async move {
            if call.model() == "slow" {
                call.socket.go_away();
                let (release, released) = tokio::sync::oneshot::channel::<()>();
                finish.send(release).await.unwrap();
                released.await.unwrap();
            }
            let mut stream = call.respond_ok("application/json");
            let body = format!(r#"{{"stopReason":"{}"}}"#, call.socket.number);
            stream.send_data(body.into(), true).unwrap();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    let client = gateway.client().await;
    let converse_on = |model: &'static str| {
        let mut client = client.clone();
        async move { client.converse(converse(model, "Hi")).await.unwrap().into_inner().stop_reason.unwrap() }
    };
    let slow = tokio::spawn(converse_on("slow"));
    let release = finished.recv().await.unwrap();
    // The peer has announced GOAWAY; the gateway may see it a moment later, and then sends the call again by itself.
    while converse_on("m").await == "0" {}
    release.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), "0");
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_and_costs_no_attempt() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        async move { if n < 2 { call.respond.send_reset(Reason::REFUSED_STREAM) } else { call.respond_converse() } }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    assert_eq!(attempts_of(&mut gateway.client().await, "m").await.unwrap(), "1");
    assert_eq!(refused.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_error_that_comes_before_the_request_is_read_is_the_callers_status() {
    let endpoint = Http2Endpoint::start(|mut call| async move {
        let response = Response::builder().status(400).header("x-amzn-errortype", "ValidationException").body(());
        let mut stream = call.respond.send_response(response.unwrap(), false).unwrap();
        // The call is dropped after this, so the rest of the request is reset with NO_ERROR (RFC 9113, section 8.1).
        stream.send_data(Bytes::from_static(br#"{"message":"too long"}"#), true).unwrap();
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    // Larger than the window that the endpoint opens for a request.
    let long = "x".repeat(1_000_000);
    let status = gateway.client().await.converse(converse("m", &long)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "too long"));
}

#[tokio::test]
async fn a_caller_that_leaves_resets_its_stream_and_the_connection_is_kept() {
    let (reset, mut resets) = mpsc::channel(1);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let reset = reset.clone();
        async move {
            if call.model() == "m" {
                return call.respond_converse();
            }
            reset.send("open").await.unwrap();
            call.reset().await;
            reset.send("reset").await.unwrap();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    for _ in 0..3 {
        let mut client = gateway.client().await;
        // A request that is only half sent, since the endpoint does not read it.
        let long = "x".repeat(1_000_000);
        let call = tokio::spawn(async move { client.converse(converse("never", &long)).await });
        assert_eq!(resets.recv().await, Some("open"));
        call.abort();
        assert_eq!(timeout(MAX_WAIT, resets.recv()).await.expect("the stream stays open"), Some("reset"));
    }
    assert_eq!(attempts_of(&mut gateway.client().await, "m").await.unwrap(), "1");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn a_connection_retires_by_age_and_its_running_call_finishes() {
    let (finish, mut finished) = mpsc::channel(1);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let finish = finish.clone();
        async move {
            if call.model() == "slow" {
                let (release, released) = tokio::sync::oneshot::channel::<()>();
                finish.send(release).await.unwrap();
                released.await.unwrap();
            }
            call.respond_converse();
        }
    })
    .await;
    let options = ["--upstream-max-age", "300ms", "--upstream-ping-interval", "100ms"];
    let gateway = options.into_iter().fold(endpoint.gateway(), |gateway, arg| gateway.arg(arg)).start().await;
    let mut client = gateway.client().await;
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { attempts_of(&mut slow, "slow").await });
    let release = finished.recv().await.unwrap();
    while endpoint.connections() < 2 {
        attempts_of(&mut client, "m").await.unwrap();
    }
    release.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn response_without_length_is_complete_although_its_first_frame_is_empty() {
    let endpoint = Http2Endpoint::start(|mut call| async move {
        let mut stream = call.respond_ok("application/json");
        stream.send_data(Bytes::new(), false).unwrap();
        stream.send_data(Bytes::from_static(br#"{"stopReason":"#), false).unwrap();
        stream.send_data(Bytes::from_static(br#""end_turn"}"#), true).unwrap();
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    let response = gateway.client().await.converse(converse("m", "Hi")).await.unwrap().into_inner();
    assert_eq!(response.stop_reason.as_deref(), Some("end_turn"));
}

#[tokio::test]
async fn an_error_body_without_end_is_cut_and_its_stream_reset() {
    let (reset, mut resets) = mpsc::channel(1);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let reset = reset.clone();
        async move {
            let response = Response::builder().status(400).header("x-amzn-errortype", "ValidationException").body(());
            let mut stream = call.respond.send_response(response.unwrap(), false).unwrap();
            let mut sent = 0;
            loop {
                stream.reserve_capacity(16 * 1024);
                let Some(Ok(capacity)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
                sent += capacity;
                if stream.send_data(Bytes::from(vec![b' '; capacity]), false).is_err() {
                    break;
                }
            }
            reset.send(sent).await.unwrap();
        }
    })
    .await;
    let gateway = endpoint.gateway().start().await;
    let status = timeout(MAX_WAIT, async { gateway.client().await.converse(converse("m", "Hi")).await }).await;
    assert_eq!(reason(&status.expect("the call hangs").unwrap_err()), "VALIDATION");
    let sent = timeout(MAX_WAIT, resets.recv()).await.expect("the stream stays open").unwrap();
    assert!(sent < 2_000_000, "{sent} bytes of an error were taken");
}

/// A proxy that supports only CONNECT, and the number of requests that it received with `proxy-authorization`.
async fn connect_proxy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let used = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&used);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
                assert!(head.to_lowercase().contains(&"proxy-authorization: Basic dXNlcjpwYXNz".to_lowercase()));
                count.fetch_add(1, Ordering::SeqCst);
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, used)
}

#[tokio::test]
async fn a_proxy_is_used_by_connect_unless_no_proxy_names_the_host() {
    let endpoint = Http2Endpoint::start(|mut call| async move { call.respond_converse() }).await;
    let (port, used) = connect_proxy().await;
    let proxy = format!("http://user:pass@127.0.0.1:{port}");
    let gateway = endpoint.gateway().env("HTTPS_PROXY", &proxy).start().await;
    attempts_of(&mut gateway.client().await, "m").await.unwrap();
    assert_eq!(used.load(Ordering::SeqCst), 1);
    let gateway = endpoint.gateway().env("HTTPS_PROXY", &proxy).env("NO_PROXY", "localhost").start().await;
    attempts_of(&mut gateway.client().await, "m").await.unwrap();
    assert_eq!(used.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn https_endpoint_without_http2_gives_no_http2_at_once() {
    let limits = Limits { alpn: b"http/1.1", streams: 1 };
    let endpoint = Http2Endpoint::start_with(limits, |_| async {}).await;
    let gateway = endpoint.gateway().start().await;
    let first = InvokeModelWithBidirectionalStreamRequest { model_id: Some("m".to_owned()), member: None };
    // The caller keeps its side open, as people do who talk.
    let input = futures::stream::iter([first]).chain(futures::stream::pending());
    let call = async { gateway.client().await.invoke_model_with_bidirectional_stream(input).await };
    let status = timeout(MAX_WAIT, call).await.expect("the call hangs").unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_HTTP2"));
}
