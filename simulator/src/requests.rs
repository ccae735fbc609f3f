//! What the simulator was sent: tests read it to see what a client really put on the wire.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method};

const MAX_REQUESTS: usize = 1_000;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A request as it came in, after HTTP framing and before any interpretation.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path and query as sent, percent-encoding and all.
    pub path: String,
    /// Every header, signature and trace context included.
    pub headers: HeaderMap,
    /// The whole body, byte for byte; of a bidirectional stream, nothing: it is still being sent.
    pub body: Bytes,
}

impl Request {
    pub(crate) fn new(head: &http::request::Parts, body: Bytes) -> Self {
        let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Self { method: head.method.clone(), path, headers: head.headers.clone(), body }
    }
}

/// The most recent requests, oldest first: at most 1,000 of them and 64 MiB of bodies.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    requests: VecDeque<Request>,
    bytes: usize,
}

impl RequestLog {
    pub(crate) fn push(&mut self, request: Request) {
        self.bytes += request.body.len();
        self.requests.push_back(request);
        // The newest stays even when it alone is over the limit: a test that sends it wants to see it.
        while self.requests.len() > MAX_REQUESTS || (self.bytes > MAX_BYTES && self.requests.len() > 1) {
            if let Some(oldest) = self.requests.pop_front() {
                self.bytes -= oldest.body.len();
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(size: usize) -> Request {
        Request {
            method: Method::POST,
            path: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from(vec![0; size]),
        }
    }

    #[test]
    fn keeps_the_newest_within_both_limits() {
        let mut log = RequestLog::default();
        (0..1_001).for_each(|size| log.push(request(size)));
        assert_eq!(log.all().len(), 1_000);
        assert_eq!(log.all()[0].body.len(), 1);
        log.push(request(MAX_BYTES + 1));
        assert_eq!(log.all().len(), 1);
        log.clear();
        log.push(request(7));
        assert_eq!(log.all().len(), 1);
    }
}
