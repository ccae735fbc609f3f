//! Reads the admin port of a gateway.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::snapshot::{RunningCall, Snapshot};
use crate::commands::connection::CommandError;
use crate::net::ListenAddress;

/// Maximum time of a request. The port responds within milliseconds unless the machine is overloaded.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a response. A thousand series take about 200 KiB.
const RESPONSE_LIMIT: usize = 64 * 1024 * 1024;

/// The admin port of a gateway.
pub(in crate::commands) struct AdminClient {
    address: ListenAddress,
    token: Option<String>,
}

impl AdminClient {
    /// A client of the port at `address` (`host:port`, or the path of a Unix socket).
    ///
    /// # Errors
    /// When the address has another form.
    pub(in crate::commands) fn new(address: &str, token: Option<String>) -> Result<Self, CommandError> {
        let address = address.strip_prefix("http://").unwrap_or(address);
        match address.parse() {
            Ok(ListenAddress::Systemd) => {
                Err(CommandError::Usage("the admin port has no socket of systemd".to_owned()))
            }
            Ok(address) => Ok(Self { address, token }),
            Err(error) => Err(CommandError::Usage(error.to_string())),
        }
    }

    /// The state of the gateway now.
    ///
    /// # Errors
    /// When the port cannot be reached or does not return metrics.
    pub(super) async fn read_snapshot(&self) -> Result<Snapshot, CommandError> {
        let (status, metrics) = self.get("/metrics").await?;
        if status == StatusCode::UNAUTHORIZED {
            return Err(self.problem("the port requires a token (--token, BEDROCK_GRPC_ADMIN_TOKEN)".to_owned()));
        }
        if status != StatusCode::OK {
            return Err(self.problem(format!("/metrics: HTTP status {}", status.as_u16())));
        }
        let (status, calls) = self.get("/calls").await?;
        let running = (status == StatusCode::OK).then(|| read_calls(&calls)).flatten();
        Ok(Snapshot::new(&String::from_utf8_lossy(&metrics), running, Instant::now()))
    }

    /// The body of a path.
    ///
    /// # Errors
    /// When the port cannot be reached or has no such path.
    pub(in crate::commands) async fn read(&self, path: &str) -> Result<Bytes, CommandError> {
        match self.get(path).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(self.problem(format!("{path}: HTTP status {}", status.as_u16()))),
        }
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Bytes), CommandError> {
        let exchange = async {
            match &self.address {
                ListenAddress::Tcp(address) => self.exchange(TcpStream::connect(address).await?, path).await,
                ListenAddress::Unix(path_of_socket) => {
                    self.exchange(UnixStream::connect(path_of_socket).await?, path).await
                }
                ListenAddress::Systemd => Err(std::io::Error::other("no address").into()),
            }
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.problem(error.to_string())),
            Err(_) => Err(self.problem(format!("no response within {TIMEOUT:?}"))),
        }
    }

    async fn exchange(
        &self,
        socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let request =
            Request::get(path).header(header::HOST, "localhost").header(header::ACCEPT, "text/plain, application/json");
        let request = match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let response = async {
            let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), RESPONSE_LIMIT).collect().await?;
            Ok((status, body.to_bytes()))
        };
        tokio::select! {
            response = response => response,
            Err(error) = connection => Err(error.into()),
        }
    }

    fn problem(&self, problem: String) -> CommandError {
        CommandError::Usage(format!("admin port {}: {problem}", self.address))
    }
}

/// The running calls in the body of `/calls`. `None` if the body has another form.
fn read_calls(body: &[u8]) -> Option<Vec<RunningCall>> {
    #[derive(serde::Deserialize)]
    struct Calls {
        calls: Vec<RunningCall>,
    }
    serde_json::from_slice::<Calls>(body).ok().map(|body| body.calls)
}
