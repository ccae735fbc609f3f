//! Who calls, and what a caller may use.
//!
//! `authenticate` finds the caller of a call. `peer` has what is known about a connection, `forwarded`, `jwt`, `key_source` and
//! `api_key` have the credentials in headers. `caller` says what a caller may use.

mod api_key;
mod attempts;
mod authenticate;
mod caller;
mod forwarded;
mod identity;
mod jwt;
mod key_source;
mod pattern;
mod peer;

pub(crate) use api_key::{API_KEY_PREFIX, NewKey};
pub(crate) use authenticate::{AuthenticationOptions, Authenticator};
pub(crate) use caller::{Caller, RequiredGuardrail};
pub(crate) use identity::IdentityPattern;
pub(crate) use jwt::IssuerSettings;
pub(crate) use key_source::KeySourceError;
pub(crate) use pattern::Pattern;
pub(crate) use peer::{CertificateNames, Peer, TrustedPeer, host_network};

/// The name of the caller when no callers are configured.
pub(crate) const ANONYMOUS: &str = "anonymous";
