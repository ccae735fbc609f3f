//! One HTTP/1.1 connection, for one call at a time.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SendError;
use super::connector::{Forwarding, Socket};
use super::options::IDLE_TIMEOUT;

/// One HTTP/1.1 connection.
pub(super) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    forwarding: Option<Forwarding>,
    pub(super) idle_since: Instant,
    /// Ends the driver, and with it the connection.
    _closing: DropGuard,
}

impl Http1 {
    pub(super) async fn open(socket: Socket, forwarding: Option<Forwarding>) -> io::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
        let closing = CancellationToken::new();
        let closed = closing.clone();
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to Bedrock broke");
                },
                () = closed.cancelled() => {}
            }
        });
        Ok(Self { sender, forwarding, idle_since: Instant::now(), _closing: closing.drop_guard() })
    }

    pub(super) fn is_expired(&self) -> bool {
        self.idle_since.elapsed() >= IDLE_TIMEOUT
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.is_expired()
    }

    /// In HTTP/1.1 the host is in a header. The request line has only the path, unless a proxy forwards the request.
    fn rewrite_for_http1(&self, request: &mut Request<Full<Bytes>>) {
        let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
        if let Some(Ok(host)) = authority.map(HeaderValue::try_from) {
            request.headers_mut().insert(HOST, host);
        }
        match &self.forwarding {
            Some(forwarding) => {
                if let Some(authorization) = &forwarding.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
                }
            }
            None => {
                let path = request.uri().path_and_query().cloned();
                *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
            }
        }
    }
}

/// The host that lends connections.
pub(super) trait Http1Host: Send + Sync {
    /// Keeps a connection for the next call.
    fn keep_idle(self: Arc<Self>, connection: Http1);

    /// Forgets a connection that is closed.
    fn forget_http1(self: Arc<Self>);
}

/// A whole HTTP/1.1 connection. Dropping it closes the connection; [`Http1Lease::give_back`] keeps it for the next call.
pub(in crate::bedrock) struct Http1Lease {
    /// `None` once the connection has been given back.
    connection: Option<Http1>,
    host: Arc<dyn Http1Host>,
}

impl Http1Lease {
    pub(super) fn new(connection: Http1, host: Arc<dyn Http1Host>) -> Self {
        Self { connection: Some(connection), host }
    }

    /// Returns the connection. The response must have been read to its end.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            Arc::clone(&self.host).keep_idle(connection);
        }
    }
}

impl Drop for Http1Lease {
    fn drop(&mut self) {
        if self.connection.take().is_some() {
            Arc::clone(&self.host).forget_http1();
        }
    }
}

/// Sends a complete request.
pub(super) async fn send(mut lease: Http1Lease, request: Request<Bytes>) -> Result<Response<Http1Body>, SendError> {
    let closed = || SendError::NotSent("the connection is closed".to_owned());
    let connection = lease.connection.as_mut().ok_or_else(closed)?;
    // A connection that the peer has closed meanwhile.
    connection.sender.ready().await.map_err(|_| closed())?;
    let mut request = request.map(Full::new);
    connection.rewrite_for_http1(&mut request);
    match connection.sender.try_send_request(request).await {
        Ok(response) => Ok(response.map(|body| Http1Body::new(body, lease))),
        Err(mut error) => {
            let is_unsent = error.take_message().is_some();
            let error = error.into_error();
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let text = format!("{error} {cause}").trim_end().to_owned();
            Err(if is_unsent { SendError::NotSent(text) } else { SendError::Lost(text) })
        }
    }
}

/// The body of an HTTP/1.1 response.
pub(in crate::bedrock) struct Http1Body {
    body: Incoming,
    /// The connection. It is returned to the host when the body has ended.
    lease: Option<Http1Lease>,
}

impl Http1Body {
    fn new(body: Incoming, lease: Http1Lease) -> Self {
        let mut this = Self { body, lease: Some(lease) };
        this.give_back_at_end();
        this
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
        loop {
            let polled = ready!(std::pin::Pin::new(&mut self.body).poll_frame(cx));
            match polled {
                None => {
                    if let Some(lease) = self.lease.take() {
                        lease.give_back();
                    }
                    return Poll::Ready(None);
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(()))),
                Some(Ok(frame)) => {
                    self.give_back_at_end();
                    // Trailers have no meaning here.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}
