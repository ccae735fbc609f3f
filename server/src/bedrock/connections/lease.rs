//! A call's share of a connection.

use std::sync::Arc;

use super::host::Host;
use super::http1::Http1;
use super::http2::Http2;

/// A call's share of a connection. Dropping it gives it back.
pub(in crate::bedrock) enum Lease {
    /// One stream of an HTTP/2 connection.
    Http2(Http2Lease),
    /// A whole HTTP/1.1 connection.
    Http1(Http1Lease),
}

/// One stream of an HTTP/2 connection.
pub(in crate::bedrock) struct Http2Lease {
    pub(super) connection: Arc<Http2>,
    pub(super) host: Arc<Host>,
}

/// A whole HTTP/1.1 connection. Dropping it closes the connection; [`Http1Lease::give_back`] keeps it for the next call.
pub(in crate::bedrock) struct Http1Lease {
    /// Always there until the lease is given back or dropped.
    pub(super) connection: Option<Http1>,
    pub(super) host: Arc<Host>,
}

impl Drop for Http2Lease {
    fn drop(&mut self) {
        self.connection.leave();
        self.host.serve_waiters();
    }
}

impl Http1Lease {
    /// The response has been read to its end.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.host.keep_idle(connection);
        }
    }
}

impl Drop for Http1Lease {
    fn drop(&mut self) {
        if self.connection.take().is_some() {
            self.host.forget_http1();
        }
    }
}
