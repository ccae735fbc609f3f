//! InvokeModelWithBidirectionalStream: the caller's messages go out as Bedrock takes them, Bedrock's come back as the caller
//! takes them. Nothing is retried: what has been said cannot be said again.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithBidirectionalStream.html>

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_request::Member as Input;
use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelWithBidirectionalStreamRequest, InvokeModelWithBidirectionalStreamResponse,
};
use bytes::Bytes;
use futures::Stream;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

use super::prepare::{begin, record};
use super::runtime::Events;
use super::stream::{Decoded, EventStream};
use super::{Report, initial_metadata, required};
use crate::bedrock::{Subject, Upstream};
use crate::call::Call;
use crate::error::{Failure, Phase};
use crate::telemetry::names;

type Messages = Streaming<InvokeModelWithBidirectionalStreamRequest>;

/// Opens the stream. Returns on Bedrock's 200, since a caller may wait for headers before it sends; so there is no timeout
/// for the first event, and none for silence: people fall silent.
pub(super) async fn run(
    upstream: &Upstream,
    request: Request<Messages>,
) -> Result<Response<Events<InvokeModelWithBidirectionalStreamResponse>>, Status> {
    let (_, extensions, mut messages) = request.into_parts();
    let call = record(&extensions);
    let first = messages.message().await?.unwrap_or_default();
    let (refuse, mut refused) = oneshot::channel();
    let opened = async {
        let model_id = required("modelId", first.model_id.as_deref())?;
        let target = begin(&call, upstream, Subject::Model(model_id), names::CHAT, Vec::new)?;
        let input = Chunks { first: chunk(&first)?, messages, refuse: Some(refuse) };
        tokio::select! {
            answer = call.only(upstream, &target, upstream.bidirectional(&target, input)) => answer,
            Ok(failure) = &mut refused => Err(failure),
        }
    };
    let answer = opened.await.map_err(|failure| call.fail(&failure))?;
    call.answered(&answer.headers);
    call.with(|record| record.facts.phase = Phase::Stream);
    let events = Decoded::<Event>::new(Arc::clone(&call), answer.body).events(None, None);
    let events: Events<_> = Box::pin(Answering {
        events: Some(events),
        // The input may have ended already, and an end is told once.
        refused: (!refused.is_terminated()).then_some(refused),
        call: Arc::clone(&call),
    });
    let mut response = Response::new(events);
    initial_metadata(&call, &answer.headers, response.metadata_mut());
    Ok(response)
}

/// The bytes of a message; the first one may have none.
fn chunk(message: &InvokeModelWithBidirectionalStreamRequest) -> Result<Option<Bytes>, Failure> {
    match &message.member {
        Some(Input::Chunk(part)) => Ok(part.bytes.clone()),
        None => Ok(None),
        // The SDK signs what it has modelled, and nothing else.
        Some(Input::Unrecognized(_)) => Err(Failure::Invalid {
            field: "unrecognized".to_owned(),
            problem: "the bidirectional stream takes chunks only".to_owned(),
        }),
    }
}

/// The caller's chunks, pulled as the connection to Bedrock has room. Its end, the caller's half-close, ends the input.
struct Chunks {
    first: Option<Bytes>,
    messages: Messages,
    /// Where a failure of the caller's side goes. Its other end is gone when the call is, and then the input has to end
    /// too: an HTTP/2 stream is only reset once both of its halves are dropped.
    refuse: Option<oneshot::Sender<Failure>>,
}

impl Stream for Chunks {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // Gone after the end: the SDK polls once more.
        let Some(refuse) = &mut self.refuse else { return Poll::Ready(None) };
        if refuse.poll_closed(cx).is_ready() {
            self.refuse = None;
            return Poll::Ready(None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let failure = match ready!(Pin::new(&mut self.messages).poll_next(cx)) {
                Some(Ok(message)) => match chunk(&message) {
                    Ok(Some(bytes)) => return Poll::Ready(Some(bytes)),
                    Ok(None) => continue,
                    Err(failure) => Some(failure),
                },
                Some(Err(status)) => Some(Failure::Rpc(status)),
                None => None,
            };
            if let (Some(refuse), Some(failure)) = (self.refuse.take(), failure) {
                let _ = refuse.send(failure);
            }
            return Poll::Ready(None);
        }
    }
}

/// Bedrock's events, until the caller's own side fails.
struct Answering {
    events: Option<Events<InvokeModelWithBidirectionalStreamResponse>>,
    refused: Option<oneshot::Receiver<Failure>>,
    call: Arc<Call>,
}

impl Stream for Answering {
    type Item = Result<InvokeModelWithBidirectionalStreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(refused) = &mut self.refused
            && let Poll::Ready(failure) = Pin::new(refused).poll(cx)
        {
            self.refused = None;
            // An error here is an input that has ended as it should.
            if let Ok(failure) = failure {
                self.events = None;
                return Poll::Ready(Some(Err(self.call.fail(&failure))));
            }
        }
        match &mut self.events {
            Some(events) => events.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Report for Event {}

impl EventStream for Event {
    type Message = InvokeModelWithBidirectionalStreamResponse;
    type Progress = ();

    fn message(event: Self) -> InvokeModelWithBidirectionalStreamResponse {
        InvokeModelWithBidirectionalStreamResponse { member: Some(event) }
    }

    fn observe(&self, (): &mut ()) {}

    /// Chunks are opaque and nothing marks the last one: an end between two frames is an end.
    fn complete((): &()) -> Result<(), Failure> {
        Ok(())
    }
}
