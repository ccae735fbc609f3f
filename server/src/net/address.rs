//! The address to listen on.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The text of [`ListenAddress::Systemd`]. It has no port, so it is no host name that one could listen on.
const SYSTEMD: &str = "systemd";

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// `host:port`. Port 0 takes a free port.
    Tcp(String),
    /// The path of a Unix socket: any text with a slash in it, or `unix:` and a path.
    Unix(PathBuf),
    /// The socket that systemd passes to the process (`LISTEN_FDS`): the text `systemd`.
    Systemd,
}

impl ListenAddress {
    /// Whether only processes on this machine can connect. systemd's socket may be anything, and its unit says what.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Systemd => true,
            Self::Tcp(address) => {
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

/// An address without a host or a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected host:port, the path of a Unix socket, or unix: and a path")]
pub(crate) struct EmptyAddress;

impl FromStr for ListenAddress {
    type Err = EmptyAddress;

    fn from_str(text: &str) -> Result<Self, EmptyAddress> {
        let path = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:"));
        match path {
            Some("") => Err(EmptyAddress),
            Some(path) => Ok(Self::Unix(path.into())),
            None if text.is_empty() => Err(EmptyAddress),
            None if text == SYSTEMD => Ok(Self::Systemd),
            None if text.contains('/') => Ok(Self::Unix(text.into())),
            None => Ok(Self::Tcp(text.to_owned())),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Systemd => f.write_str(SYSTEMD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EmptyAddress, ListenAddress};

    #[test]
    fn address_with_a_slash_or_unix_prefix_is_a_socket_path() {
        assert_eq!("127.0.0.1:0".parse(), Ok(ListenAddress::Tcp("127.0.0.1:0".into())));
        assert_eq!("/run/x.sock".parse(), Ok(ListenAddress::Unix("/run/x.sock".into())));
        assert_eq!("unix:x.sock".parse(), Ok(ListenAddress::Unix("x.sock".into())));
        assert_eq!("unix:///run/x.sock".parse(), Ok(ListenAddress::Unix("/run/x.sock".into())));
        assert_eq!("systemd".parse(), Ok(ListenAddress::Systemd));
    }

    #[test]
    fn address_without_a_path_or_host_is_rejected() {
        for text in ["", "unix:", "unix://"] {
            assert_eq!(text.parse::<ListenAddress>(), Err(EmptyAddress), "{text}");
        }
    }
}
