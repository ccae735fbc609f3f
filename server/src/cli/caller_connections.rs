//! Options of callers' connections.

use std::time::Duration;

use clap::Args;

use super::parse_positive_duration;
use crate::net::ConnectionLimits;

/// Limits and timeouts of callers' connections.
#[derive(Debug, Args)]
#[command(next_help_heading = "Callers' connections")]
pub(crate) struct CallerConnectionArgs {
    /// Maximum number of callers' connections at the same time. Further ones are closed at once.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..),
        env = "BEDROCK_GRPC_MAX_CONNECTIONS")]
    max_connections: u32,

    /// Maximum number of connections at the same time from one IP address (IPv6: one /64 network). A proxy in front has one
    /// address for all callers.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..),
        env = "BEDROCK_GRPC_MAX_CONNECTIONS_PER_PEER")]
    max_connections_per_peer: u32,

    /// Maximum number of calls at the same time on one connection (HTTP/2's SETTINGS_MAX_CONCURRENT_STREAMS). Clients wait
    /// before they start another call.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..),
        env = "BEDROCK_GRPC_MAX_STREAMS_PER_CONNECTION")]
    max_streams_per_connection: u32,

    /// Maximum time until a new connection has sent HTTP/2's preface and settings.
    #[arg(long, default_value = "10s", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_HANDSHAKE_TIMEOUT")]
    handshake_timeout: Duration,

    /// Time without calls after which a connection is closed. Clients reconnect without an error.
    #[arg(long, default_value = "15m", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_CONNECTION_IDLE_TIMEOUT")]
    connection_idle_timeout: Duration,

    /// Age after which a connection takes no new calls, give or take a tenth at random. Running calls finish on it, and clients
    /// reconnect without an error.
    #[arg(long, default_value = "1h", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_MAX_CONNECTION_AGE")]
    max_connection_age: Duration,
}

impl CallerConnectionArgs {
    /// The options as the listener takes them.
    pub(crate) fn into_limits(self) -> ConnectionLimits {
        let as_usize = |number| usize::try_from(number).unwrap_or(usize::MAX);
        ConnectionLimits {
            connections: as_usize(self.max_connections),
            connections_per_peer: as_usize(self.max_connections_per_peer),
            streams_per_connection: self.max_streams_per_connection,
            handshake_timeout: self.handshake_timeout,
            idle_timeout: self.connection_idle_timeout,
            max_age: self.max_connection_age,
        }
    }
}
