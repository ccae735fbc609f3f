//! The HTTP server of the port.

use std::path::Path;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::calls::CallsReport;
use super::configuration::ConfigurationStatus;
use super::log_level::{set_level, show_level};
use super::page;
use super::peer::Peer;
use super::readiness::ReadinessSources;
use super::targets::TargetsReport;
use super::token::{Token, TokenError, require_token};
use crate::call::RunningCalls;
use crate::net::{ListenAddress, Listener};
use crate::routing::PolicyHandle;
use crate::telemetry::{PrometheusFormat, PrometheusReader};

/// The largest body of a request. A filter of the log is shorter.
const MAX_BODY_BYTES: usize = 4096;

/// Headers of every response. The page loads only its own files, and no cache stores a response.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// The address cannot be listened on.
    #[error("admin.listen: cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: ListenAddress,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What the port shows.
#[derive(Clone)]
pub(crate) struct AdminSources {
    /// The configuration that applies.
    pub(crate) configuration: ConfigurationStatus,
    /// What readiness depends on.
    pub(crate) readiness: ReadinessSources,
    /// The metrics.
    pub(crate) metrics: PrometheusReader,
    /// The calls that run.
    pub(crate) calls: RunningCalls,
}

/// The server of the port. Dropping it closes the port.
pub(crate) struct AdminServer {
    _server: AbortOnDropHandle<()>,
}

impl AdminServer {
    /// Listens on `address` and serves. With a `token_file`, requests need the token in it.
    ///
    /// # Errors
    /// When the address is in use or not allowed, or the token cannot be used.
    pub(crate) async fn start(
        address: &ListenAddress,
        token_file: Option<&Path>,
        sources: AdminSources,
    ) -> Result<Self, AdminError> {
        let token = token_file.map(Token::read).transpose()?;
        let listener = Listener::bind(address).await;
        let listener = listener.map_err(|source| AdminError::Listen { address: address.clone(), source })?;
        tracing::info!(address = listener.address(), "serving the admin port");
        let service = router(sources, token).into_make_service_with_connect_info::<Peer>();
        let server = tokio::spawn(async move {
            // These servers have no end: a failed accept is logged and repeated.
            let _ = match listener {
                Listener::Tcp(listener) => serve(listener, service).await,
                Listener::Unix(listener, _file) => serve(listener, service).await,
            };
        });
        Ok(Self { _server: AbortOnDropHandle::new(server) })
    }
}

fn router(sources: AdminSources, token: Option<Token>) -> Router {
    let AdminSources { configuration, readiness, metrics, calls } = sources;
    let protected = Router::new()
        .route("/", get(page::show_page))
        .route("/page.js", get(page::show_script))
        .route("/page.css", get(page::show_style))
        .route("/metrics", get(show_metrics).with_state(metrics))
        .route("/calls", get(show_calls).with_state(calls))
        .route("/targets", get(show_targets).with_state(readiness.policy.clone()))
        .route("/config", get(show_configuration).with_state(configuration))
        .route("/log-level", get(show_level).post(set_level));
    let protected = match token {
        Some(token) => protected.route_layer(from_fn_with_state(token, require_token)),
        None => protected,
    };
    protected
        // Probes of orchestrators have no token.
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(show_readiness).with_state(readiness))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(add_headers))
}

async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(HEADERS);
    response
}

/// A value as JSON.
fn to_json(value: &impl Serialize) -> Response {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text + "\n").into_response()
}

/// 200 while new calls can be expected to succeed, else 503.
async fn show_readiness(State(sources): State<ReadinessSources>) -> impl IntoResponse {
    let report = sources.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, to_json(&report))
}

/// The metrics in the format that the scraper accepts.
async fn show_metrics(State(metrics): State<PrometheusReader>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = PrometheusFormat::from_accept(accept);
    // Formatting thousands of series takes milliseconds. A separate thread does it, so that it delays no call.
    let text = tokio::task::spawn_blocking(move || metrics.encode(format)).await.unwrap_or_default();
    ([(CONTENT_TYPE, format.content_type())], text)
}

async fn show_calls(State(calls): State<RunningCalls>) -> impl IntoResponse {
    to_json(&CallsReport::new(&calls))
}

async fn show_targets(State(policy): State<PolicyHandle>) -> impl IntoResponse {
    to_json(&TargetsReport::new(&policy.load()))
}

async fn show_configuration(State(status): State<ConfigurationStatus>) -> impl IntoResponse {
    to_json(&*status.load())
}
