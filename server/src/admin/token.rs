//! The token of the port.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The shortest token. A shorter one can be guessed.
const MIN_LENGTH: usize = 16;

/// The token that requests need. Clones share it.
#[derive(Clone)]
pub(super) struct Token(Arc<str>);

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file cannot be read.
    #[error("admin.token_file: {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The token is too short.
    #[error("admin.token_file: {}: the token has {found} characters, and it needs at least {MIN_LENGTH}", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// The number of characters.
        found: usize,
    },
}

impl Token {
    /// Reads the token from a file. White space around it does not count.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TokenError::File { path: path.to_owned(), source })?;
        let token = text.trim();
        let found = token.chars().count();
        if found < MIN_LENGTH {
            return Err(TokenError::Short { path: path.to_owned(), found });
        }
        Ok(Self(token.into()))
    }

    /// Whether the headers have the token: as a bearer token, or as the password of a browser.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((scheme, credentials)) = value.split_once(' ') else { return false };
        let is_token = |sent: &[u8]| verify_slices_are_equal(sent, self.0.as_bytes()).is_ok();
        if scheme.eq_ignore_ascii_case("bearer") {
            return is_token(credentials.trim().as_bytes());
        }
        let decoded = BASE64_STANDARD.decode(credentials.trim()).unwrap_or_default();
        let password = decoded.iter().position(|byte| *byte == b':').and_then(|colon| decoded.get(colon + 1..));
        scheme.eq_ignore_ascii_case("basic") && password.is_some_and(is_token)
    }
}

/// Rejects a request without the token.
pub(super) async fn require_token(State(token): State<Token>, request: Request, next: Next) -> Response {
    if token.is_in(request.headers()) {
        return next.run(request).await;
    }
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"bedrock-grpc admin\"")];
    (StatusCode::UNAUTHORIZED, challenge, "the token of the admin port is missing or wrong\n").into_response()
}
