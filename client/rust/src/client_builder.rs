//! Options of a client: TLS, credentials for the gateway, keepalive, deadline, retries.

use std::fmt;
use std::time::Duration;

use crate::call_settings::{API_KEY, CallSettings};
use crate::client::Client;
use crate::connect::ConnectOptions;
use crate::error::Error;
use crate::retry::RetryPolicy;

/// Options of a client. [`Client::builder`] creates it.
pub struct ClientBuilder {
    connect: ConnectOptions,
    settings: CallSettings,
    metadata: Vec<(String, String)>,
}

impl Client {
    /// Connects with default options to `http://host:port`, `https://host:port` (with the crate's default feature `tls`; the
    /// platform's root certificates are trusted) or a Unix socket, `unix:/path`.
    ///
    /// The next call opens a lost connection again.
    ///
    /// # Errors
    /// [`Error::Endpoint`] if `endpoint` has none of these forms; [`Error::Connect`] if no connection is open after 10
    /// seconds.
    pub async fn connect(endpoint: impl Into<String>) -> Result<Self, Error> {
        Self::builder(endpoint).connect().await
    }

    /// Returns the options for a client of this endpoint.
    pub fn builder(endpoint: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            connect: ConnectOptions::new(endpoint.into()),
            settings: CallSettings::new(),
            metadata: Vec::new(),
        }
    }
}

impl ClientBuilder {
    /// Sends `authorization: Bearer TOKEN` with each call. Use an https endpoint: over http the token is readable on the
    /// network.
    #[must_use]
    pub fn bearer_token(self, token: impl AsRef<str>) -> Self {
        let value = format!("Bearer {}", token.as_ref());
        self.metadata("authorization", value)
    }

    /// Sends `x-api-key: KEY` with each call. Use an https endpoint: over http the key is readable on the network.
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.metadata(API_KEY, key)
    }

    /// Sends the header `key: value` with each call. [`connect`](Self::connect) reports an invalid key or value.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Trusts these PEM certificates instead of the platform's root certificates.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connect.tls.ca_certificates = Some(pem.into());
        self
    }

    /// Presents this PEM certificate chain, with its PEM key, to the gateway.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(mut self, certificate_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.connect.tls.client_identity = Some((certificate_pem.into(), key_pem.into()));
        self
    }

    /// The name that the gateway's certificate must have. Default: the host name of the endpoint.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.connect.tls.server_name = Some(name.into());
        self
    }

    /// Maximum time to open a connection. Default: 10 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.connect_timeout = timeout;
        self
    }

    /// Interval of HTTP/2 PING frames while calls run, and the maximum time to wait for the response to one. A connection
    /// that does not respond is closed, and its calls fail with `UNAVAILABLE`. Default: 30 and 20 seconds.
    #[must_use]
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.connect.keepalive_interval = interval;
        self.connect.keepalive_timeout = timeout;
        self
    }

    /// Maximum time of each call. See [`Client::with_timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// Retries of each call.
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// Opens the connection.
    ///
    /// # Errors
    /// [`Error::Endpoint`] or [`Error::Metadata`] for an invalid option; [`Error::Connect`] if no connection can be opened.
    pub async fn connect(self) -> Result<Client, Error> {
        let settings = self.call_settings()?;
        Ok(Client::with_settings(self.connect.connect().await?, settings))
    }

    /// Returns a client that connects at its first call.
    ///
    /// # Errors
    /// [`Error::Endpoint`] or [`Error::Metadata`] for an invalid option.
    pub fn connect_lazy(self) -> Result<Client, Error> {
        let settings = self.call_settings()?;
        Ok(Client::with_settings(self.connect.connect_lazy()?, settings))
    }

    fn call_settings(&self) -> Result<CallSettings, Error> {
        let mut settings = self.settings.clone();
        for (key, value) in &self.metadata {
            settings.set_metadata(key, value)?;
        }
        Ok(settings)
    }
}

/// The options may contain credentials. They are not shown.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("endpoint", &self.connect.endpoint).finish_non_exhaustive()
    }
}
