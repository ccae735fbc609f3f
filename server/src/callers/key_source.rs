//! The keys of an issuer (JWKS), from a URL or a file.
//!
//! They are loaded in the background and ahead of need. A token with an unknown key id triggers one load, which all tokens that
//! arrive meanwhile share. Keys stay when a load fails.
//! <https://www.rfc-editor.org/rfc/rfc7517#section-5>

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Time between two loads from a URL. Issuers announce new keys at least as long before they use them.
const URL_INTERVAL: Duration = Duration::from_secs(300);

/// Time between two loads from a file. Reading a small file costs a few microseconds.
const FILE_INTERVAL: Duration = Duration::from_secs(2);

/// Time to the next load after a failed one.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// Minimum time between two loads that unknown key ids trigger, so that tokens with random key ids cause no load on the issuer.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(5);

/// Maximum time of a load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest document in bytes. A key has less than 2 KiB.
const DOCUMENT_LIMIT: usize = 1024 * 1024;

/// Why keys cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeySourceError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file of certificates to trust is invalid.
    #[error("{}: {problem}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The issuer cannot be reached, or its response is an error.
    #[error("{0}")]
    Http(String),
    /// The document is no set of keys.
    #[error("not a JSON Web Key Set: {0}")]
    Document(String),
}

/// A key and the algorithm that its tokens have.
pub(super) struct VerificationKey {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The keys of an issuer.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    by_id: HashMap<String, Arc<VerificationKey>>,
}

/// Where keys come from, and the keys that were loaded last.
pub(super) struct KeySource {
    shared: Arc<Shared>,
    /// Ends with the source.
    _refresher: AbortOnDropHandle<()>,
}

struct Shared {
    location: Location,
    keys: ArcSwap<KeySet>,
    /// When the keys were loaded last, or could not be. Locked while a load runs.
    loaded: Mutex<Option<Instant>>,
}

enum Location {
    Url(Uri, Box<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>),
    File(PathBuf),
}

impl KeySource {
    /// Starts to load the keys at `location`, a URL or a file, in the background. `roots` is a file of certificates (PEM) to trust
    /// in addition to the platform's.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub(super) fn start(location: &str, roots: Option<&Path>) -> Result<Self, KeySourceError> {
        let location = match location.parse::<Uri>() {
            Ok(uri) if uri.scheme_str() == Some("https") => Location::Url(uri, Box::new(https_client(roots)?)),
            _ => Location::File(location.into()),
        };
        let shared = Arc::new(Shared { location, keys: ArcSwap::default(), loaded: Mutex::new(None) });
        let refresher = AbortOnDropHandle::new(tokio::spawn(refresh(Arc::clone(&shared))));
        Ok(Self { shared, _refresher: refresher })
    }

    /// The key with this id. Without an id: the only key that there is. An unknown id triggers a load.
    pub(super) async fn key(&self, id: Option<&str>) -> Option<Arc<VerificationKey>> {
        if let Some(key) = self.shared.keys.load().find(id) {
            return Some(key);
        }
        self.shared.load_for_unknown_key().await;
        self.shared.keys.load().find(id)
    }
}

impl KeySet {
    fn find(&self, id: Option<&str>) -> Option<Arc<VerificationKey>> {
        match id {
            Some(id) => self.by_id.get(id).cloned(),
            None if self.keys.len() == 1 => self.keys.first().cloned(),
            None => None,
        }
    }
}

/// Loads the keys again and again.
async fn refresh(shared: Arc<Shared>) {
    loop {
        let outcome = {
            let mut loaded = shared.loaded.lock().await;
            let outcome = shared.load().await;
            *loaded = Some(Instant::now());
            outcome
        };
        let interval = match (&outcome, &shared.location) {
            (Err(error), location) => {
                tracing::warn!(%error, keys = location.name(), "the keys of an issuer cannot be loaded; the old ones stay");
                RETRY_INTERVAL
            }
            (Ok(()), Location::Url(..)) => URL_INTERVAL,
            (Ok(()), Location::File(_)) => FILE_INTERVAL,
        };
        tokio::time::sleep(interval).await;
    }
}

impl Location {
    fn name(&self) -> String {
        match self {
            Self::Url(uri, _) => uri.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Shared {
    /// Loads the keys, unless they were loaded a short time ago. Tokens that arrive during a load wait for that one.
    async fn load_for_unknown_key(&self) {
        let before = Instant::now();
        let mut loaded = self.loaded.lock().await;
        let is_fresh = loaded.is_some_and(|at| at >= before || at.elapsed() < UNKNOWN_KEY_INTERVAL);
        if is_fresh {
            return;
        }
        if let Err(error) = self.load().await {
            tracing::warn!(%error, keys = self.location.name(), "the keys of an issuer cannot be loaded");
        }
        *loaded = Some(Instant::now());
    }

    async fn load(&self) -> Result<(), KeySourceError> {
        let document = match &self.location {
            Location::File(path) => tokio::fs::read(path)
                .await
                .map_err(|source| KeySourceError::File { path: path.clone(), source })?
                .into(),
            Location::Url(uri, client) => tokio::time::timeout(LOAD_TIMEOUT, fetch(client, uri.clone()))
                .await
                .map_err(|_| KeySourceError::Http(format!("no response within {LOAD_TIMEOUT:?}")))??,
        };
        let keys = parse_key_set(&document)?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }
}

async fn fetch(
    client: &Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    uri: Uri,
) -> Result<Bytes, KeySourceError> {
    let http = |error: &dyn std::error::Error| {
        let cause = std::iter::successors(Some(error), |error| error.source()).last();
        KeySourceError::Http(cause.map_or_else(String::new, ToString::to_string))
    };
    let response = client.get(uri).await.map_err(|error| http(&error))?;
    if !response.status().is_success() {
        return Err(KeySourceError::Http(format!("HTTP status {}", response.status().as_u16())));
    }
    let body = Limited::new(response.into_body(), DOCUMENT_LIMIT).collect().await;
    Ok(body.map_err(|error| KeySourceError::Http(error.to_string()))?.to_bytes())
}

/// A client that trusts the platform's roots and those in the file.
fn https_client(roots: Option<&Path>) -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, KeySourceError> {
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = roots {
        let problem = |problem: String| KeySourceError::Roots { path: path.to_owned(), problem };
        let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| problem(error.to_string()))?;
            store.add(certificate).map_err(|error| problem(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| KeySourceError::Http(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// A set whose keys are read one by one: a key of an unknown kind must not make the others unusable.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

fn parse_key_set(document: &[u8]) -> Result<KeySet, KeySourceError> {
    let document: Document =
        serde_json::from_slice(document).map_err(|error| KeySourceError::Document(error.to_string()))?;
    let mut set = KeySet::default();
    for key in document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter_map(to_key) {
        let key = Arc::new(key);
        if let Some(id) = &key.id {
            set.by_id.insert(id.clone(), Arc::clone(&key));
        }
        set.keys.push(key);
    }
    Ok(set)
}

/// A key that verifies RS256, ES256 or EdDSA. Secrets (HMAC) and keys for encryption are left out.
#[allow(clippy::needless_pass_by_value, reason = "the last step of a chain of owned values")]
fn to_key(jwk: Jwk) -> Option<VerificationKey> {
    if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(_) => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(VerificationKey { id: jwk.common.key_id, algorithm, key })
}
