//! What a caller has proved about itself, and the patterns of it in the configuration.

use std::fmt;
use std::str::FromStr;

use super::pattern::Pattern;

/// Length of the public half of a key in hexadecimal digits: 64 bits.
pub(super) const PUBLIC_DIGITS: usize = 16;

/// How a caller is recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityPattern {
    /// A URI of a certificate: `spiffe://prod/ns/search/*`.
    Uri(Pattern),
    /// A DNS name of a certificate: `dns:search.example.com`.
    Dns(Pattern),
    /// The subject of a token: `jwt:search@example.com`, with several issuers `jwt:company/search@example.com`.
    Jwt(Pattern),
    /// An API key: `key:` its public half `:` the SHA-256 of the whole key.
    Key {
        /// The public half.
        public: String,
        /// SHA-256 of the key.
        hash: [u8; 32],
    },
    /// The user of a process that is connected by a Unix socket: `uid:1000`.
    Uid(u32),
}

/// A text that is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `spiffe://...`, `dns:NAME`, `jwt:SUBJECT`, `key:PUBLIC:HASH` (from `bedrock-grpc key new`) or `uid:NUMBER`"
)]
pub(crate) struct NotAnIdentity;

impl IdentityPattern {
    /// The part that must be different for each caller: the public half of a key, otherwise the whole identity.
    pub(crate) fn unique_part(&self) -> String {
        match self {
            Self::Key { public, .. } => format!("key:{public}"),
            other => other.to_string(),
        }
    }
}

impl FromStr for IdentityPattern {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        let pattern = |text: &str| Pattern::from_str(text).map_err(|never| match never {});
        match text.split_once(':') {
            Some(("dns", name)) if !name.is_empty() => Ok(Self::Dns(pattern(&name.to_ascii_lowercase())?)),
            Some(("jwt", subject)) if !subject.is_empty() => Ok(Self::Jwt(pattern(subject)?)),
            Some(("uid", number)) => number.parse().map(Self::Uid).map_err(|_| NotAnIdentity),
            Some(("key", key)) => {
                let (public, hash) = key.split_once(':').ok_or(NotAnIdentity)?;
                let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if public.len() != PUBLIC_DIGITS || !is_hex(public) || !is_hex(hash) {
                    return Err(NotAnIdentity);
                }
                Ok(Self::Key { public: public.to_owned(), hash: parse_hash(hash).ok_or(NotAnIdentity)? })
            }
            Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains('*') => Ok(Self::Uri(pattern(text)?)),
            _ => Err(NotAnIdentity),
        }
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

impl fmt::Display for IdentityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(pattern) => pattern.fmt(f),
            Self::Dns(pattern) => write!(f, "dns:{pattern}"),
            Self::Jwt(pattern) => write!(f, "jwt:{pattern}"),
            Self::Key { public, hash } => {
                write!(f, "key:{public}:")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Uid(uid) => write!(f, "uid:{uid}"),
        }
    }
}
