//! TLS for callers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::callers::CertificateNames;

/// The protocol of gRPC (RFC 9113, section 3.1). Newer gRPC clients require that the server selects it.
const ALPN_HTTP2: &[u8] = b"h2";

/// The files and rules of TLS for callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    /// The server's certificate with its chain (PEM).
    pub(crate) certificate: PathBuf,
    /// Its private key (PEM).
    pub(crate) key: PathBuf,
    /// The authorities (PEM) whose certificates callers may present.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether a connection needs a certificate, if there are authorities.
    pub(crate) requires_certificate: bool,
    /// Whether TLS 1.2 is allowed.
    pub(crate) allows_tls12: bool,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate and the key do not fit, or the key's algorithm is not supported.
    #[error("the certificate {} and the key {} cannot be used: {source}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// rustls's reason.
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("{}: {source}", path.display())]
    Authorities {
        /// Their file.
        path: PathBuf,
        /// rustls's reason.
        source: rustls::server::VerifierBuilderError,
    },
}

/// TLS for new connections. Clones share it, and all of them see new certificates.
#[derive(Debug, Clone)]
pub(crate) struct ServerTls(Arc<ArcSwap<ServerConfig>>);

impl ServerTls {
    /// Loads the files.
    ///
    /// # Errors
    /// [`TlsError`] says which file cannot be used.
    pub(crate) fn load(options: &TlsOptions) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(load_config(options)?))))
    }

    /// Loads the files again. Open connections keep their certificates.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; the old certificates stay then.
    pub(crate) fn reload(&self, options: &TlsOptions) -> Result<(), TlsError> {
        self.0.store(Arc::new(load_config(options)?));
        Ok(())
    }

    /// Makes the handshake, and returns the names in the peer's certificate if it has presented one.
    ///
    /// # Errors
    /// The peer does not speak TLS, or its certificate is missing or not accepted.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: S,
    ) -> std::io::Result<(TlsStream<S>, Option<CertificateNames>)> {
        let stream = TlsAcceptor::from(self.0.load_full()).accept(socket).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let names = certificates.and_then(<[_]>::first).map(CertificateNames::from_certificate);
        Ok((stream, names))
    }
}

fn load_config(options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let TlsOptions { certificate, key, client_ca, requires_certificate, allows_tls12 } = options;
    let pair = |source| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source };
    let versions: &[_] = if *allows_tls12 { rustls::ALL_VERSIONS } else { &[&rustls::version::TLS13] };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.map_err(pair)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in read_certificates(path)? {
                roots.add(authority).map_err(|error| file_error(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if *requires_certificate { verifier } else { verifier.allow_unauthenticated() };
            let verifier = verifier.build().map_err(|source| TlsError::Authorities { path: path.clone(), source })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = read_certificates(certificate)?;
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, &error))?;
    let mut config = builder.with_single_cert(chain, private_key).map_err(pair)?;
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec()];
    Ok(config)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| file_error(path, &error))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| file_error(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::File {
            path: path.to_owned(),
            problem: "the file contains no PEM certificate".to_owned(),
        });
    }
    Ok(certificates)
}

fn file_error(path: &Path, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), problem: error.to_string() }
}
