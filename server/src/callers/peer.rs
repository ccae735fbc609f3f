//! The other end of a connection, as far as it is known without its requests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::identity::IdentityPattern;

/// The other end of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its IP address. `None` on a Unix socket.
    pub(crate) address: Option<IpAddr>,
    /// The user of its process, on a Unix socket.
    pub(crate) uid: Option<u32>,
    /// The names in its certificate, which TLS has verified.
    pub(crate) certificate: Option<CertificateNames>,
}

/// The network of one host: an IPv4 address as it is, an IPv6 address without its last 64 bits, because a host usually gets a /64
/// network (RFC 6177).
pub(crate) fn host_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// The names in a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CertificateNames {
    /// The URIs, for example SPIFFE ids.
    pub(crate) uris: Vec<String>,
    /// The DNS names, in lower case.
    pub(crate) dns: Vec<String>,
}

impl CertificateNames {
    /// Reads the subject alternative names of a certificate that TLS has verified. Without such names both lists are empty.
    #[must_use]
    pub(crate) fn from_certificate(certificate: &CertificateDer<'_>) -> Self {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Self::default() };
        Self {
            uris: certificate.valid_uri_names().map(str::to_owned).collect(),
            dns: certificate.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        }
    }

    /// Whether a name matches.
    pub(super) fn matches(&self, identity: &IdentityPattern) -> bool {
        match identity {
            IdentityPattern::Uri(pattern) => self.uris.iter().any(|uri| pattern.matches(uri)),
            IdentityPattern::Dns(pattern) => self.dns.iter().any(|name| pattern.matches(name)),
            _ => false,
        }
    }
}

/// A peer whose `x-forwarded-client-cert` is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrustedPeer {
    /// By its IP address.
    Network(IpNet),
    /// By its certificate, or by the user of its Unix socket.
    Identity(IdentityPattern),
}

impl TrustedPeer {
    /// Whether `peer` is this one.
    pub(super) fn includes(&self, peer: &Peer) -> bool {
        match self {
            Self::Network(network) => peer.address.is_some_and(|address| network.contains(&address.to_canonical())),
            Self::Identity(IdentityPattern::Uid(uid)) => peer.uid == Some(*uid),
            Self::Identity(identity) => peer.certificate.as_ref().is_some_and(|names| names.matches(identity)),
        }
    }
}

/// A text that names no peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address, a network such as `10.0.0.0/8`, `spiffe://...`, `dns:NAME` or `uid:NUMBER`")]
pub(crate) struct NotAPeer;

impl FromStr for TrustedPeer {
    type Err = NotAPeer;

    fn from_str(text: &str) -> Result<Self, NotAPeer> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        match text.parse() {
            Ok(identity @ (IdentityPattern::Uri(_) | IdentityPattern::Dns(_) | IdentityPattern::Uid(_))) => {
                Ok(Self::Identity(identity))
            }
            _ => Err(NotAPeer),
        }
    }
}

impl fmt::Display for TrustedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}
