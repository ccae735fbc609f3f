//! Opens sockets: TCP with fallback between address families, through a proxy where one is configured, and TLS.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower::{Service as _, service_fn};

use super::ConnectionOptions;

/// A byte stream to Bedrock or to a proxy.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Any byte stream.
pub(super) type Socket = Box<dyn ByteStream>;

/// Scheme, host and port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::bedrock) struct Origin {
    uri: Uri,
}

/// A connected socket and the protocol of the peer.
pub(super) struct Connected {
    pub(super) socket: Socket,
    pub(super) is_http2: bool,
    /// The proxy, if the socket leads to one that forwards requests. Proxies do that for plain HTTP.
    pub(super) forwarding: Option<Forwarding>,
}

/// A proxy that forwards requests. Each request must contain the whole URL.
pub(super) struct Forwarding {
    /// `proxy-authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// Opens sockets to any origin.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    proxies: Option<Arc<Matcher>>,
}

/// Why a socket could not be opened, or the connector could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectorError {
    /// A certificate to trust cannot be read.
    #[error("a certificate to trust cannot be used: {0}")]
    Certificate(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The address has no host.
    #[error("{0} names no host")]
    NoHost(String),
}

/// Time until the system probes a silent TCP connection, which finds dead peers of HTTP/1.1 (HTTP/2 has PING).
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Time until the second address family is tried too. (RFC 8305, section 8, recommends 250 ms.)
const HAPPY_EYEBALLS: Duration = Duration::from_millis(250);

impl Origin {
    /// The origin of a URL.
    ///
    /// # Errors
    /// When the URL has no scheme (`http` or `https`) or no host.
    pub(in crate::bedrock) fn new(uri: &Uri) -> Result<Self, ConnectorError> {
        let no_host = || ConnectorError::NoHost(uri.to_string());
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let (Some(scheme), Some(authority), true) = (uri.scheme(), uri.authority(), is_known) else {
            return Err(no_host());
        };
        // Clients leave out the default port of the scheme in `Host`, and the signature covers that header.
        let default_port = if scheme == &Scheme::HTTPS { ":443" } else { ":80" };
        let address = authority.as_str();
        let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
        let address = address.strip_suffix(default_port).unwrap_or(address);
        let built = Uri::builder().scheme(scheme.clone()).authority(address).path_and_query("/").build();
        Ok(Self { uri: built.map_err(|_| no_host())? })
    }

    /// The origin as a URL.
    pub(in crate::bedrock) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it is `https`.
    pub(in crate::bedrock) fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Host and port as the URL has them.
    pub(in crate::bedrock) fn authority(&self) -> &str {
        self.uri.authority().map_or("", http::uri::Authority::as_str)
    }

    fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}

impl Connector {
    pub(super) fn new(options: &ConnectionOptions) -> Result<Self, ConnectorError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        tcp.set_happy_eyeballs_timeout(Some(HAPPY_EYEBALLS));
        let proxies = options.use_proxy.then(|| Arc::new(Matcher::from_env()));
        Ok(Self { tcp, tls: Arc::new(tls_config(options.extra_roots.as_deref())?), proxies })
    }

    /// Opens a socket to `origin`. The caller limits the time.
    pub(super) async fn connect(&self, origin: &Origin) -> io::Result<Connected> {
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&origin.uri));
        if !origin.is_tls() {
            let address = proxy.as_ref().map_or(&origin.uri, Intercept::uri);
            let socket = self.connect_host(address.clone()).await?;
            let forwarding = proxy.map(|proxy| Forwarding { authorization: proxy.basic_auth().cloned() });
            return Ok(Connected { socket, is_http2: false, forwarding });
        }
        let socket = match &proxy {
            Some(proxy) => self.connect_through(proxy, origin).await?,
            None => self.connect_tcp(origin.uri.clone()).await?,
        };
        let stream = self.handshake(Arc::clone(&self.tls), origin.host(), socket).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { socket: Box::new(stream), is_http2, forwarding: None })
    }

    async fn connect_tcp(&self, uri: Uri) -> io::Result<Socket> {
        let connected = self.tcp.clone().call(uri).await.map_err(io::Error::other)?;
        Ok(Box::new(connected.into_inner()))
    }

    /// Opens TCP, and TLS over it if the address is that of an https proxy. The proxy itself speaks HTTP/1.1.
    async fn connect_host(&self, uri: Uri) -> io::Result<Socket> {
        let (is_tls, host) = (uri.scheme() == Some(&Scheme::HTTPS), uri.host().unwrap_or_default().to_owned());
        let socket = self.connect_tcp(uri).await?;
        if !is_tls {
            return Ok(socket);
        }
        let mut tls = ClientConfig::clone(&self.tls);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Box::new(self.handshake(Arc::new(tls), &host, socket).await?))
    }

    /// A tunnel by CONNECT.
    async fn connect_through(&self, proxy: &Intercept, origin: &Origin) -> io::Result<Socket> {
        let connector = self.clone();
        let to_proxy = service_fn(move |uri: Uri| {
            let connector = connector.clone();
            async move { connector.connect_host(uri).await.map(TokioIo::new) }
        });
        let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let tunnelled = tunnel.call(origin.uri.clone()).await;
        Ok(tunnelled.map_err(|error| io::Error::other(format!("the proxy: {error}")))?.into_inner())
    }

    async fn handshake(
        &self,
        config: Arc<ClientConfig>,
        host: &str,
        socket: Socket,
    ) -> io::Result<tokio_rustls::client::TlsStream<Socket>> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, socket).await
    }
}

/// Trusts the platform's roots and `extra`, and prefers HTTP/2. The crypto provider is set, because rustls cannot choose one
/// if two are compiled in.
fn tls_config(extra: Option<&[u8]>) -> Result<ClientConfig, ConnectorError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the platform's certificates cannot be read");
    }
    // rustls cannot use some of a platform's certificates. They are ignored.
    roots.add_parsable_certificates(native.certs);
    for certificate in CertificateDer::pem_slice_iter(extra.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| ConnectorError::Certificate(error.to_string()))?;
        roots.add(certificate).map_err(|error| ConnectorError::Certificate(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
