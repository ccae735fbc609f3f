//! What all connections to callers have in common.

use tokio::io::{AsyncRead, AsyncWrite};

/// Any connection to a caller.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}
