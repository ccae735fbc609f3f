//! What goes back: status, headers and a body in chunks. Canned answers and the simulator's own are the same type.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::bidirectional::Live;

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const ERROR_TYPE_SUFFIX: &str = "http://internal.amazon.com/coral/com.amazon.bedrock/";

/// An HTTP answer, byte for byte.
///
/// The simulator adds `x-amzn-requestid` unless the answer has one, and nothing else of its own. A body of one [`Chunk::Data`] has a `content-length`; any other is chunked, an HTTP chunk each.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Header names and values, in order. Names that HTTP does not allow are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<Chunk>,
}

/// A piece of a response body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes, sent at once as one HTTP chunk.
    Data(Bytes),
    /// Nothing more, ever: the connection stays open until the peer goes away.
    Stall,
    /// The connection is aborted (TCP RST). What came before it has been written.
    Reset,
    /// The connection ends in order (TCP FIN), but the body is left unfinished.
    Cut,
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), JSON.to_owned())],
            body: vec![Chunk::Data(body.into())],
        }
    }

    /// An exception as Bedrock answers it: `x-amzn-errortype` and a body with `message`.
    /// `name` is in PascalCase, as in `ThrottlingException`.
    pub fn exception(name: &str, status: StatusCode, message: &str) -> Self {
        let body = json!({ "message": message }).to_string();
        Self::json(status, body).with_header("x-amzn-errortype", &error_type(name))
    }

    /// An event stream, one chunk an item; see [`frames`](crate::frames).
    pub fn events(frames: impl IntoIterator<Item = Bytes>) -> Self {
        Self::stream(frames.into_iter().map(Chunk::Data))
    }

    /// An event stream of any chunks.
    pub fn stream(chunks: impl IntoIterator<Item = Chunk>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type".to_owned(), EVENT_STREAM.to_owned())],
            body: chunks.into_iter().collect(),
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same answer with one more chunk.
    #[must_use]
    pub fn then(mut self, chunk: Chunk) -> Self {
        self.body.push(chunk);
        self
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value.starts_with(EVENT_STREAM))
    }
}

/// The value of `x-amzn-errortype`: the name, then a URI that clients cut off at the colon.
pub(crate) fn error_type(name: &str) -> String {
    format!("{name}:{ERROR_TYPE_SUFFIX}")
}

/// What a route decides. It travels as a response extension, since only the connection can carry it out:
/// it knows how to pace, stall and abort, and axum's handlers cannot fail.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Answer(Answer),
    /// An event stream that is made while the request is still arriving.
    Live(Live),
    /// The connection is aborted before any byte of an answer.
    Abort,
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}
