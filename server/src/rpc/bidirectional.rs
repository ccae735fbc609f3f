//! InvokeModelWithBidirectionalStream. Bedrock's reads drive the caller's messages, and the caller's reads drive Bedrock's
//! events. Nothing is retried, because sent input cannot be sent again.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithBidirectionalStream.html>

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bedrock_grpc_schema::operation::OperationRequest as _;
use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_request::Member as Input;
use bedrock_grpc_schema::runtime::v1::invoke_model_with_bidirectional_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    InvokeModelWithBidirectionalStreamRequest, InvokeModelWithBidirectionalStreamResponse,
};
use bytes::Bytes;
use futures::Stream;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

use super::events::{EventReader, Messages, StreamEvent};
use super::metadata::insert_initial_metadata;
use super::prepare::{call_from_extensions, start_span};
use super::request::require_path_member;
use super::stream::ResponseStream;
use super::usage::ReportsUsage;
use crate::bedrock::{RequestTemplate, Subject};
use crate::call::{Call, Phase};
use crate::error::Failure;
use crate::routing::Bedrock;
use crate::telemetry::names;

type RequestStream = Streaming<InvokeModelWithBidirectionalStreamRequest>;

/// Opens the stream. Returns when Bedrock has responded with 200, because a caller may wait for headers before it sends. For
/// the same reason there is no timeout for the first event. There is no idle timeout either, because people pause while they
/// talk.
pub(super) async fn run_bidirectional(
    bedrock: &Bedrock,
    request: Request<RequestStream>,
) -> Result<Response<ResponseStream<InvokeModelWithBidirectionalStreamResponse>>, Status> {
    let (_, extensions, mut messages) = request.into_parts();
    let call = call_from_extensions(&extensions);
    let mut first = messages.message().await?.unwrap_or_default();
    let (input_failed, mut input_failure) = oneshot::channel();
    let opened = async {
        let model_id = require_path_member("modelId", first.model_id.as_deref())?;
        let model_id = model_id.to_owned();
        let subject = Subject::Model(&model_id);
        start_span(&call, subject, names::CHAT, true, Vec::new);
        let caller = call.caller()?;
        let operation = InvokeModelWithBidirectionalStreamRequest::OPERATION.name;
        let mut authorized = bedrock.authorize(&call.policy, caller, operation, subject)?;
        if let Some(guardrail) = &caller.guardrail {
            // The operation has no guardrail.
            return Err(Failure::GuardrailNotAllowed { required: guardrail.id.clone() });
        }
        let chunk = chunk_bytes(&first, &model_id)?;
        // The gateway does not keep the input that it has sent, so it cannot send the input to another target.
        authorized.keep_one_target();
        if let Some(model) = authorized.models().next() {
            first.model_id = Some(model.clone());
        }
        let request = RequestTemplate::new(&first)?;
        let mut chosen = authorized.candidates().remaining().first();
        let candidate = chosen.candidate;
        let input =
            InputChunks { first: chunk, model_id, messages, call: Arc::clone(&call), input_failed: Some(input_failed) };
        tokio::select! {
            response = call.run_without_retry(&mut chosen, candidate.upstream.open_bidirectional(&request, &candidate.target, input)) => response,
            Ok(failure) = &mut input_failure => Err(failure),
        }
    };
    let upstream_response = opened.await.map_err(|failure| call.record_failure(&failure))?;
    call.on_response_headers(&upstream_response.headers);
    call.update(|record| record.context.phase = Phase::Stream);
    let events = EventReader::<Event>::new(Arc::clone(&call), upstream_response.body).into_messages(None, None);
    let events: ResponseStream<_> = Box::pin(OutputEvents {
        events: Some(events),
        // The input may have ended already. A finished receiver must not be polled again.
        input_failure: (!input_failure.is_terminated()).then_some(input_failure),
        call: Arc::clone(&call),
    });
    let mut response = Response::new(events);
    insert_initial_metadata(&call, &upstream_response.headers, response.metadata_mut());
    Ok(response)
}

