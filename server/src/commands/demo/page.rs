//! The page of `demo --keep`: a chat in the browser, over gRPC-Web. `client/typescript/demo` has its sources.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::net::AllowedOrigin;

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// A bound port that does not serve the page yet.
pub(super) struct PageListener {
    listener: TcpListener,
    port: u16,
}

impl PageListener {
    /// Takes a free port on loopback.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(super) async fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The origins of the page, one for each spelling of its address.
    pub(super) fn origins(&self) -> Vec<AllowedOrigin> {
        let hosts = ["127.0.0.1", "localhost"];
        hosts.iter().filter_map(|host| format!("http://{host}:{}", self.port).parse().ok()).collect()
    }

    /// The address to open.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Serves the page, which calls the gateway at `gateway` (`host:port`), until the handle is dropped.
    pub(super) fn serve(self, gateway: &str) -> AbortOnDropHandle<std::io::Result<()>> {
        let config = serde_json::json!({ "url": format!("http://{gateway}") }).to_string();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' http://{gateway}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let router = Router::new()
            .route("/", get(async move || file("text/html; charset=utf-8", HTML, &policy)))
            .route("/page.css", get(async || file("text/css; charset=utf-8", STYLE, "default-src 'none'")))
            .route("/page.js", get(async || file("text/javascript; charset=utf-8", SCRIPT, "default-src 'none'")))
            .route("/gateway.json", get(async move || file("application/json", config, "default-src 'none'")));
        AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(self.listener, router).await }))
    }
}

fn file(content_type: &str, body: impl IntoResponse, policy: &str) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
