//! Opens the connection to a gateway.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::error::Error;

/// Maximum time to open a connection. TCP alone would try for minutes.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of HTTP/2 PING frames while calls run. A model can be silent for minutes, and without PING a connection that died
/// in a NAT is not noticed. gRPC servers allow one PING per 10 s or more
/// (<https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md>).
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Maximum time to wait for the response to a PING: the default of gRPC libraries.
pub(crate) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

const USER_AGENT: &str = concat!("bedrock-grpc-rust/", env!("CARGO_PKG_VERSION"));

/// Options of the connection.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(crate) endpoint: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) keepalive_interval: Duration,
    pub(crate) keepalive_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsOptions,
}

/// Options of TLS.
#[cfg(feature = "tls")]
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// PEM certificates to trust instead of the platform's roots.
    pub(crate) ca_certificates: Option<Vec<u8>>,
    /// PEM certificate chain and PEM key of the client.
    pub(crate) client_identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's certificate must have, if it is not the host name of the endpoint.
    pub(crate) server_name: Option<String>,
}

impl ConnectOptions {
    pub(crate) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            connect_timeout: CONNECT_TIMEOUT,
            keepalive_interval: KEEPALIVE_INTERVAL,
            keepalive_timeout: KEEPALIVE_TIMEOUT,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
        }
    }

    /// Opens the connection.
    pub(crate) async fn connect(&self) -> Result<Channel, Error> {
        self.to_endpoint()?.connect().await.map_err(|source| self.connect_error(source))
    }

    /// Returns a channel that connects at the first call.
    pub(crate) fn connect_lazy(&self) -> Result<Channel, Error> {
        Ok(self.to_endpoint()?.connect_lazy())
    }

    fn to_endpoint(&self) -> Result<Endpoint, Error> {
        let uses_tls = self.uses_tls()?;
        let parsed =
            Endpoint::from_shared(self.endpoint.clone()).map_err(|_| self.endpoint_error("it is not a URI"))?;
        let endpoint = parsed
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .keep_alive_while_idle(false)
            .user_agent(USER_AGENT)
            .map_err(|source| self.connect_error(source))?;
        if uses_tls { self.with_tls(endpoint).map_err(|source| self.connect_error(source)) } else { Ok(endpoint) }
    }

    fn uses_tls(&self) -> Result<bool, Error> {
        let scheme = self.endpoint.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http") => Ok(false),
            Some("https") if cfg!(feature = "tls") => Ok(true),
            Some("https") => Err(self.endpoint_error("https needs the `tls` feature of this crate")),
            Some("unix") if cfg!(unix) => Ok(false),
            Some("unix") => Err(self.endpoint_error("this platform has no Unix sockets")),
            _ => Err(self.endpoint_error("it must begin with http://, https:// or unix:")),
        }
    }

    #[cfg(feature = "tls")]
    fn with_tls(&self, endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
        use tonic::transport::{Certificate, ClientTlsConfig, Identity};

        let mut config = ClientTlsConfig::new();
        config = match &self.tls.ca_certificates {
            Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
            None => config.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.tls.client_identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &self.tls.server_name {
            config = config.domain_name(name);
        }
        endpoint.tls_config(config)
    }

    #[cfg(not(feature = "tls"))]
    fn with_tls(&self, endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
        Ok(endpoint)
    }

    fn endpoint_error(&self, problem: &'static str) -> Error {
        Error::Endpoint { endpoint: self.endpoint.clone(), problem }
    }

    fn connect_error(&self, source: tonic::transport::Error) -> Error {
        Error::Connect { endpoint: self.endpoint.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn invalid_endpoints_are_rejected_without_a_connection_attempt() {
        for endpoint in ["", "localhost:50051", "127.0.0.1:50051", "/run/bedrock.sock", "ftp://host", "http://"] {
            let error = ConnectOptions::new(endpoint.to_owned()).connect().await.unwrap_err();
            assert!(matches!(error, Error::Endpoint { .. }), "{endpoint}: {error}");
            assert!(!error.is_retryable());
        }
    }

    #[tokio::test]
    async fn endpoint_without_a_listener_is_a_connect_error_with_its_cause() {
        let options = ConnectOptions::new("unix:/nonexistent/bedrock-grpc.sock".to_owned());
        let error = options.connect().await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.is_retryable());
        assert!(std::error::Error::source(&error).is_some());
    }
}
