//! How an admitted answer goes out: whole, or broken off as planned.

use bytes::Bytes;
use http::StatusCode;

use super::{Break, Plan};
use crate::answer::{Answer, Chunk, Outcome};
use crate::exception::Exception;
use crate::frames;

const ERROR_CODE: &str = "InternalFailure";
const ERROR_MESSAGE: &str = "The stream failed inside Bedrock.";
const GARBAGE: &[u8] = b"{\"contentBlockIndex\":0,\"delta\":{\"text\":";

/// A stream's frames in two halves, so that a break falls between events.
#[derive(Debug)]
pub(crate) struct StreamParts {
    /// One frame an event.
    pub(crate) frames: Vec<Bytes>,
    /// The type of event that a frame of garbage claims to be.
    pub(crate) delta_type: &'static str,
}

impl Plan {
    /// A stream. One that is shorter than the break's place fails at its end.
    pub(crate) fn stream(self, parts: StreamParts) -> Outcome {
        let StreamParts { mut frames, delta_type } = parts;
        let Some((events, how)) = self.break_off else {
            return Answer::events(frames).into();
        };
        let next = frames.get(events).cloned();
        let next = next.unwrap_or_else(|| frames::event(delta_type, b"{}"));
        frames.truncate(events);
        let last = how.chunks(&next, delta_type);
        Answer::stream(frames.into_iter().map(Chunk::Data).chain(last)).into()
    }

    /// After how many events a stream breaks off, and how: for streams that are not known in advance.
    pub(crate) fn into_break(self) -> Option<(usize, Break)> {
        self.break_off
    }

    /// An answer that is one JSON text. It has no events to count: exceptions come in its place, every other break
    /// falls in the middle of the body.
    pub(crate) fn unary(self, model_id: &str, body: Vec<u8>) -> Outcome {
        let body = Bytes::from(body);
        let half = Chunk::Data(body.slice(..body.len() / 2));
        let broken = |chunks: Vec<Chunk>| {
            let mut answer = Answer::json(StatusCode::OK, Bytes::new());
            answer.body = chunks;
            Outcome::from(answer)
        };
        match self.break_off.map(|(_, how)| how) {
            None => Answer::json(StatusCode::OK, body).into(),
            Some(Break::Exception(exception)) => exception.with_resource_name_of(model_id).into(),
            Some(Break::Error) => {
                Exception::new("InternalServerException", StatusCode::INTERNAL_SERVER_ERROR, ERROR_MESSAGE).into()
            }
            Some(Break::Truncate) => broken(vec![half]),
            Some(Break::Cut) => broken(vec![half, Chunk::Cut]),
            Some(Break::Corrupt | Break::Garbage) => Answer::json(StatusCode::OK, Bytes::from_static(GARBAGE)).into(),
            Some(Break::Stall) => broken(vec![half, Chunk::Stall]),
            Some(Break::Reset) => broken(vec![half, Chunk::Reset]),
        }
    }
}

impl Break {
    /// The end of a stream that breaks off; `next` is the event that would have come.
    pub(crate) fn chunks(self, next: &Bytes, delta_type: &str) -> Vec<Chunk> {
        match self {
            Self::Exception(exception) => vec![Chunk::Data(exception.frame())],
            Self::Error => vec![Chunk::Data(frames::error(ERROR_CODE, ERROR_MESSAGE))],
            Self::Truncate => vec![],
            Self::Cut => vec![Chunk::Data(next.slice(..next.len() / 2)), Chunk::Cut],
            Self::Corrupt => vec![Chunk::Data(corrupted(next))],
            Self::Garbage => vec![Chunk::Data(frames::event(delta_type, GARBAGE))],
            Self::Stall => vec![Chunk::Stall],
            Self::Reset => vec![Chunk::Reset],
        }
    }
}

/// The same frame with one bit of its last checksum turned over.
fn corrupted(frame: &Bytes) -> Bytes {
    let mut bytes = frame.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}
