//! Limits of callers' connections, and the count of open connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::callers::host_network;

/// Limits and timeouts of callers' connections.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// Maximum number of connections at the same time. Further ones are closed at once.
    pub(crate) connections: usize,
    /// Maximum number of connections at the same time from one IP address (IPv6: from one /64 network, which is what one
    /// host usually gets, RFC 6177). Unix sockets have no address, so this limit does not apply to them.
    pub(crate) connections_per_peer: usize,
    /// Maximum number of calls at the same time on one connection. Clients wait before they start another one.
    pub(crate) streams_per_connection: u32,
    /// Maximum time until a new connection has sent HTTP/2's preface and settings.
    pub(crate) handshake_timeout: Duration,
    /// Time without calls after which a connection is closed.
    pub(crate) idle_timeout: Duration,
    /// Age after which a connection takes no new calls. Running calls finish on it. Up to a tenth is added or subtracted at
    /// random, so that connections that were opened together do not end together.
    pub(crate) max_age: Duration,
}

/// The open connections. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenConnections(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// One counted connection. Dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    open: OpenConnections,
    peer: Option<IpAddr>,
}

/// Which limit a new connection exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// [`ConnectionLimits::connections`].
    Connections,
    /// [`ConnectionLimits::connections_per_peer`].
    ConnectionsPerPeer,
}

impl OpenConnections {
    /// Counts a connection from `peer`; `None` for a Unix socket.
    ///
    /// # Errors
    /// The limit that the connection exceeds.
    pub(super) fn admit(&self, peer: Option<IpAddr>, limits: &ConnectionLimits) -> Result<ConnectionPermit, Exceeded> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= limits.connections {
            return Err(Exceeded::Connections);
        }
        let peer = peer.map(host_network);
        if let Some(peer) = peer {
            let count = counts.by_peer.entry(peer).or_default();
            if *count >= limits.connections_per_peer {
                return Err(Exceeded::ConnectionsPerPeer);
            }
            *count += 1;
        }
        counts.all += 1;
        Ok(ConnectionPermit { open: self.clone(), peer })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(peer) = self.peer
            && let Some(count) = counts.by_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_peer.remove(&peer);
            }
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            // With 100 KB for each, a GB at most. Proxies and gRPC clients share a connection for many calls.
            connections: 10_000,
            // A proxy in front has one address for all callers, and opens a connection for each of its threads.
            connections_per_peer: 1_000,
            streams_per_connection: 1_000,
            // Ten round trips of a second each.
            handshake_timeout: Duration::from_secs(10),
            // gRPC clients close their own idle connections after 30 minutes, and reconnect without an error.
            idle_timeout: Duration::from_secs(15 * 60),
            // New instances get their share of the calls within this time.
            max_age: Duration::from_secs(3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, connections_per_peer: usize) -> ConnectionLimits {
        ConnectionLimits { connections, connections_per_peer, ..ConnectionLimits::default() }
    }

    #[test]
    fn a_closed_connection_makes_room_for_another_one() {
        let (open, limits) = (OpenConnections::default(), limits(1, 1));
        let first = open.admit(None, &limits);
        assert!(first.is_ok());
        assert_eq!(open.admit(None, &limits).unwrap_err(), Exceeded::Connections);
        drop(first);
        assert!(open.admit(None, &limits).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_connections_of_another() {
        let (open, limits) = (OpenConnections::default(), limits(10, 2));
        let address = |text: &str| Some(text.parse().unwrap());
        let admitted: Vec<_> = (0..2).map(|_| open.admit(address("10.0.0.1"), &limits).unwrap()).collect();
        for same in ["10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(open.admit(address(same), &limits).unwrap_err(), Exceeded::ConnectionsPerPeer, "{same}");
        }
        let _v6: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(|text| open.admit(address(text), &limits).unwrap()).into();
        assert!(open.admit(address("2001:db8::3"), &limits).is_err(), "the same /64");
        assert!(open.admit(address("2001:db8:0:1::3"), &limits).is_ok());
        assert!(open.admit(address("10.0.0.2"), &limits).is_ok());
        drop(admitted);
        assert!(open.0.lock().unwrap().by_peer.len() == 1, "a peer without connections is forgotten");
    }
}
