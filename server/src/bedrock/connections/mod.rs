//! Connections to Bedrock: per host several HTTP/2 connections where TLS negotiates it, otherwise a bounded set of HTTP/1.1
//! connections.
//!
//! A call takes a [`Lease`] on a connection, sends its request on it and gives it back when the response has ended or is
//! dropped. `host` decides which connection a call gets and when one is opened; `http2` and `http1` own one connection
//! each; `connector` opens sockets.
//!
//! hyper-util's pools keep one HTTP/2 connection per host and do not count its streams. hyper's HTTP/2 client sends request
//! bodies from tasks that a dropped response does not end. So this module uses the `h2` crate for HTTP/2, as hyper does.

mod body;
mod connector;
mod host;
mod http1;
mod http2;
mod lease;
mod options;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};

pub(in crate::bedrock) use body::IncomingBody;
pub(crate) use connector::ConnectorError;
pub(in crate::bedrock) use connector::Origin;
pub(in crate::bedrock) use host::Host;
pub(in crate::bedrock) use http2::SendBody;
pub(in crate::bedrock) use lease::Lease;
pub(crate) use options::ConnectionOptions;

use crate::telemetry::HostConnections;
use connector::Connector;

/// How many times a request is sent on another connection because the peer has not processed it. The peer did no work, so
/// this costs no attempt of the call; the limit stops a peer that never processes a request.
const UNPROCESSED_LIMIT: u32 = 5;

/// All connections to Bedrock.
pub(in crate::bedrock) struct Pool {
    connector: Arc<Connector>,
    options: ConnectionOptions,
    hosts: Mutex<HashMap<Origin, Arc<Host>>>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(in crate::bedrock) enum SendError {
    /// No connection could be opened, or the peer says that it did not process the request.
    #[error("{0}")]
    NotSent(String),
    /// The connection broke after the request was sent. Bedrock may have processed it.
    #[error("the connection broke before a response: {0}")]
    Lost(String),
    /// The endpoint does not offer HTTP/2, which the request needs.
    #[error("the endpoint has no HTTP/2")]
    NoHttp2,
}

impl Pool {
    /// A pool without connections.
    ///
    /// # Errors
    /// When the certificates to trust cannot be used.
    pub(in crate::bedrock) fn new(options: ConnectionOptions) -> Result<Self, ConnectorError> {
        let connector = Arc::new(Connector::new(&options)?);
        Ok(Self { connector, options, hosts: Mutex::default() })
    }

    /// The connections to one origin. They are kept for ever. This is safe, because origins come from the configuration and
    /// the Regions, not from callers.
    pub(in crate::bedrock) fn host(&self, origin: Origin) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Host::new(origin.clone(), Arc::clone(&self.connector), self.options.clone());
        Arc::clone(hosts.entry(origin.clone()).or_insert_with(make))
    }

    /// The connections to all origins now.
    pub(in crate::bedrock) fn count(&self) -> Vec<HostConnections> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).values().map(|host| host.count()).collect()
    }

    /// Closes the connections to all origins that are not in `used`.
    pub(in crate::bedrock) fn retain(&self, used: impl Fn(&Origin) -> bool) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).retain(|origin, _| used(origin));
    }
}

/// Sends a request that `build` writes, on whichever connection is free. `build` runs once a connection is there, so that
/// the signature's time is the time of sending; it runs again when the peer did not process the request.
///
/// # Errors
/// [`SendError`], or the error of `build`.
pub(in crate::bedrock) async fn send<E: From<SendError>>(
    host: &Arc<Host>,
    build: impl Fn() -> Result<Request<Bytes>, E>,
) -> Result<Response<IncomingBody>, E> {
    let mut tries = 0;
    loop {
        let lease = host.acquire().await?;
        let request = build()?;
        let sent = match lease {
            Lease::Http2(lease) => http2::send(lease, request).await.map(|response| response.map(IncomingBody::from)),
            Lease::Http1(lease) => http1::send(lease, request).await.map(|response| response.map(IncomingBody::from)),
        };
        tries += 1;
        match sent {
            Err(SendError::NotSent(reason)) if tries < UNPROCESSED_LIMIT => {
                tracing::debug!(reason, tries, "the request was not processed; sending it on another connection");
            }
            sent => return sent.map_err(E::from),
        }
    }
}

/// Opens a stream in both directions and sends the head of the request. Returns the pending response, the [`SendBody`] that
/// sends the request's body, and the second value of `build`.
///
/// # Errors
/// [`SendError::NoHttp2`] as soon as TLS has negotiated something else.
pub(in crate::bedrock) async fn open_stream<T, E: From<SendError>>(
    host: &Arc<Host>,
    build: impl Fn() -> Result<(Request<()>, T), E>,
) -> Result<(http2::PendingResponse, SendBody, T), E> {
    let mut tries = 0;
    loop {
        let Lease::Http2(lease) = host.acquire_http2().await? else { return Err(SendError::NoHttp2.into()) };
        tries += 1;
        let (request, signature) = build()?;
        match http2::open_stream(lease, request) {
            Ok((response, body)) => return Ok((response, body, signature)),
            Err(SendError::NotSent(_)) if tries < UNPROCESSED_LIMIT => {}
            Err(error) => return Err(error.into()),
        }
    }
}
