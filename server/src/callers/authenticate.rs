//! From the credentials of a call to its caller.
//!
//! The order is fixed: the client certificate, a token, an API key, the certificate that a trusted proxy forwards, the user of a
//! Unix socket. The first credential that belongs to a caller counts.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::api_key::{compare_with_nothing, matches_hash, public_half};
use super::attempts::FailedAttempts;
use super::caller::Caller;
use super::forwarded::forwarded_names;
use super::identity::IdentityPattern;
use super::jwt::{Issuer, IssuerSettings, verify_token};
use super::key_source::KeySourceError;
use super::peer::{CertificateNames, Peer, TrustedPeer};
use crate::error::Failure;

/// The header of an API key. `authorization: Bearer KEY` is the other form.
const API_KEY_HEADER: &str = "x-api-key";

/// How callers are recognized.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthenticationOptions {
    /// The callers with their identities.
    pub(crate) callers: Vec<(Vec<IdentityPattern>, Caller)>,
    /// The issuers of tokens.
    pub(crate) issuers: Vec<IssuerSettings>,
    /// The peers whose `x-forwarded-client-cert` is trusted.
    pub(crate) trusted_proxies: Vec<TrustedPeer>,
    /// Maximum number of failed attempts of one peer in a minute. 0: no limit.
    pub(crate) failures_per_minute: u32,
    /// Whether health checks and reflection need a caller.
    pub(crate) health: bool,
}

/// Recognizes callers. It never changes; a reload of the configuration makes another one.
#[derive(Default)]
pub(crate) struct Authenticator {
    options: AuthenticationOptions,
    callers: Vec<Arc<Caller>>,
    /// By the public half of a key: the hash of the key, and the index of its caller.
    keys: HashMap<String, ([u8; 32], usize)>,
    issuers: Vec<Issuer>,
    anonymous: Anonymous,
    attempts: Arc<FailedAttempts>,
}

/// The caller of a gateway without configured callers.
struct Anonymous(Arc<Caller>);

impl Default for Anonymous {
    fn default() -> Self {
        Self(Arc::new(Caller::anonymous()))
    }
}

