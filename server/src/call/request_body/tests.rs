//! Tests of the request body: framing, and time with a paused clock.

use bedrock_grpc_schema::operation::OPERATIONS;
use futures::channel::mpsc;
use http_body_util::StreamBody;

use super::*;
use crate::admission::AdmissionSettings;
use crate::call::options::CallOptions;
use crate::call::{CallSettings, Shutdown};

type FrameSender = mpsc::UnboundedSender<Result<Frame<Bytes>, Status>>;

/// A bounded body, the sender of its frames, and the call.
fn bounded(client_streams: bool) -> (Body, FrameSender, Arc<Call>) {
    let (sender, frames) = mpsc::unbounded();
    let call = Call::start(
        "/",
        &HeaderMap::new(),
        CallSettings::default(),
        Shutdown::default(),
        None,
        CallOptions::default(),
        Arc::default(),
    );
    let admission = Admission::new(AdmissionSettings { max_bytes_in_flight: 1 << 30, ..AdmissionSettings::default() });
    let body = Body::new(StreamBody::new(frames));
    let operation = OPERATIONS.iter().find(|operation| client_streams && operation.stream == StreamKind::Both).copied();
    (bound_body(&mut HeaderMap::new(), body, &call, &admission, operation), sender, call)
}

fn data(bytes: &[u8]) -> Result<Frame<Bytes>, Status> {
    Ok(Frame::data(Bytes::copy_from_slice(bytes)))
}

/// Reads a body to its end, or to its failure.
async fn read(body: Body, call: &Call) -> Result<Vec<u8>, Failure> {
    let collected = body.collect().await;
    collected.map(|body| body.to_bytes().to_vec()).map_err(|status| call.failure_of(status))
}

#[tokio::test]
async fn a_message_passes_unchanged_however_it_is_split() {
    let mut message = vec![0, 0, 3, 0, 0];
    message.resize(PREFIX_BYTES + 3 * 65_536, b'x');
    for size in [1000, 16_384, message.len()] {
        let (body, sender, call) = bounded(false);
        message.chunks(size).for_each(|part| sender.unbounded_send(data(part)).unwrap());
        drop(sender);
        assert_eq!(read(body, &call).await.unwrap(), message, "{size}");
    }
    let (body, sender, call) = bounded(false);
    let small = [0, 0, 0, 0, 2, b'a', b'b'];
    small.chunks(1).for_each(|part| sender.unbounded_send(data(part)).unwrap());
    drop(sender);
    assert_eq!(read(body, &call).await.unwrap(), small);
}

#[tokio::test]
async fn many_messages_pass_on_a_method_that_takes_them_and_fail_on_another() {
    let two = [0, 0, 0, 0, 1, b'a', 0, 0, 0, 0, 1, b'b'];
    for client_streams in [true, false] {
        let (body, sender, call) = bounded(client_streams);
        sender.unbounded_send(data(&two)).unwrap();
        drop(sender);
        match read(body, &call).await {
            Ok(read) => assert!(client_streams && read == two),
            Err(failure) => assert!(!client_streams && matches!(failure, Failure::MalformedMessage(_))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_times_out() {
    let (body, sender, call) = bounded(false);
    sender.unbounded_send(data(&[0, 0, 1, 0, 0, b'x'])).unwrap();
    let trickle = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.unbounded_send(data(b"x")).unwrap();
        }
    };
    let started = Instant::now();
    let outcome = tokio::select! { outcome = read(body, &call) => outcome, () = trickle => unreachable!() };
    assert!(matches!(outcome, Err(Failure::RequestTimeout(_))), "{outcome:?}");
    assert!(started.elapsed() <= call.settings.timeouts.request_body + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_times_out() {
    let (body, _sender, call) = bounded(false);
    assert!(matches!(read(body, &call).await, Err(Failure::RequestTimeout(_))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_that_makes_progress_passes() {
    let (body, sender, call) = bounded(false);
    sender.unbounded_send(data(&[0, 0, 2, 0, 0])).unwrap();
    let upload = async {
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_secs(28)).await;
            sender.unbounded_send(data(&[b'x'; 16_384])).unwrap();
        }
        drop(sender);
    };
    let (outcome, ()) = tokio::join!(read(body, &call), upload);
    assert_eq!(outcome.unwrap().len(), PREFIX_BYTES + 2 * 65_536);
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_messages_of_a_bidirectional_stream_does_not_time_out() {
    let (mut body, sender, _call) = bounded(true);
    sender.unbounded_send(data(&[0, 0, 0, 0, 1, b'a'])).unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    let paused = tokio::time::timeout(Duration::from_secs(3600), body.frame()).await;
    assert!(paused.is_err(), "the pause ended the stream");
}

#[tokio::test]
async fn the_callers_reset_and_an_early_end_are_distinguished() {
    let (body, sender, call) = bounded(false);
    sender.unbounded_send(data(&[0, 0, 0, 0, 9, b'x'])).unwrap();
    sender.unbounded_send(Err(Status::unknown("reset"))).unwrap();
    assert!(matches!(read(body, &call).await, Err(Failure::CallerLeft)));
    let (body, sender, call) = bounded(false);
    sender.unbounded_send(data(&[0, 0, 0, 0, 9, b'x'])).unwrap();
    drop(sender);
    assert!(matches!(read(body, &call).await, Err(Failure::MalformedMessage(_))));
}

#[test]
fn a_charged_field_covers_the_largest_elements_of_lists() {
    use bedrock_grpc_schema::runtime::v1::{ContentBlock, Message, SystemContentBlock, Tool, ToolResultContentBlock};
    let sizes = [
        size_of::<ContentBlock>(),
        size_of::<Message>(),
        size_of::<SystemContentBlock>(),
        size_of::<Tool>(),
        size_of::<ToolResultContentBlock>(),
        size_of::<prost_types::Value>(),
    ];
    assert!(sizes.iter().all(|size| *size <= DECODED_FIELD_BYTES), "{sizes:?}");
}
