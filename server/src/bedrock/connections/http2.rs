//! One HTTP/2 connection: the task that drives it, and the streams on it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::{Request, Response};
use rand::RngExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SendError;
use super::connector::Socket;
use super::options::{ConnectionOptions, IDLE_TIMEOUT};

/// Maximum time for a closing connection to write queued frames, for example RST_STREAM and GOAWAY.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The largest header list of a response that is accepted, in bytes. hyper's default.
const HEADER_LIST_LIMIT: u32 = 16 * 1024;

/// The number of streams that are remembered after we have reset them. The peer may send frames before it receives the
/// reset, and frames of remembered streams are not errors. The gateway resets many streams, because callers leave.
const RESET_STREAMS_REMEMBERED: usize = 1000;

/// Ages differ by up to this share, so that connections that were opened together do not retire together.
const AGE_JITTER: f64 = 0.1;

/// One HTTP/2 connection.
pub(super) struct Http2 {
    /// Unique within the process.
    pub(super) id: u64,
    sender: SendRequest<Bytes>,
    streams: AtomicUsize,
    /// SETTINGS_MAX_CONCURRENT_STREAMS, as the driver saw it last.
    peer_limit: AtomicUsize,
    idle_since: Mutex<Instant>,
    /// Why the gateway has closed the connection, if it has.
    ended: OnceLock<&'static str>,
    /// Ends the driver when the host and the last lease have been dropped.
    _closing: DropGuard,
}

impl Http2 {
    /// Starts HTTP/2 on a socket and returns once the peer has responded to a PING: so its SETTINGS are known too.
    pub(super) async fn open(
        socket: Socket,
        options: &ConnectionOptions,
        host: Weak<dyn Http2Host>,
    ) -> io::Result<Arc<Self>> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(options.stream_window)
            .initial_connection_window_size(options.connection_window())
            .max_header_list_size(HEADER_LIST_LIMIT)
            .max_concurrent_reset_streams(RESET_STREAMS_REMEMBERED)
            // This limit protects servers from clients. It would count frames that Bedrock sends before it receives our
            // resets.
            .max_local_error_reset_streams(None)
            .enable_push(false);
        let (sender, mut connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
        let pings = connection.ping_pong().ok_or_else(|| io::Error::other("no PING"))?;
        let closing = CancellationToken::new();
        let this = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            sender,
            streams: AtomicUsize::new(0),
            peer_limit: AtomicUsize::new(usize::MAX),
            idle_since: Mutex::new(Instant::now()),
            ended: OnceLock::new(),
            _closing: closing.clone().drop_guard(),
        });
        let (is_ready, ready) = oneshot::channel();
        let driver = Driver { connection: Arc::downgrade(&this), host, options: options.clone() };
        tokio::spawn(driver.run(connection, pings, closing, is_ready));
        ready.await.map_err(|_| io::Error::other("the connection closed before it was ready"))?;
        this.read_peer_limit();
        Ok(this)
    }

    /// How many calls run on it.
    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// How many calls may run on it.
    pub(super) fn limit(&self, bound: usize) -> usize {
        self.peer_limit.load(Ordering::Relaxed).min(bound)
    }

    fn read_peer_limit(&self) {
        self.peer_limit.store(self.sender.current_max_send_streams(), Ordering::Relaxed);
    }

    pub(super) fn has_room(&self, bound: usize) -> bool {
        self.streams() < self.limit(bound)
    }

    /// Whether new streams may be opened: not after GOAWAY, nor after an error.
    pub(super) fn is_usable(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.ended.get().is_none() && !matches!(self.sender.clone().poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    fn reserve_stream(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has ended.
    fn release_stream(&self) {
        if self.streams.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    fn is_idle(&self) -> bool {
        let idle_since = *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        self.streams() == 0 && idle_since.elapsed() >= IDLE_TIMEOUT
    }

    fn error(&self, error: &h2::Error) -> SendError {
        // The peer promises that it did not process these (RFC 9113, sections 8.7 and 6.8).
        let is_unprocessed = error.is_remote()
            && (error.is_go_away() || error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
        if is_unprocessed {
            return SendError::NotSent(error.to_string());
        }
        match self.ended.get() {
            Some(reason) => SendError::Lost((*reason).to_owned()),
            None => SendError::Lost(error.to_string()),
        }
    }
}

/// The task that moves a connection's bytes, checks that the peer is alive, and retires the connection.
struct Driver {
    connection: Weak<Http2>,
    host: Weak<dyn Http2Host>,
    options: ConnectionOptions,
}

impl Driver {
    async fn run(
        self,
        mut connection: Connection<Socket, Bytes>,
        mut pings: PingPong,
        closing: CancellationToken,
        is_ready: oneshot::Sender<()>,
    ) {
        let options = &self.options;
        let watch = async {
            // The connect timeout limits this wait. It drops the connection.
            if pings.ping(Ping::opaque()).await.is_err() || is_ready.send(()).is_err() {
                return std::future::pending().await;
            }
            let jitter = 1.0 + AGE_JITTER * (2.0 * rand::rng().random::<f64>() - 1.0);
            let retires = Instant::now() + options.maximum_age.mul_f64(jitter);
            let mut retired = false;
            loop {
                tokio::time::sleep(options.ping_interval).await;
                if tokio::time::timeout(options.ping_timeout, pings.ping(Ping::opaque())).await.is_err() {
                    return "no response to PING";
                }
                let Some(connection) = self.connection.upgrade() else { continue };
                connection.read_peer_limit();
                if !retired && (Instant::now() >= retires || connection.is_idle()) {
                    retired = true;
                    self.retire();
                }
            }
        };
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to Bedrock broke");
                }
            }
            reason = watch => {
                tracing::warn!(reason, "a connection to Bedrock is dead");
                if let Some(connection) = self.connection.upgrade() {
                    let _ = connection.ended.set(reason);
                }
            }
            () = closing.cancelled() => {
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, &mut connection).await;
            }
        }
        self.retire();
        // Dropping it ends all streams that are left.
        drop(connection);
    }

    fn retire(&self) {
        if let (Some(host), Some(connection)) = (self.host.upgrade(), self.connection.upgrade()) {
            host.retire(connection.id);
        }
    }
}

