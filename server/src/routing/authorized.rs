//! Bedrock behind the rules.

use std::sync::Arc;

use super::policy::{ModelRoute, Policy, RouteTarget, join};
use super::targets::{Candidate, Candidates, order_targets};
use crate::bedrock::{Subject, Upstream};
use crate::callers::Caller;
use crate::error::Failure;

/// Bedrock as the RPCs see it: nothing can be sent to it without an authorization.
#[derive(Clone)]
pub(crate) struct Bedrock {
    upstream: Arc<Upstream>,
}

/// A call that its caller may make, with its targets.
pub(crate) struct AuthorizedCall {
    candidates: Candidates,
    route: Option<Arc<ModelRoute>>,
}

impl Bedrock {
    /// Bedrock, reached by `upstream`.
    pub(crate) fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }

    /// Checks the operation, the model and the Region, and finds the targets.
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
        let Some(model_route) = &route else {
            let target = self.upstream.target(subject)?;
            policy.check_region(caller, &target.region)?;
            let candidate =
                Candidate { upstream: Arc::clone(&self.upstream), target, name: None, model: None, breaker: None };
            return Ok(AuthorizedCall { candidates: Candidates::one(candidate), route });
        };
        let mut candidates = Vec::with_capacity(model_route.targets.len());
        let mut failure = None;
        for target in order_targets(&model_route.targets) {
            match self.find_candidate(policy, caller, subject, target) {
                Ok(candidate) => candidates.push(candidate),
                // The caller may be allowed to use only some of the targets' Regions.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match Candidates::new(candidates) {
            Some(candidates) => Ok(AuthorizedCall { candidates, route }),
            None => Err(failure.unwrap_or(Failure::NoRegion)),
        }
    }

    fn find_candidate(
        &self,
        policy: &Policy,
        caller: &Caller,
        subject: Subject<'_>,
        target: &RouteTarget,
    ) -> Result<Candidate, Failure> {
        let upstream = match target.identity_for(&caller.name) {
            // Each identity was made with the rules. The gateway's own must not take the place of another one.
            Some(identity) => policy.identities.get(&*identity).ok_or_else(|| {
                Failure::NoCredentials(format!("the AWS identity {} is not in the rules", identity.name()))
            })?,
            None => &self.upstream,
        };
        let subject = subject.with_model(&target.model);
        let place = match &target.region {
            Some(region) => upstream.target_in(subject, region),
            None => upstream.target(subject)?,
        };
        policy.check_region(caller, &place.region)?;
        Ok(Candidate {
            upstream: Arc::clone(upstream),
            target: place,
            name: Some(Arc::clone(&target.name)),
            model: Some(target.model.clone()),
            breaker: Some(Arc::clone(&target.breaker)),
        })
    }
}

impl AuthorizedCall {
    /// The targets in the order of their use.
    pub(crate) fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// Keeps only one target: the first that is not ejected. It is for a call that must not be sent to two targets.
    pub(crate) fn keep_one_target(&mut self) {
        self.candidates.keep_best();
    }

    /// The route, if the caller wrote the name of a model.
    pub(crate) fn route(&self) -> Option<&ModelRoute> {
        self.route.as_deref()
    }

    /// The model of each target, if the caller wrote the name of a model.
    pub(crate) fn models(&self) -> impl Iterator<Item = &String> {
        self.candidates.all().iter().filter_map(|candidate| candidate.model.as_ref())
    }
}
