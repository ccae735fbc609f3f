//! Whether new calls can be expected to succeed, as gRPC health reports it, and why not.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

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
}

impl ReadinessSources {
    /// Whether the gateway is ready.
    ///
    /// # Errors
    /// Why not, in one line.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.draining.is_cancelled() {
            return Err("the gateway is shutting down".to_owned());
        }
        let readiness = *self.upstream.readiness().borrow();
        problem_of(OWN_IDENTITY, readiness).map_or(Ok(()), Err)
    }

    /// The problems of other identities, which concern only the models of these identities.
    pub(super) fn other_problems(&self) -> Vec<String> {
        let policy = self.policy.load();
        let identities = policy.identities.iter();
        let mut problems: Vec<_> = identities
            .filter_map(|(identity, upstream)| problem_of(&identity.name(), *upstream.readiness().borrow()))
            .collect();
        problems.sort();
        problems
    }
}

fn problem_of(identity: &str, readiness: Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::NoCredentials => Some(format!("the AWS identity {identity} has no valid credentials")),
        Readiness::Rejected => Some(format!("Bedrock rejects the credentials of the AWS identity {identity}")),
    }
}
