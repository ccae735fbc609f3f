//! When the caller leaves, the request to Bedrock ends at once, because generation is paid by the token.

use crate::fixture::*;

#[tokio::test]
async fn a_caller_that_leaves_a_stream_closes_the_upstream_stream() {
    let (simulator, gateway, mut client) = started().await;
    let mut open = simulator.open_streams();
    let mut stream = client.converse_stream(converse_stream("fault.stall.after.3", "Hi")).await.unwrap().into_inner();
    for _ in 0..3 {
        stream.message().await.unwrap().unwrap();
    }
    open.wait_for(|open| *open == 1).await.unwrap();
    drop(stream);
    open.wait_for(|open| *open == 0).await.unwrap();
    let line = gateway.call_line(|_| true).await;
    assert_eq!((&line["status"], &line["events"]), (&"CANCELLED".into(), &3.into()));
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_first_event_closes_the_upstream_stream() {
    let (simulator, gateway, mut client) = started().await;
    let mut open = simulator.open_streams();
    let call = tokio::spawn(async move { client.converse_stream(converse_stream("fault.stall.after.0", "Hi")).await });
    open.wait_for(|open| *open == 1).await.unwrap();
    call.abort();
    open.wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
}

#[tokio::test]
async fn a_caller_that_leaves_a_unary_call_closes_the_upstream_request() {
    let (simulator, gateway, mut client) = started().await;
    let mut open = simulator.open_requests();
    let call = tokio::spawn(async move { client.converse(converse("fault.stall", "Hi")).await });
    open.wait_for(|open| *open == 1).await.unwrap();
    call.abort();
    open.wait_for(|open| *open == 0).await.unwrap();
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
}

#[tokio::test]
async fn a_broken_caller_connection_closes_the_upstream_stream() {
    let (simulator, gateway, _) = started().await;
    let mut open = simulator.open_streams();
    // The client has its own runtime, so that its connection closes with it.
    let address = format!("http://{}", gateway.address);
    let (started, has_started) = tokio::sync::oneshot::channel();
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Client::connect(address).await.unwrap();
            let mut stream =
                client.converse_stream(converse_stream("fault.stall.after.1", "Hi")).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap();
            started.send(()).unwrap();
        });
    });
    has_started.await.unwrap();
    client.join().unwrap();
    open.wait_for(|open| *open == 0).await.unwrap();
}
