//! `/log-level`: the filter of the log, and its change. It is the one thing that the port can change.

use axum::extract::ConnectInfo;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};

use super::peer::Peer;
use crate::telemetry::{log_filter, set_log_filter};

/// The filter that applies.
pub(super) async fn show_level() -> String {
    log_filter() + "\n"
}

/// Applies the filter in the body until the process ends or another one is set. An empty body restores the first one. Only for
/// peers on this machine, and not for pages in a browser.
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
