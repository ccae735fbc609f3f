//! Whether new calls can be expected to succeed, as gRPC health reports it, and why not.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::time::format_time;
use crate::bedrock::{Readiness, Upstream};
use crate::routing::PolicyHandle;

/// The name of the gateway's own AWS identity.
const OWN_IDENTITY: &str = "default";

/// What readiness depends on.
#[derive(Clone)]
pub(crate) struct ReadinessSources {
    /// Bedrock with the gateway's own AWS identity.
    pub(crate) upstream: Arc<Upstream>,
    /// The rules, with the other identities.
    pub(crate) policy: PolicyHandle,
    /// Cancelled when the shutdown starts.
    pub(crate) draining: CancellationToken,
    /// When the shutdown started.
    pub(crate) draining_since: Arc<std::sync::OnceLock<SystemTime>>,
}

/// The body of `/readyz`.
#[derive(Debug, Serialize)]
pub(super) struct ReadinessReport {
    /// Whether new calls can be expected to succeed.
    pub(super) ready: bool,
    /// Everything that is not ready.
    problems: Vec<Problem>,
}

/// Something that is not ready.
#[derive(Debug, Serialize)]
struct Problem {
    /// What it is: `gateway`, or `identity` and the name of the AWS identity.
    part: String,
    /// Why it is not ready.
    reason: &'static str,
    /// Since when (RFC 3339).
    since: String,
    /// Whether it concerns all calls. An identity that only some models use concerns only the calls of those models.
    blocks_all_calls: bool,
}

impl ReadinessSources {
    /// The state now.
    pub(super) fn report(&self) -> ReadinessReport {
        let policy = self.policy.load();
        let own = problem_of(OWN_IDENTITY, &self.upstream, true);
        let others =
            policy.identities.iter().filter_map(|(identity, upstream)| problem_of(&identity.name(), upstream, false));
        let mut problems: Vec<_> = own.into_iter().chain(others).collect();
        if self.draining.is_cancelled() {
            let since = self.draining_since.get().copied().unwrap_or_else(SystemTime::now);
            let (part, reason) = ("gateway".to_owned(), "the gateway is shutting down");
            problems.push(Problem { part, reason, since: format_time(since), blocks_all_calls: true });
        }
        problems.sort_by(|one, other| (other.blocks_all_calls, &one.part).cmp(&(one.blocks_all_calls, &other.part)));
        ReadinessReport { ready: !problems.iter().any(|problem| problem.blocks_all_calls), problems }
    }
}

fn problem_of(identity: &str, upstream: &Upstream, blocks_all_calls: bool) -> Option<Problem> {
    let reason = match *upstream.readiness().borrow() {
        Readiness::Ready => return None,
        Readiness::NoCredentials => "there are no valid credentials",
        Readiness::Rejected => "Bedrock rejects the credentials",
    };
    let since = format_time(upstream.readiness_since());
    Some(Problem { part: format!("identity {identity}"), reason, since, blocks_all_calls })
}