/// The bytes of a message. The first message may have none.
fn chunk_bytes(message: &InvokeModelWithBidirectionalStreamRequest, model_id: &str) -> Result<Option<Bytes>, Failure> {
    let invalid =
        |field: &str, problem: &str| Failure::Invalid { field: field.to_owned(), problem: problem.to_owned() };
    if message.model_id.as_deref().is_some_and(|other| other != model_id) {
        return Err(invalid("modelId", "must not change during the stream"));
    }
    match &message.member {
        // The SDK signs only the members that it has modelled.
        Some(Input::Chunk(part)) if part.unrecognized.is_some() => Err(invalid(
            "chunk.unrecognized",
            "must not have unrecognized members: a chunk of a bidirectional stream contains only `bytes`",
        )),
        Some(Input::Chunk(part)) => Ok(part.bytes.clone()),
        None => Ok(None),
        Some(Input::Unrecognized(_)) => Err(invalid("unrecognized", "the bidirectional stream accepts only chunks")),
    }
}

/// The caller's chunks. They are pulled as the connection to Bedrock has room. The end of this stream (the caller's half-close)
/// is the end of the input.
struct InputChunks {
    first: Option<Bytes>,
    model_id: String,
    messages: RequestStream,
    call: Arc<Call>,
    /// Sends a failure of the caller's side to the output. When the call is dropped, the receiver is dropped, and then the
    /// input must end too: an HTTP/2 stream is reset only when both of its halves are dropped.
    input_failed: Option<oneshot::Sender<Failure>>,
}

impl Stream for InputChunks {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // The SDK polls once more after the end.
        let Some(input_failed) = &mut self.input_failed else { return Poll::Ready(None) };
        if input_failed.poll_closed(cx).is_ready() {
            self.input_failed = None;
            return Poll::Ready(None);
        }
        // A poll means that the message before has been sent.
        self.call.release_charges();
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let failure = match ready!(Pin::new(&mut self.messages).poll_next(cx)) {
                Some(Ok(message)) => match chunk_bytes(&message, &self.model_id) {
                    Ok(Some(bytes)) => return Poll::Ready(Some(bytes)),
                    Ok(None) => continue,
                    Err(failure) => Some(failure),
                },
                Some(Err(status)) => Some(self.call.failure_of(status)),
                None => None,
            };
            if let (Some(input_failed), Some(failure)) = (self.input_failed.take(), failure) {
                let _ = input_failed.send(failure);
            }
            return Poll::Ready(None);
        }
    }
}

/// Bedrock's events, until the caller's side fails.
struct OutputEvents {
    events: Option<Messages<Event>>,
    input_failure: Option<oneshot::Receiver<Failure>>,
    call: Arc<Call>,
}

impl Stream for OutputEvents {
    type Item = Result<InvokeModelWithBidirectionalStreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(input_failure) = &mut self.input_failure
            && let Poll::Ready(failure) = Pin::new(input_failure).poll(cx)
        {
            self.input_failure = None;
            // An error here means that the input has ended normally.
            if let Ok(failure) = failure {
                self.events = None;
                return Poll::Ready(Some(Err(self.call.record_failure(&failure))));
            }
        }
        match &mut self.events {
            Some(events) => Pin::new(events).poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}

impl ReportsUsage for Event {}

impl StreamEvent for Event {
    type Message = InvokeModelWithBidirectionalStreamResponse;
    type Progress = ();

    fn into_message(self) -> InvokeModelWithBidirectionalStreamResponse {
        InvokeModelWithBidirectionalStreamResponse { member: Some(self) }
    }

    fn update_progress(&self, (): &mut ()) {}

    /// The chunks are opaque and nothing marks the last one, so every end between two frames is a complete stream.
    fn check_complete((): &()) -> Result<(), Failure> {
        Ok(())
    }
}
