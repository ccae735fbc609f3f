//! JSON Web Tokens. <https://www.rfc-editor.org/rfc/rfc7519>, <https://www.rfc-editor.org/rfc/rfc8725>

use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::key_source::{KeySource, KeySourceError, VerificationKey};

/// How far the clocks of the issuer and of this machine may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// The longest token in bytes. HTTP/2 allows 16 KiB for all headers.
const TOKEN_LIMIT: usize = 16 * 1024;

/// Settings of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuerSettings {
    /// The name in the configuration.
    pub(crate) name: String,
    /// The claim `iss`.
    pub(crate) issuer: String,
    /// The claims `aud` that are accepted.
    pub(crate) audience: Vec<String>,
    /// The https URL or the file of the keys.
    pub(crate) jwks: String,
    /// Certificates (PEM) to trust in addition to the platform's roots.
    pub(crate) ca: Option<PathBuf>,
    /// The claim that names the caller.
    pub(crate) claim: String,
}

/// An issuer whose tokens are accepted.
#[derive(Clone)]
pub(super) struct Issuer {
    pub(super) settings: IssuerSettings,
    /// The issuer after a reload of the configuration has the same source, if its settings have not changed.
    keys: Arc<KeySource>,
}

/// The claims that are read before the signature is checked, to find the issuer.
#[derive(Deserialize)]
struct Unverified {
    iss: Option<String>,
}

impl Issuer {
    /// An issuer whose keys are loaded in the background.
    ///
    /// # Errors
    /// When the certificates to trust cannot be used.
    pub(super) fn start(settings: IssuerSettings) -> Result<Self, KeySourceError> {
        let keys = Arc::new(KeySource::start(&settings.jwks, settings.ca.as_deref())?);
        Ok(Self { settings, keys })
    }
}

/// Checks a token and returns its issuer's name and its subject.
///
/// # Errors
/// Why the token is rejected. The text contains nothing of the token.
pub(super) async fn verify_token<'a>(issuers: &'a [Issuer], token: &str) -> Result<(&'a str, String), &'static str> {
    if token.len() > TOKEN_LIMIT {
        return Err("the token is too long");
    }
    let header = decode_header(token).map_err(|_| "the token is no JSON Web Token with a supported algorithm")?;
    if header.crit.is_some() {
        return Err("the token has extensions that the gateway does not know");
    }
    let claims: Unverified = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| "the token is no JSON Web Token with a supported algorithm")?;
    let issuer = claims.iss.and_then(|iss| issuers.iter().find(|issuer| issuer.settings.issuer == iss));
    let issuer = issuer.ok_or("the token's issuer is not configured")?;
    let key = issuer.keys.key(header.kid.as_deref()).await.ok_or("the token's key is not among the issuer's keys")?;
    if header.alg != key.algorithm {
        return Err("the token's algorithm is not the one of its key");
    }
    let claims = verify_claims(&issuer.settings, &key, token)?;
    match claims.get(&issuer.settings.claim) {
        Some(Value::String(subject)) => Ok((&issuer.settings.name, subject.clone())),
        _ => Err("the token has no subject"),
    }
}

fn verify_claims(
    settings: &IssuerSettings,
    key: &VerificationKey,
    token: &str,
) -> Result<serde_json::Map<String, Value>, &'static str> {
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[&settings.issuer]);
    validation.set_audience(&settings.audience);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    match decode(token, &key.key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::ExpiredSignature => "the token has expired",
            ErrorKind::ImmatureSignature => "the token is not valid yet",
            ErrorKind::InvalidAudience => "the token has another audience",
            ErrorKind::MissingRequiredClaim(_) => "the token lacks exp, iss or aud",
            _ => "the token's signature is invalid",
        }),
    }
}