/// Credentials in a call's headers.
enum Credential<'a> {
    Token(&'a str),
    Key(&'a str),
}

impl Authenticator {
    /// An authenticator with `options`. It takes the keys of unchanged issuers, and the counts of failed attempts, from
    /// `previous`.
    ///
    /// # Errors
    /// When the certificates of an issuer cannot be used.
    pub(crate) fn new(options: AuthenticationOptions, previous: Option<&Self>) -> Result<Self, KeySourceError> {
        let mut issuers = Vec::new();
        for settings in &options.issuers {
            let known =
                previous.and_then(|previous| previous.issuers.iter().find(|issuer| issuer.settings == *settings));
            issuers.push(known.cloned().map_or_else(|| Issuer::start(settings.clone()), Ok)?);
        }
        let mut keys = HashMap::new();
        for (index, (identities, _)) in options.callers.iter().enumerate() {
            for identity in identities {
                if let IdentityPattern::Key { public, hash } = identity {
                    keys.insert(public.clone(), (*hash, index));
                }
            }
        }
        Ok(Self {
            callers: options.callers.iter().map(|(_, caller)| Arc::new(caller.clone())).collect(),
            keys,
            issuers,
            anonymous: Anonymous::default(),
            attempts: previous.map(|previous| Arc::clone(&previous.attempts)).unwrap_or_default(),
            options,
        })
    }

    /// Whether health checks and reflection need a caller.
    pub(crate) fn protects_health(&self) -> bool {
        self.options.health
    }

    /// The caller of a request with these headers from this peer. Without configured callers it is anonymous.
    ///
    /// # Errors
    /// [`Failure::CallerUnknown`] says for each credential why it does not count. [`Failure::TooManyAttempts`] after too many of
    /// those.
    pub(crate) async fn identify(&self, headers: &HeaderMap, peer: &Peer) -> Result<Arc<Caller>, Failure> {
        if self.callers.is_empty() {
            return Ok(Arc::clone(&self.anonymous.0));
        }
        let mut problems = Vec::new();
        if let Some(names) = &peer.certificate {
            match self.find_by_names(names) {
                Some(caller) => return Ok(caller),
                None => problems.push("the names in the certificate belong to no caller"),
            }
        }
        match self.find_by_headers(headers, peer, &mut problems).await? {
            Some(caller) => return Ok(caller),
            None if self.options.trusted_proxies.iter().any(|trusted| trusted.includes(peer)) => {
                match forwarded_names(headers).map(|names| self.find_by_names(&names)) {
                    Some(Some(caller)) => return Ok(caller),
                    Some(None) => problems.push("the names in x-forwarded-client-cert belong to no caller"),
                    None => {}
                }
            }
            None => {}
        }
        if let Some(uid) = peer.uid {
            match self.find(|identity| *identity == IdentityPattern::Uid(uid)) {
                Some(caller) => return Ok(caller),
                None => problems.push("the user of the socket's other end belongs to no caller"),
            }
        }
        if problems.is_empty() {
            problems.push("the call has no credential: send a client certificate, a token or an API key");
        }
        self.attempts.count(peer.address);
        Err(Failure::CallerUnknown(problems.join("; ")))
    }

    /// The caller of the first token or key. `None` if no token and no key belongs to a caller.
    async fn find_by_headers(
        &self,
        headers: &HeaderMap,
        peer: &Peer,
        problems: &mut Vec<&'static str>,
    ) -> Result<Option<Arc<Caller>>, Failure> {
        let credentials = find_credentials(headers);
        if !credentials.is_empty() && self.attempts.exceeds(peer.address, self.options.failures_per_minute) {
            return Err(Failure::TooManyAttempts);
        }
        for credential in credentials {
            let found = match credential {
                Credential::Token(_) if self.issuers.is_empty() => Err("the gateway accepts no tokens"),
                Credential::Token(token) => self.find_by_token(token).await,
                Credential::Key(key) => self.find_by_key(key),
            };
            match found {
                Ok(caller) => return Ok(Some(caller)),
                Err(problem) => problems.push(problem),
            }
        }
        Ok(None)
    }

    async fn find_by_token(&self, token: &str) -> Result<Arc<Caller>, &'static str> {
        let (issuer, subject) = verify_token(&self.issuers, token).await?;
        // With several issuers, the same subject may be two people.
        let subject = if self.issuers.len() > 1 { format!("{issuer}/{subject}") } else { subject };
        self.find(|identity| matches!(identity, IdentityPattern::Jwt(pattern) if pattern.matches(&subject)))
            .ok_or("the token's subject belongs to no caller")
    }

    fn find_by_key(&self, key: &str) -> Result<Arc<Caller>, &'static str> {
        const UNKNOWN: &str = "the API key is unknown";
        match public_half(key).and_then(|public| self.keys.get(public)) {
            Some((hash, caller)) if matches_hash(key, hash) => self.callers.get(*caller).cloned().ok_or(UNKNOWN),
            Some(_) => Err(UNKNOWN),
            None => {
                compare_with_nothing(key);
                Err(UNKNOWN)
            }
        }
    }

    /// The caller with one of the names. A URI has priority over a DNS name.
    fn find_by_names(&self, names: &CertificateNames) -> Option<Arc<Caller>> {
        let by =
            |is_kind: fn(&IdentityPattern) -> bool| self.find(|identity| is_kind(identity) && names.matches(identity));
        by(|identity| matches!(identity, IdentityPattern::Uri(_)))
            .or_else(|| by(|identity| matches!(identity, IdentityPattern::Dns(_))))
    }

    fn find(&self, fits: impl Fn(&IdentityPattern) -> bool) -> Option<Arc<Caller>> {
        let index = self.options.callers.iter().position(|(identities, _)| identities.iter().any(&fits))?;
        self.callers.get(index).cloned()
    }
}

/// The credentials in the order in which they are tried: tokens before keys.
fn find_credentials(headers: &HeaderMap) -> Vec<Credential<'_>> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let key = headers.get(API_KEY_HEADER).and_then(|value| value.to_str().ok()).map(Credential::Key);
    let bearer = bearer.map(|text| match public_half(text) {
        Some(_) => Credential::Key(text),
        None => Credential::Token(text),
    });
    bearer.into_iter().chain(key).collect()
}
