//! Settings that apply to every call.

use std::time::Duration;

/// Maximum number of requests to Bedrock for one call.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// Settings that apply to every call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallSettings {
    /// Maximum times of the parts of a call.
    pub(crate) timeouts: Timeouts,
    /// Whether fields of requests that this gateway does not know are left out. It rejects such requests otherwise.
    pub(crate) ignore_unknown_fields: bool,
    /// Whether callers see Bedrock's messages with account ids and role names in them.
    pub(crate) expose_upstream_messages: bool,
}

/// Maximum times that the caller or Bedrock may stay silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Maximum time in which the next 16 KiB of a request, or the rest of it, must arrive.
    pub(crate) request_body: Duration,
    /// Maximum time until the first event of a stream. A model reads a large prompt or thinks during this time.
    pub(crate) first_event: Duration,
    /// Maximum time between two events of a stream.
    pub(crate) idle: Duration,
    /// Maximum time for a complete unary response. AWS allows one hour.
    pub(crate) response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // Slow networks deliver 16 KiB in a second.
            request_body: Duration::from_secs(30),
            first_event: Duration::from_secs(300),
            idle: Duration::from_secs(300),
            response: Duration::from_secs(3600),
        }
    }
}
