//! What `/targets` shows: the targets of the models' names, and which of them get calls.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::time::format_time;
use crate::routing::{Policy, RouteTarget};

/// The body of `/targets`.
#[derive(Debug, Serialize)]
pub(super) struct TargetsReport {
    targets: Vec<TargetRow>,
}

/// A target.
#[derive(Debug, Serialize)]
struct TargetRow {
    /// Its name, as in `bedrock-grpc-target`.
    name: String,
    model: String,
    /// Absent if the target uses the gateway's own Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// The name of the AWS identity.
    identity: String,
    priority: u32,
    weight: u32,
    /// `available`, `ejected` or `probing`.
    state: &'static str,
    /// Why it is ejected (`ErrorInfo.reason`).
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Since when it is ejected (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    ejected_since: Option<String>,
    /// When a call may probe it (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe: Option<String>,
    /// Failures without a success between them.
    consecutive_failures: u32,
    /// Attempts that ended in the last ten seconds, at most 200.
    recent_attempts: usize,
    /// How many of them failed.
    recent_failures: usize,
}

impl TargetsReport {
    /// The targets of `policy`.
    pub(super) fn new(policy: &Policy) -> Self {
        Self { targets: policy.targets().map(TargetRow::from).collect() }
    }
}

impl From<&RouteTarget> for TargetRow {
    fn from(target: &RouteTarget) -> Self {
        let (report, now) = (target.breaker.report(), SystemTime::now());
        let ejection = report.ejection.as_ref();
        let next_probe = ejection.map(|ejection| format_time(now + ejection.next_probe));
        Self {
            name: target.name.to_string(),
            model: target.model.clone(),
            region: target.region.clone(),
            identity: target.identity.name(),
            priority: target.priority,
            weight: target.weight,
            state: match ejection {
                None => "available",
                Some(ejection) if ejection.is_probed || ejection.next_probe == Duration::ZERO => "probing",
                Some(_) => "ejected",
            },
            reason: ejection.map(|ejection| ejection.reason),
            ejected_since: ejection.and_then(|ejection| now.checked_sub(ejection.age)).map(format_time),
            next_probe,
            consecutive_failures: report.consecutive_failures,
            recent_attempts: report.recent.0,
            recent_failures: report.recent.1,
        }
    }
}
