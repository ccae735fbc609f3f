//! `/log-level`: the filter of the log, and a way to change it. The port can change nothing else.

use axum::extract::ConnectInfo;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};

use super::peer::Peer;
use crate::telemetry::{log_filter, set_log_filter};

/// The filter that is in use now.
pub(super) async fn show_level() -> String {
    log_filter() + "\n"
}

/// Applies the filter in the body until the process ends or another filter is set. An empty body restores the filter that the
/// process started with. Requests from other machines, and from pages in a browser, are rejected.
pub(super) async fn set_level(
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    if !peer.is_local {
        return (StatusCode::FORBIDDEN, "only a process on the gateway's machine can change the level\n".to_owned());
    }
    if headers.contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "a page in a browser cannot change the level\n".to_owned());
    }
    match set_log_filter(body.trim()) {
        Ok(()) => {
            let filter = log_filter();
            tracing::warn!(filter, "the filter of the log has changed");
            (StatusCode::OK, filter + "\n")
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}
