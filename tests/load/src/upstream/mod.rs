//! A fast endpoint that speaks Bedrock's protocols: TLS, ALPN, HTTP/2, event-stream frames. Its responses are prepared in
//! advance, so that it costs little in comparison with the gateway. The model's id says how it responds ([`Behaviour`]).

mod behaviour;
mod payload;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use h2::server::SendResponse;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use behaviour::Behaviour;
pub(crate) use payload::{EVENTS, latencies};

use crate::Result;

/// A large window, so that the peer's requests never wait for it.
const WINDOW: u32 = 1 << 24;

/// The endpoint. It stops when it is dropped.
pub(crate) struct Upstream {
    /// `https://localhost:PORT`.
    pub(crate) endpoint: String,
    /// The certificate to trust.
    pub(crate) ca_pem: String,
    /// What is open.
    pub(crate) counts: Arc<Counts>,
    task: JoinHandle<()>,
}

/// Counts of connections and requests at the endpoint: those that are open, and all so far.
#[derive(Default)]
pub(crate) struct Counts {
    connections: AtomicUsize,
    streams: AtomicUsize,
    most_connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Counts {
    /// Connections that are open.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Requests that are neither complete nor reset.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Relaxed)
    }

    /// The maximum number of connections that were open at one time.
    pub(crate) fn most_connections(&self) -> usize {
        self.most_connections.load(Relaxed)
    }
}

/// Counts one while it exists.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Upstream {
    /// Listens on loopback. A connection may have `max_streams` streams at one time.
    pub(crate) async fn start(max_streams: u32) -> Result<Self> {
        let (acceptor, ca_pem) = tls()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(connection(acceptor.clone(), socket, max_streams, Arc::clone(&shared)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { endpoint, ca_pem, counts, task })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A certificate for `localhost` from an authority that exists only for this run.
fn tls() -> Result<(TlsAcceptor, String)> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate()?;
    let ca_pem = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), ca_pem))
}

async fn connection(acceptor: TlsAcceptor, socket: TcpStream, max_streams: u32, counts: Arc<Counts>) {
    let _counted = Counted::new(&counts.connections);
    counts.most_connections.fetch_max(counts.connections(), Relaxed);
    let _ = socket.set_nodelay(true);
    let Ok(socket) = acceptor.accept(socket).await else { return };
    let mut settings = h2::server::Builder::new();
    settings.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(max_streams);
    let Ok(mut http) = settings.handshake::<_, Bytes>(socket).await else { return };
    let mut streams = tokio::task::JoinSet::new();
    while let Some(Ok((request, respond))) = http.accept().await {
        streams.spawn(stream(request, respond, Arc::clone(&counts)));
        while streams.try_join_next().is_some() {}
    }
}

async fn stream(request: http::Request<h2::RecvStream>, respond: SendResponse<Bytes>, counts: Arc<Counts>) {
    let _counted = Counted::new(&counts.streams);
    let number = counts.requests.fetch_add(1, Relaxed);
    let (head, mut body) = request.into_parts();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
    // An error means that the peer has left. Nothing depends on it: the peer counts its own errors.
    let _ = Behaviour::parse(head.uri.path()).respond(respond, number).await;
}
