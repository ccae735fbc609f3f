//! Times as the pages show them.

use std::time::SystemTime;

/// The time as RFC 3339 has it: `2026-01-31T12:00:00Z`.
pub(super) fn format_time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
