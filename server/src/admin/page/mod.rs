//! The page at `/`: a script that reads the other paths once a second and shows them. It changes nothing.

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};

pub(super) async fn show_page() -> Html<&'static str> {
    Html(include_str!("index.html"))
}

pub(super) async fn show_script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js"))
}

pub(super) async fn show_style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}
