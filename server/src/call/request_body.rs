//! The request body of a call, with bounds. tonic reserves what a message's prefix claims before any of it has arrived, and
//! it waits for ever. This body passes a message on only when it is complete, charges it to the process's byte budget, inflates
//! it within bounds, and ends a body that makes no progress.
//!
//! gRPC's framing: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_grpc_schema::operation::{Operation, StreamKind};
use bedrock_grpc_schema::wire::{RequestLimits, check_request};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use super::drain::drain;
use super::inflate::{Encoding, inflate};
use super::lifecycle::Call;
use super::record::RequestCharges;
use crate::admission::{Admission, ByteBudget, ByteCharge, OverloadControl, SMALL_MESSAGE_BYTES, Wait};
use crate::error::Failure;
use crate::limits::{MAX_MESSAGE_BYTES, MAX_REQUEST_FIELDS};

/// A flag byte and a length of four bytes.
const PREFIX_BYTES: usize = 5;

/// How much of a message, or the rest of it, must arrive within the timeout of the request body. A caller that sends a byte
/// per second would otherwise take a stream and memory for a long time. An upload of 32 MiB may still take hours.
const MIN_PROGRESS_BYTES: usize = 16 * 1024;

/// Requests up to this number of fields are charged by their bytes alone. An ordinary request has a few hundred.
const FREE_FIELDS: usize = 1_000;

/// What a field takes in memory when it is decoded: about the size of a content block, which is the largest element of a list.
const DECODED_FIELD_BYTES: usize = 256;

/// Wraps the body of a request for `operation`. It is `None` when the path is no RPC's; tonic rejects such a request.
pub(super) fn bound_body(
    headers: &mut HeaderMap,
    body: Body,
    call: &Arc<Call>,
    admission: &Admission,
    operation: Option<&'static Operation>,
) -> Body {
    let reader = MessageReader {
        body,
        call: Arc::clone(call),
        budget: admission.bytes.clone(),
        overload: admission.overload.clone(),
        encoding: Encoding::take(headers),
        operation,
        client_streams: operation.is_some_and(|operation| operation.stream == StreamKind::Both),
        rest: Bytes::new(),
        messages: 0,
        queued: Duration::ZERO,
    };
    Body::new(RequestBody { reader: Some(reader), reading: None, ready: VecDeque::new() })
}

/// The body that tonic reads.
struct RequestBody {
    /// `None` while `reading` has it, and after the end.
    reader: Option<MessageReader>,
    /// The next message, when it does not arrive in one piece.
    reading: Option<Pin<Box<dyn Future<Output = ReadMessage> + Send>>>,
    /// Parts of a complete message.
    ready: VecDeque<Bytes>,
}

/// The reader and what it has read: the parts of a message with its prefix, or `None` at the end of the body.
type ReadMessage = (MessageReader, Result<Option<VecDeque<Bytes>>, Failure>);

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if let Some(part) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
            if let Some(reading) = &mut this.reading {
                let (reader, outcome) = std::task::ready!(reading.as_mut().poll(cx));
                this.reading = None;
                match outcome {
                    Ok(Some(parts)) => (this.ready, this.reader) = (parts, Some(reader)),
                    Ok(None) => return Poll::Ready(None),
                    Err(failure) => return Poll::Ready(Some(Err(reader.call.reject_request(failure)))),
                }
                continue;
            }
            let Some(mut reader) = this.reader.take() else { return Poll::Ready(None) };
            // Nearly every request is one small message in one DATA frame. It needs no task, no timer and no copy.
            if reader.rest.is_empty()
                && let Poll::Ready(Some(frame)) = Pin::new(&mut reader.body).poll_frame(cx)
                && let Ok(data) = match frame {
                    Ok(frame) => frame.into_data(),
                    Err(error) => {
                        return Poll::Ready(Some(Err(reader.call.reject_request(read_failure(&error)))));
                    }
                }
            {
                if let Some(charge) = reader.charge_complete_message(&data) {
                    if let Err(failure) = reader.check_message(&[data.slice(PREFIX_BYTES..)], charge) {
                        return Poll::Ready(Some(Err(reader.call.reject_request(failure))));
                    }
                    this.reader = Some(reader);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                reader.rest = data;
            }
            this.reading = Some(Box::pin(reader.read_message()));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty()
            && self.reading.is_none()
            && self.reader.as_ref().is_none_or(|reader| reader.rest.is_empty() && reader.body.is_end_stream())
    }
}

