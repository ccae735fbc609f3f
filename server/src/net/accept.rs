//! Accepts connections within their limits.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use super::connection::ConnectionServer;
use super::connection_limits::{Exceeded, OpenConnections};
use super::listener::Listener;
use super::socket::Socket;
use super::socket_authority::AuthoritySocket;
use crate::callers::Peer;

/// Time without accepts after a failed one. The next would fail too, and the loop would spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Minimum time between two log lines about connections that are not accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// An accepted connection.
struct Accepted {
    socket: Box<dyn Socket>,
    peer: Peer,
}

impl Listener {
    /// Accepts and serves connections until the shutdown starts, and then until all of them have ended.
    pub(super) async fn serve<S>(self, server: ConnectionServer<S>, open: OpenConnections)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send + Unpin,
    {
        let mut connections = JoinSet::new();
        let mut rejections = Rejections::default();
        let mut spare = SpareDescriptor::open();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                // A connection's task has ended. Its panic has been logged.
                Some(_) = connections.join_next() => continue,
                () = server.draining.cancelled() => break,
            };
            match accepted {
                Ok(accepted) => match open.admit(accepted.peer.address, &server.limits) {
                    Ok(permit) => {
                        let server = server.clone();
                        connections.spawn(async move {
                            server.serve(accepted.socket, accepted.peer).await;
                            drop(permit);
                        });
                    }
                    Err(exceeded) => rejections.count(exceeded),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    spare.close_next_connection(&self).await;
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
        // The address is free as soon as the shutdown starts, so that a new instance can bind it while calls drain.
        drop(self);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => accept_tcp(listener).await,
            Self::Unix(listener, _) => accept_unix(listener).await,
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<Accepted> {
    let (socket, peer) = listener.accept().await?;
    // Without this the kernel delays small writes. A failure means that the peer has gone, which reading shows too.
    let _ = socket.set_nodelay(true);
    let peer = Peer { address: Some(peer.ip()), ..Peer::default() };
    Ok(Accepted { socket: Box::new(socket), peer })
}

async fn accept_unix(listener: &UnixListener) -> io::Result<Accepted> {
    let (socket, _) = listener.accept().await?;
    let uid = socket.peer_cred().ok().map(|credentials| credentials.uid());
    let peer = Peer { uid, ..Peer::default() };
    Ok(Accepted { socket: Box::new(AuthoritySocket::new(socket)), peer })
}

/// Counts connections that exceed a limit, and logs them from time to time.
#[derive(Default)]
struct Rejections {
    unlogged: u64,
    logged_at: Option<Instant>,
}

impl Rejections {
    fn count(&mut self, exceeded: Exceeded) {
        self.unlogged += 1;
        if self.logged_at.is_none_or(|logged_at| logged_at.elapsed() >= LOG_INTERVAL) {
            let limit = match exceeded {
                Exceeded::Connections => "--max-connections",
                Exceeded::ConnectionsPerPeer => "--max-connections-per-peer",
            };
            tracing::warn!(connections = self.unlogged, limit, "closed new connections, because the limit is reached");
            *self = Self { unlogged: 0, logged_at: Some(Instant::now()) };
        }
    }
}

/// A file descriptor in reserve. When the process has no other one left, a waiting connection could neither be accepted nor
/// closed, and its client would wait.
struct SpareDescriptor(Option<File>);

impl SpareDescriptor {
    fn open() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Uses the descriptor to accept a waiting connection and close it.
    async fn close_next_connection(&mut self, listener: &Listener) {
        self.0 = None;
        let _ = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        *self = Self::open();
    }
}
