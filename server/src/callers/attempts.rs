//! A limit on failed attempts, for each peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::peer::host_network;

/// The time in which attempts are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Maximum number of peers that are counted at the same time. With more, windows that have ended are forgotten, and if that is
/// not enough, new peers are not counted. A million addresses must not take memory.
const PEERS_LIMIT: usize = 10_000;

/// Counts the failed attempts of each peer.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts {
    peers: Mutex<HashMap<Option<IpAddr>, Window>>,
}

#[derive(Debug)]
struct Window {
    start: Instant,
    failures: u32,
}

impl FailedAttempts {
    /// Whether `peer` has failed `limit` times in the last minute. 0 is no limit.
    pub(super) fn exceeds(&self, peer: Option<IpAddr>, limit: u32) -> bool {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        limit > 0
            && peers.get(&peer.map(host_network)).is_some_and(|w| w.start.elapsed() < WINDOW && w.failures >= limit)
    }

    /// Counts a failure.
    pub(super) fn count(&self, peer: Option<IpAddr>) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peer.map(host_network);
        if peers.len() >= PEERS_LIMIT && !peers.contains_key(&peer) {
            peers.retain(|_, window| window.start.elapsed() < WINDOW);
            if peers.len() >= PEERS_LIMIT {
                return;
            }
        }
        let window = peers.entry(peer).or_insert_with(|| Window { start: Instant::now(), failures: 0 });
        if window.start.elapsed() >= WINDOW {
            *window = Window { start: Instant::now(), failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn peer_is_blocked_after_its_failures_until_a_minute_has_passed() {
        let attempts = FailedAttempts::default();
        let (one, other) = (Some("10.0.0.1".parse().unwrap()), Some("10.0.0.2".parse().unwrap()));
        for _ in 0..3 {
            assert!(!attempts.exceeds(one, 3));
            attempts.count(one);
        }
        assert!(attempts.exceeds(one, 3) && !attempts.exceeds(other, 3) && !attempts.exceeds(one, 0));
        tokio::time::advance(WINDOW).await;
        assert!(!attempts.exceeds(one, 3));
        attempts.count(one);
        assert!(!attempts.exceeds(one, 3), "the count starts again");
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_counted_peers_is_bounded() {
        let attempts = FailedAttempts::default();
        for n in 0..20_000u32 {
            attempts.count(Some(IpAddr::V4(n.into())));
        }
        assert_eq!(attempts.peers.lock().unwrap().len(), PEERS_LIMIT);
    }
}
