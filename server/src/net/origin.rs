//! The origins of web pages that may call the gateway.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

/// Origins that `--cors-allow-origin` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedOrigin {
    /// `*`: pages of every origin.
    Any,
    /// One origin, as browsers write it in the header `origin`: `https://app.example.com`.
    Exact(HeaderValue),
}

impl AllowedOrigin {
    /// Whether it allows a page of `origin`.
    #[must_use]
    pub(super) fn allows(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(allowed) => allowed == origin,
        }
    }
}

/// Why a text is no origin. A text that differs from what browsers send would never match.
/// <https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin>
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidOrigin {
    /// There is no scheme or no host.
    #[error("expected scheme://host or scheme://host:port, as https://app.example.com, or *")]
    Format,
    /// Something follows the host and port.
    #[error("an origin ends after the host and port: remove the slash and what follows it")]
    Path,
    /// Browsers write scheme and host in lower case.
    #[error("browsers write an origin in lower case")]
    UpperCase,
    /// Browsers leave out a port that is the scheme's default.
    #[error("browsers leave out the default port of the scheme: remove it")]
    DefaultPort,
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(origin) => f.write_str(&String::from_utf8_lossy(origin.as_bytes())),
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (scheme, host) = text.split_once("://").ok_or(InvalidOrigin::Format)?;
        if host.contains(['/', '?', '#']) {
            return Err(InvalidOrigin::Path);
        }
        let is_host = |host: &str| host.parse::<http::uri::Authority>().is_ok_and(|host| !host.host().is_empty());
        if scheme.is_empty() || !scheme.is_ascii() || host.contains(['@', '*']) || !is_host(host) {
            return Err(InvalidOrigin::Format);
        }
        if text.contains(|letter: char| letter.is_ascii_uppercase()) {
            return Err(InvalidOrigin::UpperCase);
        }
        if scheme == "http" && host.ends_with(":80") || scheme == "https" && host.ends_with(":443") {
            return Err(InvalidOrigin::DefaultPort);
        }
        HeaderValue::from_str(text).map(Self::Exact).map_err(|_| InvalidOrigin::Format)
    }
}

#[cfg(test)]
mod tests {
    use super::{AllowedOrigin, InvalidOrigin};

    #[test]
    fn origin_as_browsers_write_it_matches_only_itself() {
        for text in ["https://app.example.com", "http://127.0.0.1:8080", "http://[::1]:3000", "tauri://localhost"] {
            let allowed: AllowedOrigin = text.parse().unwrap();
            assert!(allowed.allows(&text.parse().unwrap()), "{text}");
            assert!(!allowed.allows(&"https://evil.example".parse().unwrap()), "{text}");
            assert!(!allowed.allows(&format!("{text}.evil.example").parse().unwrap()), "{text}");
        }
        assert!("*".parse::<AllowedOrigin>().unwrap().allows(&"https://evil.example".parse().unwrap()));
    }

    #[test]
    fn origin_that_no_browser_sends_is_rejected_with_the_reason() {
        for (text, reason) in [
            ("", InvalidOrigin::Format),
            ("null", InvalidOrigin::Format),
            ("app.example.com", InvalidOrigin::Format),
            ("https://", InvalidOrigin::Format),
            ("https://*.example.com", InvalidOrigin::Format),
            ("https://user@example.com", InvalidOrigin::Format),
            ("https://app.example.com/", InvalidOrigin::Path),
            ("https://app.example.com/chat", InvalidOrigin::Path),
            ("https://App.example.com", InvalidOrigin::UpperCase),
            ("https://app.example.com:443", InvalidOrigin::DefaultPort),
            ("http://app.example.com:80", InvalidOrigin::DefaultPort),
        ] {
            assert_eq!(text.parse::<AllowedOrigin>(), Err(reason), "{text}");
        }
    }
}
