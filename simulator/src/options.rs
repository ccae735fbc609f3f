//! What can be set about a simulator.

use std::time::Duration;

/// Settings of a [`Simulator`](crate::Simulator).
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two chunks of a response body, so that streaming can be seen: 2 ms unless set.
    /// Tests that don't look at timing use [`Duration::ZERO`].
    pub pause: Duration,
    /// HTTPS with a certificate of the simulator's own ([`Simulator::ca_pem`](crate::Simulator::ca_pem)), and HTTP/2 by
    /// ALPN, which the AWS SDKs need for `InvokeModelWithBidirectionalStream`. Without it: HTTP/1.1, or HTTP/2 for a
    /// client that starts with it unasked (prior knowledge).
    pub tls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { pause: Duration::from_millis(2), tls: false }
    }
}

impl Options {
    /// No waiting anywhere: for tests.
    pub fn immediate() -> Self {
        Self { pause: Duration::ZERO, ..Self::default() }
    }
}
