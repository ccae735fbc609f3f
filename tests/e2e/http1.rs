//! Endpoints that speak HTTP/1.1 alone: the simulator without TLS, and proxies. All other tests use TLS and HTTP/2.

use bedrock_simulator::Simulator;
use futures::future::join_all;
use tonic::Code;

use crate::fixture::*;

async fn start_over_http1(options: &[&str]) -> (Simulator, Gateway, Client) {
    let simulator = simulator_over_http1().await;
    let builder = options.iter().fold(Gateway::builder(&simulator), |builder, option| builder.arg(option));
    let gateway = builder.start().await;
    let client = gateway.client().await;
    (simulator, gateway, client)
}

#[tokio::test]
async fn unary_calls_and_streams_work_over_http1() {
    let (simulator, _gateway, mut client) = start_over_http1(&[]).await;
    for _ in 0..3 {
        client.converse(converse("demo.model", "Hi")).await.unwrap();
        let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
    }
    assert_eq!(simulator.requests().len(), 6);
}

#[tokio::test]
async fn a_caller_that_leaves_closes_the_http1_connection() {
    let (simulator, _gateway, mut client) = start_over_http1(&[]).await;
    let mut open = simulator.open_streams();
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.1", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    open.wait_for(|open| *open == 1).await.unwrap();
    drop(stream);
    open.wait_for(|open| *open == 0).await.unwrap();
}

#[tokio::test]
async fn broken_http1_connections_are_unavailable() {
    let (simulator, _gateway, mut client) = start_over_http1(&[]).await;
    for (fault, reason_wanted, requests) in
        [("fault.reset", "UNREACHABLE", 2), ("fault.cut.after.0", "STREAM_TRUNCATED", 2)]
    {
        simulator.clear_requests();
        let status = client.converse_stream(converse_stream(fault, "Hi")).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, reason_wanted), "{fault}");
        assert_eq!(simulator.requests().len(), requests, "{fault}");
    }
    client.converse(converse("demo.model", "Hi")).await.unwrap();
}

#[tokio::test]
async fn calls_beyond_the_limit_of_http1_connections_wait_for_one() {
    let (simulator, _gateway, client) = start_over_http1(&["--upstream-http1-connections-per-host", "2"]).await;
    let mut open = simulator.open_requests();
    let most = tokio::spawn(async move {
        let mut most = 0;
        while open.changed().await.is_ok() {
            most = most.max(*open.borrow_and_update());
        }
        most
    });
    let calls = (0..10).map(|_| {
        let mut client = client.clone();
        async move { client.converse(converse("fault.slow.50", "Hi")).await.unwrap() }
    });
    join_all(calls).await;
    drop((_gateway, client));
    simulator.shutdown().await;
    assert!(most.await.unwrap() <= 2);
}
