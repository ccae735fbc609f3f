//! Bedrock behind the rules.

use std::sync::Arc;

use super::policy::{ModelRoute, Policy, join};
use crate::bedrock::{Subject, Target, Upstream};
use crate::callers::Caller;
use crate::error::Failure;

/// Bedrock as the RPCs see it: nothing can be sent to it without an authorization.
#[derive(Clone)]
pub(crate) struct Bedrock {
    upstream: Arc<Upstream>,
}

/// A call that its caller may make, with its target.
pub(crate) struct AuthorizedCall {
    upstream: Arc<Upstream>,
    target: Target,
    route: Option<Arc<ModelRoute>>,
}

impl Bedrock {
    /// Bedrock, reached by `upstream`.
    pub(crate) fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }

    /// Checks the operation, the model and the Region, and finds the target.
    ///
    /// # Errors
    /// [`Failure::OperationNotAllowed`], [`Failure::ModelNotAllowed`], [`Failure::RegionNotAllowed`], and
    /// [`Failure::NoRegion`] when no Region is known.
    pub(crate) fn authorize(
        &self,
        policy: &Policy,
        caller: &Caller,
        operation: &str,
        subject: Subject<'_>,
    ) -> Result<AuthorizedCall, Failure> {
        if !caller.may_use_operation(operation) {
            return Err(Failure::OperationNotAllowed { allowed: join(caller.operations.iter()) });
        }
        let route = match subject.model() {
            Some(id) => policy.route(caller, id)?.cloned(),
            None => None,
        };
        let subject = route.as_ref().map_or(subject, |route| subject.with_model(&route.model));
        let upstream = match route.as_ref().and_then(|route| route.identity_for(&caller.name)) {
            // Each identity was made with the rules. The gateway's own must not take the place of another one.
            Some(identity) => policy.identities.get(&*identity).ok_or_else(|| {
                Failure::NoCredentials(format!("the AWS identity {} is not in the rules", identity.name()))
            })?,
            None => &self.upstream,
        };
        let target = match route.as_ref().and_then(|route| route.region.as_deref()) {
            Some(region) => upstream.target_in(subject, region),
            None => upstream.target(subject)?,
        };
        policy.check_region(caller, &target.region)?;
        Ok(AuthorizedCall { upstream: Arc::clone(upstream), target, route })
    }
}

impl AuthorizedCall {
    /// The way to Bedrock.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Where the call goes.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The route, if the caller wrote the name of a model.
    pub(crate) fn route(&self) -> Option<&ModelRoute> {
        self.route.as_deref()
    }
}
