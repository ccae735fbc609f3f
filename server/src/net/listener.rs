//! TCP and Unix sockets.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::{Router, TcpIncoming};

use crate::call::CallLayer;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `host:port`; port 0 takes a free one.
    Tcp(String),
    /// The path of a Unix socket: anything with a slash in it, or `unix:` and a path.
    Path(PathBuf),
}

impl FromStr for Listen {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let path = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:"));
        Ok(match path {
            Some(path) => Self::Path(path.into()),
            None if text.contains('/') => Self::Path(text.into()),
            None => Self::Tcp(text.to_owned()),
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A bound socket.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket; its file goes when the listener does.
    Unix(UnixListener, SocketFile),
}

/// Removes a socket's file when dropped.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds. A Unix socket's file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// The system's.
    pub async fn bind(listen: &Listen) -> std::io::Result<Self> {
        match listen {
            Listen::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Listen::Path(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(e) if e.kind() == ErrorKind::AddrInUse && is_stale(path).await => {
                        std::fs::remove_file(path)?;
                        UnixListener::bind(path)
                    }
                    bound => bound,
                };
                Ok(Self::Unix(listener?, SocketFile(path.clone())))
            }
        }
    }

    /// `127.0.0.1:50051`, or the socket's path.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Self::Unix(_, file) => file.0.display().to_string(),
        }
    }

    /// Serves until `shutdown` resolves and all connections have ended.
    pub(super) async fn serve(
        self,
        server: Router<tower::layer::util::Stack<CallLayer, tower::layer::util::Identity>>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        match self {
            Self::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).then(unhurried);
                server.serve_with_incoming_shutdown(incoming, shutdown).await
            }
            Self::Unix(listener, _file) => {
                server.serve_with_incoming_shutdown(UnixListenerStream::new(listener).then(unhurried), shutdown).await
            }
        }
    }
}

/// Waits after a failed accept: out of file descriptors, the next one would fail at once too, and the loop would spin.
async fn unhurried<T>(accepted: std::io::Result<T>) -> std::io::Result<T> {
    if let Err(error) = &accepted {
        tracing::warn!(%error, "a connection cannot be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    accepted
}

async fn is_stale(path: &Path) -> bool {
    matches!(UnixStream::connect(path).await.map_err(|e: Error| e.kind()), Err(ErrorKind::ConnectionRefused))
}

#[cfg(test)]
mod tests {
    use super::Listen;

    #[test]
    fn a_slash_makes_it_a_path() {
        assert_eq!("127.0.0.1:0".parse(), Ok(Listen::Tcp("127.0.0.1:0".into())));
        assert_eq!("/run/x.sock".parse(), Ok(Listen::Path("/run/x.sock".into())));
        assert_eq!("unix:x.sock".parse(), Ok(Listen::Path("x.sock".into())));
        assert_eq!("unix:///run/x.sock".parse(), Ok(Listen::Path("/run/x.sock".into())));
    }
}
