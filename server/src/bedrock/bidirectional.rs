//! InvokeModelWithBidirectionalStream on the wire: one HTTP/2 stream, whose input is a chain of signed events.
//! <https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html> describes the signatures.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use aws_sigv4::event_stream::{SigningParams, sign_empty_message, sign_message};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::Response;
use tokio_util::task::AbortOnDropHandle;

use super::connections::{self, IncomingBody, SendBody};
use super::endpoint::Endpoint;
use super::identity::{Authorization, Credentials};
use super::request::RequestTemplate;
use super::signing::Signer;
use crate::error::Failure;

/// Frames and signs the events of one stream.
pub(super) enum EventWriter {
    /// Each signature covers the one before it; the first covers the request's.
    Signed { signer: Arc<Signer>, region: String, last_signature: String, clock: StreamClock },
    /// With an API key events are not signed.
    Plain,
}

/// The time at the start of the stream, by Bedrock's clock and by ours.
#[derive(Clone, Copy)]
pub(super) struct StreamClock {
    bedrock: SystemTime,
    local: Instant,
}

/// Why an event could not be written.
#[derive(Debug, thiserror::Error)]
#[error("an event cannot be written")]
pub(super) struct WriteError;

/// Opens the stream. Returns the response when its headers have arrived, and the task that sends `input`.
///
/// # Errors
/// See [`super::Upstream::open_bidirectional`].
pub(super) async fn open(
    endpoint: &Endpoint,
    credentials: &Credentials,
    time: SystemTime,
    template: &RequestTemplate,
    region: &str,
    input: impl Stream<Item = Bytes> + Send + 'static,
) -> Result<(Response<IncomingBody>, AbortOnDropHandle<()>), Failure> {
    let build = || -> Result<_, Failure> {
        let (request, signature) = template.sign(endpoint, &credentials.authorization, region, time)?;
        Ok((request.map(drop), signature))
    };
    let (response, sender, signature) = connections::open_stream(&endpoint.host, build).await?;
    let writer = match &credentials.authorization {
        Authorization::Bearer(_) => EventWriter::Plain,
        Authorization::Signature(signer) => EventWriter::new(Arc::clone(signer), region, signature, time),
    };
    let input = AbortOnDropHandle::new(tokio::spawn(send_input(sender, writer, input)));
    Ok((response.await?.map(IncomingBody::from), input))
}

/// Sends the caller's chunks as Bedrock has room for them, then the end. When the response is dropped, this task ends, even
/// while it waits.
async fn send_input(mut sender: SendBody, mut writer: EventWriter, input: impl Stream<Item = Bytes>) {
    let mut input = pin!(input);
    while let Some(chunk) = input.next().await {
        let Ok(event) = writer.chunk(&chunk) else { return };
        if sender.send(event).await.is_err() {
            return;
        }
    }
    let Ok(end) = writer.end() else { return };
    if sender.send(end).await.is_ok() {
        sender.finish();
    }
}

impl EventWriter {
    /// A writer that signs. `signature` is the signature of the request, and `time` is the time in it.
    pub(super) fn new(signer: Arc<Signer>, region: &str, signature: String, time: SystemTime) -> Self {
        let clock = StreamClock { bedrock: time, local: Instant::now() };
        Self::Signed { signer, region: region.to_owned(), last_signature: signature, clock }
    }

    /// An event with a chunk from the caller.
    pub(super) fn chunk(&mut self, bytes: &[u8]) -> Result<Bytes, WriteError> {
        let payload = format!("{{\"bytes\":\"{}\"}}", STANDARD.encode(bytes));
        let header = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
        let message = Message::new(payload.into_bytes())
            .add_header(header(":message-type", "event"))
            .add_header(header(":event-type", "chunk"))
            .add_header(header(":content-type", "application/json"));
        self.write(Some(message))
    }

    /// The end of the events: a signed frame without an event. An unsigned stream has no such frame, so the result is
    /// empty.
    pub(super) fn end(&mut self) -> Result<Bytes, WriteError> {
        self.write(None)
    }

    fn write(&mut self, message: Option<Message>) -> Result<Bytes, WriteError> {
        let message = match self {
            Self::Plain => message,
            Self::Signed { signer, region, last_signature, clock } => {
                let identity = Identity::from(signer.credentials().clone());
                let parameters = SigningParams::builder()
                    .identity(&identity)
                    .region(region)
                    .name("bedrock")
                    .time(clock.bedrock + clock.local.elapsed())
                    .settings(())
                    .build()
                    .map_err(|_| WriteError)?;
                let signed = match &message {
                    Some(message) => sign_message(message, last_signature, &parameters),
                    None => sign_empty_message(last_signature, &parameters),
                };
                let (message, signature) = signed.map_err(|_| WriteError)?.into_parts();
                *last_signature = signature;
                Some(message)
            }
        };
        let mut buffer = Vec::new();
        if let Some(message) = message {
            write_message_to(&message, &mut buffer).map_err(|_| WriteError)?;
        }
        Ok(buffer.into())
    }
}
