//! The body of a response, over either protocol.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::http1::Http1Body;
use super::http2::Http2Body;

/// The body of a response. Dropping it before its end stops the response: over HTTP/2 the stream is reset and the
/// connection kept, over HTTP/1.1 the connection closes.
pub(in crate::bedrock) struct IncomingBody(ProtocolBody);

enum ProtocolBody {
    Http1(Box<Http1Body>),
    Http2(Http2Body),
}

impl From<Http1Body> for IncomingBody {
    fn from(body: Http1Body) -> Self {
        Self(ProtocolBody::Http1(Box::new(body)))
    }
}

impl From<Http2Body> for IncomingBody {
    fn from(body: Http2Body) -> Self {
        Self(ProtocolBody::Http2(body))
    }
}

impl IncomingBody {
    /// The length, if HTTP/1.1 has it. In HTTP/2 only the header `content-length` has it.
    pub(in crate::bedrock) fn length(&self) -> Option<u64> {
        match &self.0 {
            ProtocolBody::Http1(body) => body.length(),
            ProtocolBody::Http2(_) => None,
        }
    }

    /// The next piece as it arrives; an error when the connection or the stream breaks.
    pub(in crate::bedrock) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
        match &mut self.0 {
            ProtocolBody::Http1(body) => body.poll_chunk(cx),
            ProtocolBody::Http2(body) => body.poll_chunk(cx),
        }
    }
}
