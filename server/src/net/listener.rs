//! Bound TCP and Unix sockets.

use std::future::Future;
use std::io::Error;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::layer::util::{Identity, Stack};

use super::address::ListenAddress;
use super::coalescing::{CoalescingSocket, WritePolicy};
use super::services::Services;
use super::socket_authority::AuthoritySocket;
use super::unix_socket::{self, SocketFile};
use crate::call::CallLayer;

/// A bound socket.
pub(super) enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket and its file. systemd owns the file of a socket that it has bound.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds the address. The file of a Unix socket on which no process listens is replaced.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(super) async fn bind(address: &ListenAddress) -> std::io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            ListenAddress::Unix(path) => {
                let (listener, file) = unix_socket::bind(path).await?;
                Ok(Self::Unix(listener, Some(file)))
            }
            ListenAddress::Systemd => Self::from_systemd(),
        }
    }

    /// Takes the socket that systemd has bound for this process. <https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html>
    fn from_systemd() -> std::io::Result<Self> {
        let mut sockets = ListenFd::from_env();
        if sockets.len() != 1 {
            let found = sockets.len();
            return Err(Error::other(format!("systemd passed {found} sockets to this process (LISTEN_FDS), not 1")));
        }
        if let Ok(Some(listener)) = sockets.take_tcp_listener(0) {
            listener.set_nonblocking(true)?;
            return Ok(Self::Tcp(TcpListener::from_std(listener)?));
        }
        let Some(listener) = sockets.take_unix_listener(0)? else {
            return Err(Error::other("systemd passed no stream socket"));
        };
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(UnixListener::from_std(listener)?, None))
    }

    /// The address: `127.0.0.1:50051`, or the path of the socket.
    #[must_use]
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Self::Unix(listener, _) => listener
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| path.display().to_string()))
                .unwrap_or_default(),
        }
    }

    /// Serves until `shutdown` resolves and all connections have ended.
    pub(super) async fn serve(
        self,
        server: Server<Stack<CallLayer, Identity>>,
        services: Services,
        writes: WritePolicy,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        match self {
            Self::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).then(pause_after_error);
                let incoming = incoming.map_ok(|socket| CoalescingSocket::new(socket, writes.clone()));
                server.serve_with_incoming_shutdown(services, incoming, shutdown).await
            }
            Self::Unix(listener, file) => {
                // The path is free as soon as the shutdown starts, so that a new instance can bind it while calls drain.
                let shutdown = async move {
                    shutdown.await;
                    drop(file);
                };
                let incoming = UnixListenerStream::new(listener).then(pause_after_error);
                let incoming =
                    incoming.map_ok(|socket| CoalescingSocket::new(AuthoritySocket::new(socket), writes.clone()));
                server.serve_with_incoming_shutdown(services, incoming, shutdown).await
            }
        }
    }
}

/// Waits after a failed accept. Without file descriptors the next accept would fail at once too, and the loop would spin.
async fn pause_after_error<T>(accepted: std::io::Result<T>) -> std::io::Result<T> {
    if let Err(error) = &accepted {
        tracing::warn!(%error, "a connection cannot be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    accepted
}
