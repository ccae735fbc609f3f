//! Bound TCP and Unix sockets.

use std::io::Error;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::address::ListenAddress;
use super::unix_socket::{self, SocketFile};

/// A bound socket.
pub(crate) enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket and its file, which is removed when it is dropped. systemd owns the file of a socket that it has bound.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds the address. The file of a Unix socket on which no process listens is replaced.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) async fn bind(address: &ListenAddress) -> std::io::Result<Self> {
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
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Self::Unix(listener, _) => listener
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| path.display().to_string()))
                .unwrap_or_default(),
        }
    }
}