/// Reads messages from a body.
struct MessageReader {
    body: Body,
    call: Arc<Call>,
    budget: ByteBudget,
    overload: OverloadControl,
    /// The encoding that compressed messages have, if the gateway inflates it. tonic rejects any other.
    encoding: Option<Encoding>,
    operation: Option<&'static Operation>,
    client_streams: bool,
    /// What has arrived and belongs to the next message.
    rest: Bytes,
    messages: u32,
    /// How long messages have waited for room in the byte budget.
    queued: Duration,
}

impl MessageReader {
    /// Charges `data` if it is exactly one small, uncompressed message, the first of its call, and there is room.
    fn charge_complete_message(&mut self, data: &Bytes) -> Option<ByteCharge> {
        let (prefix, message) = data.split_at_checked(PREFIX_BYTES)?;
        let is_complete = prefix[0] == 0 && length(prefix) == message.len() && message.len() <= SMALL_MESSAGE_BYTES;
        if !is_complete || self.messages > 0 && !self.client_streams {
            return None;
        }
        let charge = self.budget.try_charge(message.len())?;
        self.messages = self.messages.saturating_add(1);
        Some(charge)
    }

    /// Checks a complete message, charges what its fields take when it is decoded, and keeps the charges.
    fn check_message(&self, parts: &[Bytes], charge: ByteCharge) -> Result<(), Failure> {
        self.call.count_request_bytes(parts.iter().map(Bytes::len).sum());
        let limits = RequestLimits {
            fields: MAX_REQUEST_FIELDS,
            ignore_unknown_fields: self.call.settings.ignore_unknown_fields,
        };
        let fields = self.operation.map_or(Ok(0), |operation| check_request(operation.grpc_path, parts, limits))?;
        let fields = if fields > FREE_FIELDS {
            Some(self.budget.try_charge(fields * DECODED_FIELD_BYTES).ok_or(Failure::NoRoomForMessage)?)
        } else {
            None
        };
        self.call.keep_charges(RequestCharges { message: Some(charge), fields, wait: self.start_wait() });
        Ok(())
    }

    /// Starts the wait of a call with one message. It ends when a thread works on the message.
    fn start_wait(&self) -> Option<(Wait, Instant)> {
        (!self.client_streams).then(|| (self.overload.wait_with_message(), Instant::now()))
    }

    fn start_progress(&self) -> Progress {
        Progress::start(self.call.settings.timeouts.request_body)
    }

    async fn read_message(mut self) -> ReadMessage {
        let (start, queued) = (Instant::now(), self.queued);
        let outcome = self.next_message().await;
        let queued = self.queued - queued;
        self.call.add_wait(|waits| {
            waits.queue += queued;
            waits.caller += start.elapsed().saturating_sub(queued);
        });
        (self, outcome)
    }

    /// Reserves a part of the byte budget.
    async fn reserve(&mut self, bytes: usize) -> Result<ByteCharge, Failure> {
        let start = Instant::now();
        let charge = self.budget.charge(bytes).await;
        self.queued += start.elapsed();
        charge.ok_or(Failure::NoRoomForMessage)
    }

    async fn next_message(&mut self) -> Result<Option<VecDeque<Bytes>>, Failure> {
        let Some(prefix) = self.read_prefix().await? else { return Ok(None) };
        if self.messages > 0 && !self.client_streams {
            return Err(Failure::MalformedMessage("the method takes one message, and the request has more"));
        }
        self.messages = self.messages.saturating_add(1);
        let (flag, length) = (prefix[0], length(&prefix));
        if length > MAX_MESSAGE_BYTES {
            return Err(Failure::MessageTooLarge(MAX_MESSAGE_BYTES));
        }
        let (parts, charge) = self.read_parts(length).await?;
        match (flag, self.encoding) {
            (1, Some(encoding)) => {
                let (message, charge) = inflate(encoding, parts, charge, &self.budget).await?;
                self.check_message(std::slice::from_ref(&message), charge)?;
                Ok(Some(VecDeque::from([new_prefix(message.len())?, message])))
            }
            _ => {
                let mut parts = parts;
                // tonic rejects a message with an encoding that the gateway does not have.
                if flag == 0 {
                    self.check_message(parts.make_contiguous(), charge)?;
                } else {
                    self.call.keep_charges(RequestCharges { message: Some(charge), ..RequestCharges::default() });
                }
                parts.push_front(prefix);
                Ok(Some(parts))
            }
        }
    }

