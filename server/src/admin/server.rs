//! The HTTP server of the port.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, serve};
use tokio_util::task::AbortOnDropHandle;

use super::configuration::ConfigurationStatus;
use super::readiness::ReadinessSources;
use crate::net::{ListenAddress, Listener};
use crate::telemetry::{PrometheusFormat, PrometheusReader};

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("admin.listen: cannot listen on {address}: {source}")]
pub(crate) struct AdminError {
    /// The configured address.
    address: ListenAddress,
    /// The error of the operating system.
    source: std::io::Error,
}

/// The server of the port. Dropping it closes the port.
pub(crate) struct AdminServer {
    _server: AbortOnDropHandle<()>,
}

impl AdminServer {
    /// Listens on `address` and serves.
    ///
    /// # Errors
    /// When the address is in use or not allowed.
    pub(crate) async fn start(
        address: &ListenAddress,
        configuration: ConfigurationStatus,
        readiness: ReadinessSources,
        metrics: PrometheusReader,
    ) -> Result<Self, AdminError> {
        let listener = Listener::bind(address).await;
        let listener = listener.map_err(|source| AdminError { address: address.clone(), source })?;
        tracing::info!(address = listener.address(), "serving the admin port");
        let router = Router::new()
            .route("/livez", get(|| async { "live\n" }))
            .route("/readyz", get(report_readiness).with_state(readiness))
            .route("/metrics", get(show_metrics).with_state(metrics))
            .route("/config", get(show_configuration).with_state(configuration));
        let server = tokio::spawn(async move {
            // These servers have no end: a failed accept is logged and repeated.
            let _ = match listener {
                Listener::Tcp(listener) => serve(listener, router).await,
                Listener::Unix(listener, _file) => serve(listener, router).await,
            };
        });
        Ok(Self { _server: AbortOnDropHandle::new(server) })
    }
}

/// 200 while new calls can be expected to succeed, else 503. Problems of other identities are further lines.
async fn report_readiness(State(sources): State<ReadinessSources>) -> impl IntoResponse {
    match sources.check() {
        Ok(()) => {
            let lines = std::iter::once("ready".to_owned()).chain(sources.other_problems());
            (StatusCode::OK, lines.map(|line| line + "\n").collect::<String>())
        }
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n"),
    }
}

/// The metrics in the format that the scraper accepts.
async fn show_metrics(State(metrics): State<PrometheusReader>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = PrometheusFormat::from_accept(accept);
    // Thousands of series take milliseconds. No thread that serves calls is used for them.
    let text = tokio::task::spawn_blocking(move || metrics.encode(format)).await.unwrap_or_default();
    ([(CONTENT_TYPE, format.content_type())], text)
}

async fn show_configuration(State(status): State<ConfigurationStatus>) -> impl IntoResponse {
    let text = serde_json::to_string_pretty(&*status.load()).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text + "\n")
}
