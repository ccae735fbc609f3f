//! What an operator can set about the connections to Bedrock.

use std::time::Duration;

/// Time without calls after which a connection is closed. (hyper's and the AWS SDK's default.)
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Limits and timeouts of the connections to Bedrock.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionOptions {
    /// The largest number of calls on one HTTP/2 connection. The peer's own limit (SETTINGS_MAX_CONCURRENT_STREAMS) applies
    /// too.
    pub(crate) streams_per_connection: usize,
    /// The largest number of HTTP/2 connections to one host. Calls beyond that wait for a free stream.
    pub(crate) connections_per_host: usize,
    /// The largest number of HTTP/1.1 connections to one host, where it has no HTTP/2. Calls beyond that wait.
    pub(crate) http1_connections_per_host: usize,
    /// How many bytes of a response Bedrock may send before the caller takes them (SETTINGS_INITIAL_WINDOW_SIZE). The
    /// connection's window is this times `streams_per_connection`, so that a caller that stalls blocks no other.
    pub(crate) stream_window: u32,
    /// Time between two PINGs on an HTTP/2 connection.
    pub(crate) ping_interval: Duration,
    /// Maximum time for the response to a PING. A connection without one is closed.
    pub(crate) ping_timeout: Duration,
    /// Age after which a connection takes no new calls. Running calls finish on it.
    pub(crate) maximum_age: Duration,
    /// Maximum time to open a connection: name resolution, TCP, proxy, TLS, and the first HTTP/2 round trip.
    pub(crate) connect_timeout: Duration,
    /// Certificates (PEM) to trust in addition to the platform's roots.
    pub(crate) extra_roots: Option<Vec<u8>>,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` apply.
    pub(crate) use_proxy: bool,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            // What RFC 9113 (section 6.5.2) recommends as the smallest limit of a server.
            streams_per_connection: 100,
            // With 100 streams each, 10,000 calls at once.
            connections_per_host: 100,
            // A process has 1,024 file descriptors by default on most systems (`ulimit -n`), and callers need the others.
            http1_connections_per_host: 512,
            // One stream can receive 50 MB/s at a round trip of 5 ms (same Region), and 1.7 MB/s at 150 ms (another
            // Region). An event of a model has about 200 bytes.
            stream_window: 256 * 1024,
            // Interval and timeout together are below the 20 s in which a dead connection has to be found. (The AWS SDK for
            // Java 2 pings each 5 s.)
            ping_interval: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(8),
            // Hosts behind a name change; an hour follows them without much cost.
            maximum_age: Duration::from_secs(3600),
            // A lost SYN is repeated after 1 s and after 3 s.
            connect_timeout: Duration::from_secs(5),
            extra_roots: None,
            use_proxy: true,
        }
    }
}

impl ConnectionOptions {
    /// The flow-control window of a whole connection: no stream can use up another's share.
    pub(super) fn connection_window(&self) -> u32 {
        /// RFC 9113, section 6.9.1.
        const LIMIT: u64 = (1 << 31) - 1;
        let window = u64::from(self.stream_window).saturating_mul(self.streams_per_connection as u64);
        u32::try_from(window.min(LIMIT)).unwrap_or(u32::MAX >> 1)
    }
}
