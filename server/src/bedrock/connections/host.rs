//! The connections to one host: which one a call gets, when one is opened, and who waits for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::oneshot;

use super::connector::{Connector, Origin};
use super::http1::{Http1, Http1Host, Http1Lease};
use super::http2::{Http2, Http2Host, Http2Lease};
use super::lease::Lease;
use super::{ConnectionOptions, SendError};
use crate::telemetry::HostConnections;

/// A connection is opened once this share of all streams is in use, so that the next calls find one ready.
const FULL_SHARE: f64 = 0.75;

/// The connections to one host.
pub(in crate::bedrock) struct Host {
    pub(super) origin: Origin,
    pub(super) options: ConnectionOptions,
    connector: Arc<Connector>,
    state: Mutex<State>,
}

/// The protocol of the host, if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

struct State {
    protocol: Protocol,
    /// The HTTP/2 connections that take new calls.
    open: Vec<Arc<Http2>>,
    /// The HTTP/1.1 connections without a call; the last one was used last.
    idle: Vec<Http1>,
    /// All HTTP/1.1 connections, in use or idle.
    http1_count: usize,
    /// Connections that are being opened.
    opening: usize,
    /// Calls that wait for a connection, the oldest first.
    waiters: VecDeque<Waiter>,
}

/// A call that waits for a connection, or for the reason why it gets no connection.
type Waiter = oneshot::Sender<Result<Lease, Arc<str>>>;

impl Host {
    pub(super) fn new(origin: Origin, connector: Arc<Connector>, options: ConnectionOptions) -> Arc<Self> {
        let protocol = if origin.is_tls() { Protocol::Unknown } else { Protocol::Http1 };
        let state = State {
            protocol,
            open: Vec::new(),
            idle: Vec::new(),
            http1_count: 0,
            opening: 0,
            waiters: VecDeque::new(),
        };
        Arc::new(Self { origin, options, connector, state: Mutex::new(state) })
    }

    /// Host and port, for requests.
    pub(in crate::bedrock) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The connections and the requests on them now.
    pub(super) fn count(&self) -> HostConnections {
        let state = self.lock();
        let streams: usize = state.open.iter().map(|connection| connection.streams()).sum();
        let used = state.http1_count.saturating_sub(state.idle.len());
        let by_version = [("2", state.open.len(), streams), ("1.1", state.http1_count, used)];
        HostConnections {
            address: self.origin.authority().to_owned(),
            by_version: by_version.map(|(version, connections, streams)| (version, connections as u64, streams as u64)),
            waiting: state.waiters.len() as u64,
        }
    }

