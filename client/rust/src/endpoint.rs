//! From an endpoint's text to a connection.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::Error;

/// TCP alone would try for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const USER_AGENT: &str = concat!("bedrock-grpc-client/", env!("CARGO_PKG_VERSION"));

pub(crate) async fn connect(endpoint: String) -> Result<Channel, Error> {
    let invalid = |problem| Error::Endpoint { endpoint: endpoint.clone(), problem };
    let scheme = endpoint.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let tls = match scheme.as_deref() {
        Some("http") => false,
        Some("https") if cfg!(feature = "tls") => true,
        Some("https") => return Err(invalid("https needs the crate's `tls` feature")),
        Some("unix") if cfg!(unix) => false,
        Some("unix") => return Err(invalid("there are no Unix sockets on this platform")),
        _ => return Err(invalid("it has to begin with http://, https:// or unix:")),
    };
    let parsed = Endpoint::from_shared(endpoint.clone()).map_err(|_| invalid("it is not a URI"))?;
    let failed = |source| Error::Connect { endpoint: endpoint.clone(), source };
    let configured = parsed.connect_timeout(CONNECT_TIMEOUT).user_agent(USER_AGENT).map_err(failed)?;
    let configured = if tls { with_tls(configured).map_err(failed)? } else { configured };
    configured.connect().await.map_err(failed)
}

#[cfg(feature = "tls")]
fn with_tls(endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
    endpoint.tls_config(tonic::transport::ClientTlsConfig::new().with_native_roots())
}

#[cfg(not(feature = "tls"))]
fn with_tls(endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_endpoint_is_refused_before_anything_is_tried() {
        for endpoint in ["", "localhost:50051", "127.0.0.1:50051", "/run/bedrock.sock", "ftp://host", "http://"] {
            let error = connect(endpoint.to_owned()).await.unwrap_err();
            assert!(matches!(error, Error::Endpoint { .. }), "{endpoint}: {error}");
            assert!(!error.is_retryable());
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connect_error_with_its_cause() {
        let error = connect("unix:/nonexistent/bedrock-grpc.sock".to_owned()).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.is_retryable());
        assert!(std::error::Error::source(&error).is_some());
    }
}
