//! `bedrock-grpc serve`: the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::supervisor::{notify_stopping, supervise};
use crate::admission::{AdmissionSettings, OverloadSettings, default_byte_budget};
use crate::bedrock::{ConnectorError, Settings, Upstream};
use crate::call::{CallSettings, Timeouts};
use crate::cli::ServeOptions;
use crate::net::{Gateway, GatewayError, GatewaySettings, ServiceSettings, raise_descriptor_limit, stop_signal};
use crate::telemetry::{Exporters, TelemetryError};

/// Maximum time that the line "serving" waits for credentials.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(1);

/// Why the gateway could not start, or why it ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// The connections to Bedrock cannot be set up.
    #[error("connections to Bedrock: {0}")]
    Connector(#[from] ConnectorError),
    /// The gateway could not start, or it failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The exporters could not start.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The file of `--upstream-ca` cannot be used.
    #[error("--upstream-ca {}: {problem}", path.display())]
    UpstreamCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Serves until a stop signal, then shuts down in order. A second signal ends the process at once.
///
/// # Errors
/// [`ServeError`].
pub(super) async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    raise_descriptor_limit();
    let exporters = Exporters::start()?;
    bedrock_grpc_schema::codec::ignore_unknown_fields(options.ignore_unknown_fields);
    let calls = CallSettings {
        timeouts: Timeouts {
            first_event: options.first_event_timeout,
            idle: options.idle_timeout,
            response: options.response_timeout,
            request_body: options.request_body_timeout,
        },
        expose_upstream_messages: options.expose_upstream_messages,
    };
    let services = ServiceSettings { control_plane: options.control_plane, compress_streams: options.compress_streams };
    let ServeOptions { listen, region, upstream_ca, grace, max_write_delay, load_report_capacity, connections, .. } =
        options;
    let upstream_ca = upstream_ca.map(read_certificates).transpose()?;
    let connections = connections.into_options();
    let settings = Settings { region, upstream_ca, connections, ..Settings::default() };
    let upstream = Arc::new(Upstream::load(settings).await?);
    let admission = AdmissionSettings {
        max_bytes_in_flight: options.max_bytes_in_flight.map_or_else(default_byte_budget, |size| size.as_u64()),
        overload: OverloadSettings { max_calls: options.max_concurrent_calls, target_delay: options.overload_delay },
    };
    let settings = GatewaySettings {
        listen,
        calls,
        grace,
        admission,
        connections: options.callers.into_limits(),
        services,
        max_write_delay,
        load_report_capacity,
    };
    let mut gateway = Gateway::start(settings, Arc::clone(&upstream)).await?;
    // The gateway serves already. When this line is written, the gateway is also ready, unless credentials take longer.
    let _ = tokio::time::timeout(CREDENTIALS_WAIT, upstream.wait_for_credentials()).await;
    tracing::info!(address = gateway.address(), "serving");
    let run = async {
        tokio::select! {
            error = gateway.failed() => Err(error),
            () = stop_signal() => {
                tracing::info!(?grace, "shutting down");
                notify_stopping();
                gateway.shutdown(stop_signal()).await
            }
        }
    };
    let outcome = tokio::select! {
        // In this order: SIGTERM is handled before systemd gets the message that the gateway is ready.
        biased;
        outcome = run => outcome,
        () = supervise(&upstream) => Ok(()),
    };
    exporters.stop();
    Ok(outcome?)
}

/// Reads a file of certificates and checks that it contains at least one. The SDK would panic at its first connection
/// otherwise.
fn read_certificates(path: PathBuf) -> Result<Vec<u8>, ServeError> {
    let check = |pem: &[u8]| {
        let mut store = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            store.add(certificate.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        }
        if store.is_empty() { Err("the file contains no PEM certificate".to_owned()) } else { Ok(()) }
    };
    let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| check(&pem).map(|()| pem));
    read.map_err(|problem| ServeError::UpstreamCa { path, problem })
}
