//! `bedrock-grpc serve`: the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::reload::Reloader;
use super::supervisor::{notify_stopping, supervise};
use crate::admin::{AdminError, AdminServer, AdminSources, ConfigurationStatus, ReadinessSources};
use crate::admission::{AdmissionSettings, OverloadSettings, default_byte_budget};
use crate::bedrock::{ConnectionOptions, ConnectorError, Settings as UpstreamSettings, Upstream};
use crate::call::{CallSettings, Timeouts};
use crate::callers::KeySourceError;
use crate::config::{ConnectionSettings, LimitSettings, Mistakes, ServerSettings, Settings, SettingsOptions, load};
use crate::large_work::run_large_work;
use crate::net::{
    ConnectionLimits, Gateway, GatewayError, GatewaySettings, ServerTls, ServiceSettings, TlsError, WebSettings,
    raise_descriptor_limit, stop_signal,
};
use crate::routing::{PolicyHandle, RouteTarget};
use crate::telemetry::{
    Exporters, TargetState, TelemetryError, observe_connections, observe_identities, observe_targets, report_losses,
};

/// Maximum time that the line "serving" waits for credentials.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(1);

/// Why the gateway could not start, or why it ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// The configuration has mistakes.
    #[error(transparent)]
    Configuration(#[from] Mistakes),
    /// The connections to Bedrock cannot be set up.
    #[error("connections to Bedrock: {0}")]
    Connector(#[from] ConnectorError),
    /// A certificate or a key of the server cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The keys of an issuer cannot be loaded.
    #[error("authentication: {0}")]
    Keys(#[from] KeySourceError),
    /// The gateway could not start, or it failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The port for operators could not start.
    #[error(transparent)]
    Admin(#[from] AdminError),
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
pub(super) async fn serve(options: SettingsOptions) -> Result<(), ServeError> {
    let loaded = load(&options)?;
    raise_descriptor_limit();
    let exporters = Exporters::start(loaded.settings.admin.listen.is_some())?;
    let Settings { server, admin, limits, aws, .. } = loaded.settings.clone();
    let tls = loaded.settings.tls_options().as_ref().map(ServerTls::load).transpose()?;
    warn_if_exposed(&loaded.settings);
    bedrock_grpc_schema::codec::run_large_work_in(run_large_work);
    let upstream_ca = aws.ca.clone().map(read_certificates).transpose()?;
    let upstream = UpstreamSettings {
        region: aws.region.map(|region| region.0),
        region_endpoints: aws.endpoints.into_iter().map(|(region, url)| (region, url.0)).collect(),
        upstream_ca,
        connections: connection_options(&aws.connections),
        ..UpstreamSettings::default()
    };
    let upstream = Arc::new(Upstream::load(upstream).await?);
    let policy = PolicyHandle::new(loaded.settings.policy(&upstream, None)?);
    observe_bedrock(&upstream, &policy);
    let grace = server.grace.0;
    let settings = GatewaySettings { tls: tls.clone(), ..gateway_settings(server, &limits) };
    let mut gateway = Gateway::start(settings, Arc::clone(&upstream), policy.clone()).await?;
    let status = ConfigurationStatus::new(&loaded);
    let draining_since = Arc::default();
    let readiness = ReadinessSources {
        upstream: Arc::clone(&upstream),
        policy: policy.clone(),
        draining: gateway.draining(),
        draining_since: Arc::clone(&draining_since),
    };
    // It serves until this function returns, so that it reports the shutdown too.
    let _admin = match (&admin.listen, exporters.scraped()) {
        (Some(address), Some(metrics)) => {
            let (configuration, metrics, calls) = (status.clone(), metrics.clone(), gateway.calls());
            let sources = AdminSources { configuration, readiness, metrics, calls };
            Some(AdminServer::start(address, admin.token_file.as_deref(), sources).await?)
        }
        _ => None,
    };
    let reloader = Reloader::new(options, loaded, policy, tls, Arc::clone(&upstream), status);
    // The gateway serves already. When this line is written, the gateway is also ready, unless credentials take longer.
    let _ = tokio::time::timeout(CREDENTIALS_WAIT, upstream.wait_for_credentials()).await;
    // A process that reads the line may send SIGTERM at once, so the signals must be received before the line is written.
    let stopped = stop_signal();
    tracing::info!(address = gateway.address(), addresses = gateway.addresses().join(","), "serving");
    let run = async {
        tokio::select! {
            error = gateway.wait_for_failure() => Err(error),
            () = stopped => {
                tracing::info!(?grace, "shutting down");
                let _ = draining_since.set(SystemTime::now());
                notify_stopping();
                gateway.shutdown(stop_signal()).await
            }
        }
    };
    let outcome = tokio::select! {
        // In this order: SIGTERM is handled before systemd gets the message that the gateway is ready.
        biased;
        outcome = run => outcome,
        () = supervise(reloader) => Ok(()),
        () = report_losses() => Ok(()),
    };
    exporters.stop();
    Ok(outcome?)
}

/// Reports the connections to Bedrock, the AWS identities and the targets as metrics.
fn observe_bedrock(upstream: &Arc<Upstream>, policy: &PolicyHandle) {
    let own = Arc::clone(upstream);
    observe_connections(move || own.count_connections());
    let targets = policy.clone();
    observe_targets(move || {
        let policy = targets.load();
        let state = |target: &RouteTarget| TargetState {
            name: target.name.to_string(),
            is_ejected: target.breaker.report().ejection.is_some(),
        };
        policy.targets().map(state).collect()
    });
    let (own, policy) = (Arc::clone(upstream), policy.clone());
    observe_identities(move || {
        let policy = policy.load();
        let others = policy.identities.values().map(|upstream| upstream.identity_state());
        std::iter::once(own.identity_state()).chain(others).collect()
    });
}

/// Warns if strangers could use the gateway: it listens beyond this machine, and it knows neither TLS nor callers.
fn warn_if_exposed(settings: &Settings) {
    let is_open = settings.server.tls.is_none() && settings.callers.is_empty();
    for address in settings.server.listen.iter().filter(|address| is_open && !address.is_local()) {
        tracing::warn!(
            %address,
            "everyone who can connect can use the gateway's AWS identity: this address is not loopback, and neither TLS nor \
             callers are configured"
        );
    }
}

/// The settings of the gateway's port.
fn gateway_settings(server: ServerSettings, limits: &LimitSettings) -> GatewaySettings {
    let timeouts = Timeouts {
        first_event: server.first_event_timeout.0,
        idle: server.idle_timeout.0,
        response: server.response_timeout.0,
        request_body: server.request_body_timeout.0,
    };
    let as_usize = |number| usize::try_from(number).unwrap_or(usize::MAX);
    GatewaySettings {
        listen: server.listen,
        tls: None,
        calls: CallSettings {
            timeouts,
            ignore_unknown_fields: server.ignore_unknown_fields,
            expose_upstream_messages: server.expose_upstream_messages,
        },
        grace: server.grace.0,
        admission: AdmissionSettings {
            max_bytes_in_flight: limits.max_bytes_in_flight.map_or_else(default_byte_budget, |size| size.0),
            overload: OverloadSettings {
                max_calls: as_usize(limits.max_concurrent_calls),
                target_delay: limits.overload_delay.0,
            },
        },
        connections: ConnectionLimits {
            connections: as_usize(limits.max_connections),
            connections_per_peer: as_usize(limits.max_connections_per_peer),
            streams_per_connection: limits.max_streams_per_connection,
            handshake_timeout: server.handshake_timeout.0,
            idle_timeout: server.connection_idle_timeout.0,
            max_age: server.max_connection_age.0,
        },
        services: ServiceSettings { control_plane: server.control_plane, compress_streams: server.compress_streams },
        max_write_delay: server.max_write_delay.0,
        load_report_capacity: server.load_report_capacity,
        web: server.grpc_web.then_some(WebSettings { allowed_origins: server.cors_allow_origin }),
    }
}

fn connection_options(settings: &ConnectionSettings) -> ConnectionOptions {
    ConnectionOptions {
        streams_per_connection: usize::from(settings.streams_per_connection),
        connections_per_host: usize::from(settings.connections_per_host),
        http1_connections_per_host: usize::from(settings.http1_connections_per_host),
        stream_window: settings.stream_window,
        ping_interval: settings.ping_interval.0,
        ping_timeout: settings.ping_timeout.0,
        maximum_age: settings.max_age.0,
        connect_timeout: settings.connect_timeout.0,
        ..ConnectionOptions::default()
    }
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