    /// A connection for one call. Waits while all are in use; calls are served in the order in which they came.
    ///
    /// # Errors
    /// [`SendError::NotSent`] when no connection can be opened.
    pub(in crate::bedrock) async fn acquire(self: &Arc<Self>) -> Result<Lease, SendError> {
        let (receiver, served) = {
            let mut state = self.lock();
            if state.waiters.is_empty()
                && let Some(lease) = self.take(&mut state)
            {
                self.open_ahead(&mut state);
                return Ok(lease);
            }
            let (sender, receiver) = oneshot::channel();
            state.waiters.push_back(sender);
            let served = self.match_waiters(&mut state);
            self.open_ahead(&mut state);
            (receiver, served)
        };
        for (waiter, lease) in served {
            let _ = waiter.send(Ok(lease));
        }
        match receiver.await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(reason)) => Err(SendError::NotSent(reason.to_string())),
            Err(_) => Err(SendError::NotSent("the connections to Bedrock are closed".to_owned())),
        }
    }

    /// Does the same as [`Host::acquire`], for a call that needs HTTP/2.
    ///
    /// # Errors
    /// [`SendError::NoHttp2`] at once when the host is known to have none.
    pub(super) async fn acquire_http2(self: &Arc<Self>) -> Result<Lease, SendError> {
        if self.lock().protocol == Protocol::Http1 {
            return Err(SendError::NoHttp2);
        }
        match self.acquire().await? {
            Lease::Http1(lease) => {
                lease.give_back();
                Err(SendError::NoHttp2)
            }
            lease => Ok(lease),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn match_waiters(self: &Arc<Self>, state: &mut State) -> Vec<(Waiter, Lease)> {
        let mut served = Vec::new();
        while let Some(waiter) = state.waiters.pop_front() {
            if waiter.is_closed() {
                continue;
            }
            match self.take(state) {
                Some(lease) => served.push((waiter, lease)),
                None => {
                    state.waiters.push_front(waiter);
                    break;
                }
            }
        }
        served
    }

    /// Takes a stream of the least loaded connection. Of equally loaded connections it takes the first one, so that the
    /// later ones become idle and close.
    fn take(self: &Arc<Self>, state: &mut State) -> Option<Lease> {
        let limit = self.options.streams_per_connection;
        loop {
            let free = state.open.iter().enumerate().filter(|(_, connection)| connection.has_room(limit));
            let Some((position, connection)) = free.min_by_key(|(_, connection)| connection.streams()) else { break };
            if connection.is_usable() {
                let host: Arc<Self> = Arc::clone(self);
                return Some(Lease::Http2(Http2Lease::new(connection, host)));
            }
            state.open.remove(position);
        }
        while let Some(connection) = state.idle.pop() {
            if connection.is_usable() {
                let host: Arc<Self> = Arc::clone(self);
                return Some(Lease::Http1(Http1Lease::new(connection, host)));
            }
            state.http1_count -= 1;
        }
        None
    }

    /// Opens connections for the calls that wait and, over HTTP/2, for the next calls.
    fn open_ahead(self: &Arc<Self>, state: &mut State) {
        let waiting = state.waiters.len();
        let missing = if state.protocol == Protocol::Http1 {
            let room = self.options.http1_connections_per_host.saturating_sub(state.http1_count + state.opening);
            waiting.saturating_sub(state.opening).min(room)
        } else {
            let per_connection = state.open.iter().map(|c| c.limit(self.options.streams_per_connection)).min();
            let per_connection = per_connection.unwrap_or(self.options.streams_per_connection).max(1);
            let streams: usize = state.open.iter().map(|connection| connection.streams()).sum();
            let wanted = (streams + waiting) as f64 / (per_connection as f64 * FULL_SHARE);
            let wanted = (wanted.ceil() as usize).min(self.options.connections_per_host);
            wanted.saturating_sub(state.open.len() + state.opening)
        };
        state.opening += missing;
        for _ in 0..missing {
            // The connect timeout limits this task, and it ends with the runtime.
            tokio::spawn(Arc::clone(self).open());
        }
    }

    async fn open(self: Arc<Self>) {
        let limit = self.options.connect_timeout;
        let opened = match tokio::time::timeout(limit, self.connect()).await {
            Ok(opened) => opened,
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no connection within {limit:?}"))),
        };
        let (served, failed) = {
            let mut state = self.lock();
            state.opening -= 1;
            let mut failed = None;
            match opened {
                Ok(Opened::Http2(connection)) => {
                    state.protocol = Protocol::Http2;
                    state.open.push(connection);
                }
                Ok(Opened::Http1(connection)) => {
                    state.protocol = Protocol::Http1;
                    state.http1_count += 1;
                    state.idle.push(connection);
                }
                // Others may still succeed. If there is no connection, the waiting calls receive the error.
                Err(error) => {
                    tracing::debug!(host = self.origin.authority(), %error, "a connection to Bedrock could not be opened");
                    if state.opening == 0 {
                        let reason: Arc<str> = describe(&error).into();
                        failed = Some((reason, std::mem::take(&mut state.waiters)));
                    }
                }
            }
            let served = self.match_waiters(&mut state);
            self.open_ahead(&mut state);
            (served, failed)
        };
        for (waiter, lease) in served {
            let _ = waiter.send(Ok(lease));
        }
        if let Some((reason, waiters)) = failed {
            for waiter in waiters {
                let _ = waiter.send(Err(Arc::clone(&reason)));
            }
        }
    }

    async fn connect(self: &Arc<Self>) -> std::io::Result<Opened> {
        let connected = self.connector.connect(&self.origin).await?;
        if connected.is_http2 {
            let host: Weak<Self> = Arc::downgrade(self);
            Ok(Opened::Http2(Http2::open(connected.socket, &self.options, host).await?))
        } else {
            Ok(Opened::Http1(Http1::open(connected.socket, connected.forwarding).await?))
        }
    }
}

impl Http2Host for Host {
    fn serve_waiters(self: Arc<Self>) {
        let served = {
            let mut state = self.lock();
            if state.waiters.is_empty() {
                return;
            }
            let served = self.match_waiters(&mut state);
            self.open_ahead(&mut state);
            served
        };
        // If a waiting call has gone, its lease is dropped here. That takes the lock, so the lock must be free.
        for (waiter, lease) in served {
            let _ = waiter.send(Ok(lease));
        }
    }

    fn retire(self: Arc<Self>, connection_id: u64) {
        let retired = {
            let mut state = self.lock();
            let position = state.open.iter().position(|open| open.id == connection_id);
            position.map(|position| state.open.remove(position))
        };
        drop(retired);
        self.serve_waiters();
    }
}

impl Http1Host for Host {
    fn keep_idle(self: Arc<Self>, mut connection: Http1) {
        connection.idle_since = Instant::now();
        let expired: Vec<Http1> = {
            let mut state = self.lock();
            state.idle.push(connection);
            let fresh = state.idle.iter().position(|idle| !idle.is_expired()).unwrap_or(state.idle.len());
            state.http1_count -= fresh;
            state.idle.drain(..fresh).collect()
        };
        drop(expired);
        self.serve_waiters();
    }

    fn forget_http1(self: Arc<Self>) {
        self.lock().http1_count -= 1;
        self.serve_waiters();
    }
}

enum Opened {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// The texts of an error and of its causes.
fn describe(error: &std::io::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
