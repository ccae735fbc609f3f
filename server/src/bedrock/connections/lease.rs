//! A call's share of a connection.

use super::http1::Http1Lease;
use super::http2::Http2Lease;

/// A call's share of a connection. Dropping it returns the share.
pub(in crate::bedrock) enum Lease {
    /// One stream of an HTTP/2 connection.
    Http2(Http2Lease),
    /// A whole HTTP/1.1 connection.
    Http1(Http1Lease),
}