    /// The prefix of the next message; `None` at the end of the body.
    async fn read_prefix(&mut self) -> Result<Option<Bytes>, Failure> {
        // Between two messages of a bidirectional stream people may pause.
        let mut progress = (self.messages == 0 || !self.client_streams).then(|| self.start_progress());
        let mut prefix = BytesMut::new();
        while prefix.len() < PREFIX_BYTES {
            if self.rest.is_empty() {
                match self.read_data(progress.as_mut()).await? {
                    Some(data) => self.rest = data,
                    None if prefix.is_empty() => return Ok(None),
                    None => return Err(Failure::MalformedMessage("the request ends within a message")),
                }
                if progress.is_none() {
                    progress = Some(self.start_progress());
                }
            }
            prefix.put(self.rest.split_to(self.rest.len().min(PREFIX_BYTES - prefix.len())));
        }
        Ok(Some(prefix.freeze()))
    }

    /// `length` bytes, and their charge. A large message reserves its size once more than a small one has arrived.
    async fn read_parts(&mut self, length: usize) -> Result<(VecDeque<Bytes>, ByteCharge), Failure> {
        let mut progress = self.start_progress();
        let mut parts = VecDeque::new();
        let mut received = 0;
        let mut charge = self.reserve(length.min(SMALL_MESSAGE_BYTES)).await?;
        let mut is_charged = length <= SMALL_MESSAGE_BYTES;
        loop {
            let part = self.rest.split_to(self.rest.len().min(length - received));
            received += part.len();
            if !part.is_empty() {
                parts.push_back(part);
            }
            if received == length {
                return Ok((parts, charge));
            }
            if !is_charged && received >= SMALL_MESSAGE_BYTES {
                charge = self.reserve(length).await?;
                is_charged = true;
                progress = self.start_progress();
            }
            self.rest = self
                .read_data(Some(&mut progress))
                .await?
                .ok_or(Failure::MalformedMessage("the request ends within a message"))?;
        }
    }

    /// The next data of the body; `None` at its end. Trailers of a request have no meaning in gRPC.
    async fn read_data(&mut self, mut progress: Option<&mut Progress>) -> Result<Option<Bytes>, Failure> {
        loop {
            let due = progress.as_ref().map(|progress| (progress.due, progress.timeout));
            let rejecting = self.call.rejecting();
            let frame = self.body.frame();
            let frame = async {
                match due {
                    Some((due, timeout)) => timeout_at(due, frame).await.map_err(|_| Failure::RequestTimeout(timeout)),
                    None => Ok(frame.await),
                }
            };
            let frame = tokio::select! {
                biased;
                frame = frame => frame?,
                // A request that is not complete would delay the shutdown.
                () = rejecting.cancelled(), if !self.client_streams => return Err(Failure::Draining),
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(read_failure(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        if let Some(progress) = &mut progress {
                            progress.record(data.len());
                        }
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// A body that nobody reads any more belongs to a call that has ended: it was rejected, it failed, or its deadline expired.
impl Drop for MessageReader {
    fn drop(&mut self) {
        drain(std::mem::take(&mut self.body), &self.call.shutdown);
    }
}

/// Why a body cannot be read. tonic-web, which decodes the base64 of gRPC-Web, reports it by this text alone.
fn read_failure(error: &Status) -> Failure {
    let decoding = error.message().strip_prefix("tonic-web: ");
    if decoding.is_some_and(|problem| problem.starts_with("Invalid ") || problem.starts_with("malformed base64")) {
        return Failure::MalformedMessage("the request is not valid base64, which its content type says");
    }
    Failure::CallerLeft
}

/// When the next bytes are due.
struct Progress {
    timeout: Duration,
    due: Instant,
    bytes: usize,
}

impl Progress {
    fn start(timeout: Duration) -> Self {
        Self { timeout, due: Instant::now() + timeout, bytes: 0 }
    }

    fn record(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= MIN_PROGRESS_BYTES {
            *self = Self::start(self.timeout);
        }
    }
}

/// The length in a prefix.
fn length(prefix: &[u8]) -> usize {
    prefix.get(1..PREFIX_BYTES).map_or(0, |bytes| bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

/// The prefix of an uncompressed message.
fn new_prefix(length: usize) -> Result<Bytes, Failure> {
    let length = u32::try_from(length).map_err(|_| Failure::MessageTooLarge(MAX_MESSAGE_BYTES))?;
    let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
    prefix.put_u8(0);
    prefix.put_u32(length);
    Ok(prefix.freeze())
}

#[cfg(test)]
mod tests;
