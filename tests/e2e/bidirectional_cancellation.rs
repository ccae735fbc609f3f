//! Bidirectional calls that end while their input waits: Bedrock does not read, so the window of the request is used up.

use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_request::Member;
use bedrock_grpc_schema::runtime::v1::{BidirectionalInputPayloadPart, InvokeModelWithBidirectionalStreamRequest};
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, SendStream};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::fixture::*;

/// Maximum time for a step of these tests. It is long enough for a machine under load, and it ends a test whose call hangs.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What the endpoint sees of a bidirectional call.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// The gateway has used up the window of the request.
    WindowIsFull,
    Reset(Reason),
}

/// An endpoint that responds to Converse, and that never reads the input of a bidirectional call.
async fn endpoint() -> (Http2Endpoint, mpsc::Receiver<Event>) {
    let (events, received) = mpsc::channel(8);
    let endpoint = Http2Endpoint::start(move |mut call| {
        let events = events.clone();
        async move {
            if call.model() == "m" {
                return call.respond_converse();
            }
            let mut stream = call.respond_ok("application/vnd.amazon.eventstream");
            let full = async {
                while call.request.body_mut().flow_control().available_capacity() > 0 {
                    sleep(Duration::from_millis(10)).await;
                }
                events.send(Event::WindowIsFull).await.unwrap();
                std::future::pending().await
            };
            let reset = std::future::poll_fn(|cx| stream.poll_reset(cx));
            let reason = tokio::select! {
                reason = reset => reason.unwrap(),
                () = full => unreachable!("it is pending"),
            };
            events.send(Event::Reset(reason)).await.unwrap();
        }
    });
    (endpoint.await, received)
}

/// Opens a call whose input is larger than the window.
async fn open(gateway: &Gateway, headers: &[(&str, &str)]) -> (ResponseFuture, SendStream<Bytes>) {
    let request = raw::post(gateway, "InvokeModelWithBidirectionalStream");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut sender = raw::connect(gateway).await;
    let (response, mut input) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    let first = InvokeModelWithBidirectionalStreamRequest { model_id: Some("deaf".to_owned()), member: None };
    let part = BidirectionalInputPayloadPart { bytes: Some(vec![7; 500_000].into()), ..Default::default() };
    let chunk = InvokeModelWithBidirectionalStreamRequest { model_id: None, member: Some(Member::Chunk(part)) };
    for message in [first, chunk] {
        let message = message.encode_to_vec();
        input.send_data(raw::framed(0, message.len(), &message), false).unwrap();
    }
    (response, input)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    timeout(MAX_WAIT, events.recv()).await.expect("nothing happens at the endpoint").unwrap()
}

/// Ordinary calls use the same connection and go on.
async fn assert_ordinary_calls_work(endpoint: &Http2Endpoint, gateway: &Gateway) {
    let mut client = gateway.client().await;
    let call = client.converse(converse("m", "Hi"));
    let response = timeout(MAX_WAIT, call).await.expect("the call hangs").unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "1");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn cancelled_call_with_waiting_input_is_reset() {
    let (endpoint, mut events) = endpoint().await;
    let gateway = endpoint.gateway().start().await;
    for _ in 0..3 {
        let (response, mut input) = open(&gateway, &[]).await;
        let _response = response.await.unwrap();
        assert_eq!(next(&mut events).await, Event::WindowIsFull);
        input.send_reset(Reason::CANCEL);
        assert_eq!(next(&mut events).await, Event::Reset(Reason::CANCEL));
        assert_ordinary_calls_work(&endpoint, &gateway).await;
    }
    gateway.call_line(|line| line["status"] == "CANCELLED").await;
}

#[tokio::test]
async fn expired_call_with_waiting_input_is_reset() {
    let (endpoint, mut events) = endpoint().await;
    let gateway = endpoint.gateway().start().await;
    for _ in 0..2 {
        let _call = open(&gateway, &[("grpc-timeout", "2S")]).await;
        // On a slow machine the deadline may expire before the window is full.
        while next(&mut events).await == Event::WindowIsFull {}
        assert_ordinary_calls_work(&endpoint, &gateway).await;
    }
    gateway.call_line(|line| line["status"] == "DEADLINE_EXCEEDED").await;
}
