//! Serves one connection of a caller, from its handshake to its end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rand::RngExt as _;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use super::coalescing::{CoalescingSocket, WritePolicy};
use super::connection_limits::ConnectionLimits;
use super::handshake::{HttpVersion, Rewound, read_http_version};
use super::http1::reject_http1;
use super::open_calls::{CountedService, OpenCalls};
use super::socket::Socket;
use super::tls::ServerTls;
use crate::callers::Peer;

/// Time between two keepalive pings on a silent connection. Without them a caller whose machine has died would keep its
/// stream, which is paid for, until the model has finished.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum time for the response to a keepalive ping. (gRPC's default,
/// <https://github.com/grpc/grpc/blob/master/doc/keepalive.md>)
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How many bytes of one request a caller may send before the gateway reads them. At a round trip of 20 ms a caller uploads
/// 25 MB per second.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;

/// How many bytes of all requests on a connection a caller may send before the gateway reads them. This is the memory that a
/// connection can take. Proxies put the calls of many callers on one connection, and 8 uploads that stall leave room for
/// the others.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Maximum time for a connection without calls to close once it takes no new ones. The peer has to acknowledge a PING.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How connections are served. Clones share the service's state.
#[derive(Clone)]
pub(super) struct ConnectionServer<S> {
    /// The service of all requests. It must always be ready.
    pub(super) service: S,
    /// Whether HTTP/1.1 is served too.
    pub(super) serves_http1: bool,
    pub(super) limits: ConnectionLimits,
    pub(super) writes: WritePolicy,
    /// TLS on TCP. Unix sockets have none.
    pub(super) tls: Option<ServerTls>,
    /// Cancelled when connections must take no new calls.
    pub(super) draining: CancellationToken,
}

impl<S> ConnectionServer<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + Unpin,
{
    /// Serves `socket` until the peer closes it, it has no calls for too long, or its last call after the start of the
    /// shutdown has ended.
    pub(super) async fn serve(self, socket: Box<dyn Socket>, peer: Peer) {
        let handshake = timeout(self.limits.handshake_timeout, self.handshake(socket, peer));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = self.draining.cancelled() => return,
        };
        match handshake {
            Ok(Ok((HttpVersion::Http2, socket, peer))) => self.serve_http2(socket, peer).await,
            Ok(Ok((HttpVersion::Http1, socket, peer))) if self.serves_http1 => self.serve_http1(socket, peer).await,
            Ok(Ok((HttpVersion::Http1, socket, _))) => reject_http1(socket, self.limits.handshake_timeout).await,
            Ok(Err(error)) => tracing::debug!(%error, "a caller's connection ended within its handshake"),
            Err(_) => tracing::debug!("a caller's connection did not complete its handshake in time"),
        }
    }

    /// Makes the TLS handshake, if there is one, and reads which HTTP version the peer speaks.
    async fn handshake(
        &self,
        socket: Box<dyn Socket>,
        mut peer: Peer,
    ) -> io::Result<(HttpVersion, Rewound<Box<dyn Socket>>, Peer)> {
        let mut socket = socket;
        if let Some(tls) = self.tls.as_ref().filter(|_| peer.address.is_some()) {
            let (stream, certificate) = tls.accept(socket).await?;
            peer.certificate = certificate;
            socket = Box::new(stream);
        }
        let (version, socket) = read_http_version(socket).await?;
        Ok((version, socket, peer))
    }

    async fn serve_http2(self, socket: impl Socket + 'static, peer: Peer) {
        let Self { service, limits, writes, draining, .. } = self;
        let calls = OpenCalls::new();
        let service = CountedService::new(service, calls.clone(), peer);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(limits.streams_per_connection)
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .serve_connection(TokioIo::new(CoalescingSocket::new(socket, writes)), service);
        drive(connection, calls, &limits, &draining).await;
    }

    /// There are no pings in HTTP/1.1. A dead peer is noticed when TCP gives up an event.
    async fn serve_http1(self, socket: impl Socket + 'static, peer: Peer) {
        let Self { service, limits, writes, draining, .. } = self;
        let calls = OpenCalls::new();
        let service = CountedService::new(service, calls.clone(), peer);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.handshake_timeout)
            .serve_connection(TokioIo::new(CoalescingSocket::new(socket, writes)), service);
        drive(connection, calls, &limits, &draining).await;
    }
}

/// Runs a connection until it ends. It takes no new calls once it is too old or idle for too long, or the gateway drains.
async fn drive(
    connection: impl GracefulConnection<Error = hyper::Error>,
    calls: OpenCalls,
    limits: &ConnectionLimits,
    draining: &CancellationToken,
) {
    let mut connection = pin!(connection);
    let now = Instant::now();
    let mut age = pin!(sleep_until(now + limits.max_age.mul_f64(rand::rng().random_range(0.9..1.1))));
    let mut idle_limit = limits.idle_timeout;
    let mut idle = pin!(sleep_until(now + idle_limit));
    let mut is_closing = false;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a caller's connection broke");
                }
                return;
            }
            () = &mut idle => match calls.idle_for() {
                Some(time) if time >= idle_limit && is_closing => return,
                Some(time) if time >= idle_limit => is_closing = true,
                time => {
                    let rest = idle_limit.saturating_sub(time.unwrap_or_default());
                    idle.as_mut().reset(Instant::now() + rest);
                    continue;
                }
            },
            () = &mut age, if !is_closing => is_closing = true,
            () = draining.cancelled(), if !is_closing => is_closing = true,
        }
        connection.as_mut().graceful_shutdown();
        idle_limit = CLOSE_TIMEOUT;
        idle.as_mut().reset(Instant::now() + idle_limit);
    }
}
