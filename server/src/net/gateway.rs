//! A running gateway: start, failure and shutdown.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Layer as _;

use super::address::ListenAddress;
use super::coalescing::WritePolicy;
use super::connection::ConnectionServer;
use super::connection_limits::{ConnectionLimits, OpenConnections};
use super::grpc_web::{WebLayer, WebSettings};
use super::health::HealthReport;
use super::listener::Listener;
use super::services::{RUNTIME_SERVICE, ServiceSettings, Services};
use super::tls::ServerTls;
use crate::admission::{Admission, AdmissionSettings};
use crate::bedrock::Upstream;
use crate::call::{CallLayer, CallSettings, LoadReporter, RunningCalls, Shutdown};
use crate::routing::{Bedrock, PolicyHandle};
use crate::telemetry::{observe_bytes_in_flight, observe_running_calls};

/// A client may send calls before it reads GOAWAY. After the start of a shutdown, such calls are accepted for this time, which
/// is much longer than a round trip.
const LATE_CALL_TIME: Duration = Duration::from_secs(2);

/// Maximum time that connections may take to close after every call has ended.
const CONNECTION_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of a gateway.
#[derive(Debug, Clone)]
pub(crate) struct GatewaySettings {
    /// The addresses to listen on. There is at least one.
    pub(crate) listen: Vec<ListenAddress>,
    /// TLS for callers on TCP.
    pub(crate) tls: Option<ServerTls>,
    /// Settings that apply to every call.
    pub(crate) calls: CallSettings,
    /// Maximum time that running calls may take to finish after the shutdown has started.
    pub(crate) grace: Duration,
    /// Limits that new calls must pass.
    pub(crate) admission: AdmissionSettings,
    /// Limits of callers' connections.
    pub(crate) connections: ConnectionLimits,
    /// Which services there are, and how they compress.
    pub(crate) services: ServiceSettings,
    /// Maximum time for which data for callers waits when many calls run, so that it is sent together.
    pub(crate) max_write_delay: Duration,
    /// The number of running calls that is full load. With it the gateway reports its load to clients (ORCA).
    pub(crate) load_report_capacity: Option<u32>,
    /// gRPC-Web for browsers; `None` to serve gRPC alone.
    pub(crate) web: Option<WebSettings>,
}

/// A gateway that listens. Dropping it ends all calls at once. [`Gateway::shutdown`] lets running calls finish.
pub(crate) struct Gateway {
    addresses: Vec<String>,
    shutdown: Shutdown,
    grace: Duration,
    health: HealthReport,
    server: JoinHandle<()>,
}

/// Why a gateway could not start, or why it ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: ListenAddress,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The listener closed by itself.
    #[error("the listener closed")]
    ListenerClosed,
    /// Reflection cannot read the schema.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server's task panicked or was aborted.
    #[error("the server's task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Gateway {
    /// Listens and serves in a task that the gateway owns.
    ///
    /// # Errors
    /// [`GatewayError::Listen`] when the address is in use or not allowed.
    pub(crate) async fn start(
        settings: GatewaySettings,
        upstream: Arc<Upstream>,
        policy: PolicyHandle,
    ) -> Result<Self, GatewayError> {
        let GatewaySettings { listen, calls, grace, admission, services, max_write_delay, web, .. } = settings;
        let load_report_capacity = settings.load_report_capacity;
        let mut listeners = Vec::new();
        for address in listen {
            let listener = Listener::bind(&address).await;
            listeners.push(listener.map_err(|source| GatewayError::Listen { address, source })?);
        }
        let addresses = listeners.iter().map(Listener::address).collect();
        let (health, health_service) = HealthReport::start(Arc::clone(&upstream), RUNTIME_SERVICE).await;
        let shutdown = Shutdown::default();
        let load = load_report_capacity.map(|calls| LoadReporter::new(calls, shutdown.running.clone()));
        let services = Services::new(services, Bedrock::new(upstream), health_service, load.clone())?;
        observe_running_calls(shutdown.running.clone());
        let admission = Admission::new(admission);
        let bytes = admission.bytes.clone();
        observe_bytes_in_flight(move || bytes.bytes_in_flight() as u64);
        // Browsers speak HTTP/1.1 where there is no TLS.
        let serves_http1 = web.is_some();
        let calls = CallLayer::new(calls, shutdown.clone(), admission, load, policy).layer(services);
        let server = ConnectionServer {
            service: WebLayer::new(web).layer(calls),
            serves_http1,
            limits: settings.connections,
            writes: WritePolicy { running: shutdown.running.clone(), max_delay: max_write_delay },
            tls: settings.tls,
            draining: shutdown.draining.clone(),
        };
        let open = OpenConnections::default();
        let served = listeners.into_iter().map(|listener| listener.serve(server.clone(), open.clone()));
        let server = tokio::spawn(join_all(served.collect::<Vec<_>>()).map(drop));
        Ok(Self { addresses, shutdown, grace, health, server })
    }

    /// The first address that the gateway listens on: `127.0.0.1:50051`, or the path of a Unix socket.
    #[must_use]
    pub(crate) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// All addresses that the gateway listens on.
    #[must_use]
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Cancelled when the shutdown starts.
    #[must_use]
    pub(crate) fn draining(&self) -> CancellationToken {
        self.shutdown.draining.clone()
    }

    /// The calls that run.
    #[must_use]
    pub(crate) fn calls(&self) -> RunningCalls {
        self.shutdown.calls.clone()
    }

    /// Shuts down in this order: health reports NOT_SERVING, connections get GOAWAY, calls that clients had already sent are
    /// accepted, and running calls may finish during the grace period. Calls that still run after the grace period, or when
    /// `stop_now` resolves, end with UNAVAILABLE and the reason DRAINING.
    ///
    /// # Errors
    /// The error of the server, when it has failed.
    pub(crate) async fn shutdown(mut self, stop_now: impl Future<Output = ()>) -> Result<(), GatewayError> {
        self.health.stop().await;
        self.shutdown.draining.cancel();
        self.shutdown.running.close();
        let rejecting = self.shutdown.rejecting.clone();
        let reject_after_late_calls = async {
            tokio::time::sleep(LATE_CALL_TIME).await;
            rejecting.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = reject_after_late_calls => {}
            () = self.shutdown.running.wait() => {}
            () = tokio::time::sleep(self.grace) => {
                let calls = self.shutdown.running.len();
                tracing::warn!(calls, "the grace period is over; ending the remaining calls");
            }
            () = stop_now => {
                tracing::warn!(calls = self.shutdown.running.len(), "a second signal; ending the remaining calls");
            }
        }
        self.shutdown.rejecting.cancel();
        self.shutdown.terminated.cancel();
        match tokio::time::timeout(CONNECTION_CLOSE_TIMEOUT, &mut self.server).await {
            Ok(ended) => Ok(ended?),
            // A peer does not read, or it has never sent anything.
            Err(_) => Ok(()),
        }
    }

    /// Waits until the server fails by itself, and returns why.
    pub(crate) async fn wait_for_failure(&mut self) -> GatewayError {
        match (&mut self.server).await {
            Ok(()) => GatewayError::ListenerClosed,
            Err(error) => error.into(),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.draining.cancel();
        self.shutdown.rejecting.cancel();
        self.shutdown.terminated.cancel();
        self.server.abort();
    }
}
