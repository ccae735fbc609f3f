//! Chunks in, the same chunks out, until the input ends or a fault is due.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use serde_json::json;

use super::input::Input;
use crate::answer::Chunk;
use crate::body::Broken;
use crate::faults::{Break, Plan, Variation};
use crate::frames;

const CHUNK: &str = "chunk";

/// The response to a bidirectional stream. It reads its request only as fast as it is read itself, so a client that
/// stops reading is soon unable to write: nothing piles up here.
#[derive(Debug)]
pub(crate) struct Echo {
    request: Body,
    input: Input,
    /// So many events until the break.
    break_off: Option<(usize, Break)>,
    /// An event of the future, to be sent first.
    first: Option<Bytes>,
    /// What is left to say before the end. The request is not read any more.
    last: Option<std::vec::IntoIter<Chunk>>,
}

impl Echo {
    pub(super) fn new(request: Body, plan: Plan) -> Self {
        let first = plan.is(Variation::UnknownEvent).then(|| frames::event("futureEvent", br#"{"answer": 42}"#));
        Self { request, input: Input::default(), break_off: plan.into_break(), first, last: None }
    }

    /// The next piece of the response.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Chunk, Broken>>> {
        if let Some(event) = self.first.take() {
            return Poll::Ready(Some(Ok(Chunk::Data(event))));
        }
        loop {
            if let Some(last) = &mut self.last {
                return Poll::Ready(last.next().map(Ok));
            }
            if matches!(self.break_off, Some((0, _))) {
                self.end();
                continue;
            }
            match self.input.next_chunk() {
                Ok(Some(bytes)) => {
                    if let Some((events, _)) = &mut self.break_off {
                        *events -= 1;
                    }
                    return Poll::Ready(Some(Ok(Chunk::Data(output(&bytes)))));
                }
                Ok(None) if self.input.has_ended() => {
                    // To end a response first tells an HTTP/2 client (RST_STREAM) that the rest of its request does not
                    // matter. Mostly there is no rest, and its end is here already: then nobody needs to be told.
                    while let Poll::Ready(Some(Ok(_))) = Pin::new(&mut self.request).poll_frame(context) {}
                    self.end();
                }
                Ok(None) => match ready!(Pin::new(&mut self.request).poll_frame(context)) {
                    Some(Ok(frame)) => self.input.push(frame.data_ref().map_or(&[], |data| data)),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the input of a bidirectional stream");
                        return Poll::Ready(Some(Err(Broken::Request)));
                    }
                    None => match self.input.finish() {
                        Ok(()) => self.end(),
                        Err(exception) => self.end_with(vec![Chunk::Data(exception.frame())]),
                    },
                },
                Err(exception) => self.end_with(vec![Chunk::Data(exception.frame())]),
            }
        }
    }

    /// As planned. A stream that is shorter than the break's place fails at its end.
    fn end(&mut self) {
        let last = match self.break_off.take() {
            Some((_, how)) => how.chunks(&output(""), CHUNK),
            None => Vec::new(),
        };
        self.end_with(last);
    }

    fn end_with(&mut self, last: Vec<Chunk>) {
        self.last = Some(last.into_iter());
    }
}

/// BidirectionalOutputPayloadPart
fn output(bytes: &str) -> Bytes {
    frames::event(CHUNK, frames::padded(json!({ "bytes": bytes }).to_string()).as_bytes())
}
