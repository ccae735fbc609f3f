//! Maximum times for the steps of a call.

use std::time::Duration;

use crate::error::Failure;

/// Runs `work` for at most `limit`. When it takes longer, the result is `failure(limit)`.
pub(super) async fn with_timeout<T>(
    limit: Duration,
    failure: impl FnOnce(Duration) -> Failure,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(failure(limit)))
}