/// The host that lends streams.
pub(super) trait Http2Host: Send + Sync {
    /// Gives free streams to the calls that wait.
    fn serve_waiters(self: Arc<Self>);

    /// Starts no new calls on a connection. Running calls keep it.
    fn retire(self: Arc<Self>, connection_id: u64);
}

/// One stream of an HTTP/2 connection. Dropping it returns the stream.
pub(in crate::bedrock) struct Http2Lease {
    connection: Arc<Http2>,
    host: Arc<dyn Http2Host>,
}

impl Http2Lease {
    /// Counts a call on the connection. The host calls this under its lock.
    pub(super) fn new(connection: &Arc<Http2>, host: Arc<dyn Http2Host>) -> Self {
        connection.reserve_stream();
        Self { connection: Arc::clone(connection), host }
    }
}

impl Drop for Http2Lease {
    fn drop(&mut self) {
        self.connection.release_stream();
        Arc::clone(&self.host).serve_waiters();
    }
}

/// Sends a complete request.
pub(super) async fn send(lease: Http2Lease, request: Request<Bytes>) -> Result<Response<Http2Body>, SendError> {
    let (parts, body) = request.into_parts();
    let mut sender = lease.connection.sender.clone();
    let not_sent = |error: h2::Error| SendError::NotSent(error.to_string());
    let (response, mut stream) =
        sender.send_request(Request::from_parts(parts, ()), body.is_empty()).map_err(not_sent)?;
    if !body.is_empty() {
        // h2 cuts the body to frames as the peer's windows allow; the bytes are shared, not copied.
        stream.send_data(body, true).map_err(|error| lease.connection.error(&error))?;
    }
    PendingResponse { response, lease: Some(lease) }.await
}

/// Sends the headers of a request. The body follows.
pub(super) fn open_stream(lease: Http2Lease, request: Request<()>) -> Result<(PendingResponse, SendBody), SendError> {
    let mut sender = lease.connection.sender.clone();
    let sent = sender.send_request(request, false).map_err(|error| SendError::NotSent(error.to_string()));
    let (response, stream) = sent?;
    Ok((PendingResponse { response, lease: Some(lease) }, SendBody { stream }))
}

/// A response whose headers have not arrived. Dropping it resets the stream.
pub(in crate::bedrock) struct PendingResponse {
    response: ResponseFuture,
    lease: Option<Http2Lease>,
}

impl Future for PendingResponse {
    type Output = Result<Response<Http2Body>, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = ready!(Pin::new(&mut self.response).poll(cx));
        let Some(lease) = self.lease.take() else { return Poll::Pending };
        Poll::Ready(match received {
            Ok(response) => Ok(response.map(|stream| Http2Body::new(stream, lease))),
            Err(error) => Err(lease.connection.error(&error)),
        })
    }
}

/// The request body of a bidirectional stream. When this and the response have been dropped, the stream is reset, even if
/// data is queued.
pub(in crate::bedrock) struct SendBody {
    stream: SendStream<Bytes>,
}

impl SendBody {
    /// Sends `data` once the peer has room for all of it.
    ///
    /// # Errors
    /// When the stream is over.
    pub(in crate::bedrock) async fn send(&mut self, mut data: Bytes) -> Result<(), SendError> {
        let over = |reason: String| SendError::Lost(reason);
        while !data.is_empty() {
            self.stream.reserve_capacity(data.len());
            let capacity = std::future::poll_fn(|cx| self.stream.poll_capacity(cx)).await;
            let capacity = match capacity {
                // The window has changed, and there is no room yet.
                Some(Ok(0)) => continue,
                Some(Ok(capacity)) => capacity,
                Some(Err(error)) => return Err(over(error.to_string())),
                None => return Err(over("the stream is over".to_owned())),
            };
            let part = data.split_to(capacity.min(data.len()));
            self.stream.send_data(part, false).map_err(|error| over(error.to_string()))?;
        }
        Ok(())
    }

    /// Ends the request.
    pub(in crate::bedrock) fn finish(&mut self) {
        // An error means that the stream is over already.
        let _ = self.stream.send_data(Bytes::new(), true);
    }
}

/// The body of an HTTP/2 response.
pub(in crate::bedrock) struct Http2Body {
    stream: RecvStream,
    /// The stream. It is returned to the host when the body has ended.
    lease: Option<Http2Lease>,
}

impl Http2Body {
    fn new(stream: RecvStream, lease: Http2Lease) -> Self {
        let lease = (!stream.is_end_stream()).then_some(lease);
        Self { stream, lease }
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
        let polled = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &polled {
            // Only now may the peer send as many bytes again, because the caller has taken these.
            let _ = self.stream.flow_control().release_capacity(data.len());
        }
        if polled.is_none() || self.stream.is_end_stream() {
            self.lease = None;
        }
        Poll::Ready(polled.map(|data| data.map_err(drop)))
    }
}
