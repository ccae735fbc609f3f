//! The targets of one call: which one is first, and which one is next after a failure.

use std::sync::Arc;

use rand::RngExt as _;

use super::breaker::{Breaker, Pass};
use super::policy::RouteTarget;
use crate::bedrock::{Target, Upstream};

/// A target that a call may use.
pub(crate) struct Candidate {
    /// The way to Bedrock with the target's identity.
    pub(crate) upstream: Arc<Upstream>,
    /// The model and the Region.
    pub(crate) target: Target,
    /// The name, if the caller wrote the name of a model.
    pub(crate) name: Option<Arc<str>>,
    /// The model that replaces the name in the request.
    pub(super) model: Option<String>,
    /// The health, if the target is one of the configuration.
    pub(super) breaker: Option<Arc<Breaker>>,
}

/// The targets of a call in the order of their use. There is at least one.
pub(crate) struct Candidates(Vec<Candidate>);

/// The targets that a running call has not used yet.
pub(crate) struct Remaining<'a> {
    candidates: &'a [Candidate],
    used: Vec<bool>,
}

/// A target of a call, with the permission to use it.
pub(crate) struct Chosen<'a> {
    /// Its place among the candidates.
    pub(crate) index: usize,
    /// The target.
    pub(crate) candidate: &'a Candidate,
    /// The permission of its breaker, if the target is one of the configuration.
    pub(crate) pass: Option<Pass>,
}

impl Candidates {
    /// The one target of a call.
    pub(super) fn one(candidate: Candidate) -> Self {
        Self(vec![candidate])
    }

    /// `None` if there is no candidate.
    pub(super) fn new(candidates: Vec<Candidate>) -> Option<Self> {
        (!candidates.is_empty()).then_some(Self(candidates))
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Candidate] {
        &self.0
    }

    /// Keeps only one target: the first that is not ejected. If all are ejected, it is the one with the earliest probe.
    pub(super) fn keep_best(&mut self) {
        let best = self.0.iter().position(Candidate::is_available).or_else(|| least_bad(&self.0)).unwrap_or_default();
        self.0.swap(0, best);
        self.0.truncate(1);
    }

    /// The targets for a call that starts now.
    pub(crate) fn remaining(&self) -> Remaining<'_> {
        Remaining { candidates: &self.0, used: vec![false; self.0.len()] }
    }
}

impl<'a> Remaining<'a> {
    /// The first target. If all are ejected, it is the one with the earliest probe, and there is no next target.
    pub(crate) fn first(&mut self) -> Chosen<'a> {
        self.next().unwrap_or_else(|| {
            let index = least_bad(self.candidates).unwrap_or_default();
            self.used.fill(true);
            let candidate = &self.candidates[index];
            Chosen { index, candidate, pass: candidate.breaker.as_ref().map(Breaker::admit_always) }
        })
    }

    /// Whether there is a target that is neither used nor ejected.
    pub(crate) fn has_next(&self) -> bool {
        self.unused().any(|(_, candidate)| candidate.is_available())
    }

    /// The next target that is not ejected.
    pub(crate) fn next(&mut self) -> Option<Chosen<'a>> {
        let chosen = self.unused().find_map(|(index, candidate)| match &candidate.breaker {
            None => Some(Chosen { index, candidate, pass: None }),
            Some(breaker) => breaker.admit().map(|pass| Chosen { index, candidate, pass: Some(pass) }),
        })?;
        self.used[chosen.index] = true;
        Some(chosen)
    }

    fn unused(&self) -> impl Iterator<Item = (usize, &'a Candidate)> {
        let candidates = self.candidates.iter().enumerate();
        candidates.zip(&self.used).filter(|(_, used)| !**used).map(|(candidate, _)| candidate)
    }
}

impl Candidate {
    fn is_available(&self) -> bool {
        self.breaker.as_ref().is_none_or(|breaker| breaker.is_available())
    }
}

/// The target with the earliest probe.
fn least_bad(candidates: &[Candidate]) -> Option<usize> {
    let probes = candidates.iter().map(|candidate| candidate.breaker.as_ref().and_then(|breaker| breaker.next_probe()));
    probes.enumerate().min_by_key(|(_, probe)| *probe).map(|(index, _)| index)
}

/// The order of targets for one call: by priority, and those of the same priority at random by their weights.
pub(super) fn order_targets(targets: &[RouteTarget]) -> Vec<&RouteTarget> {
    let mut random = rand::rng();
    // With exponentially distributed keys, the probability that a target is first equals its share of the weights.
    // https://en.wikipedia.org/wiki/Reservoir_sampling#Algorithm_A-Res
    let mut keyed: Vec<_> = targets
        .iter()
        .map(|target| (target.priority, -(1.0 - random.random::<f64>()).ln() / f64::from(target.weight.max(1)), target))
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    keyed.into_iter().map(|(_, _, target)| target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_priorities_are_shared_by_weight_and_lower_numbers_are_first() {
        let target = |model: &str, priority, weight| RouteTarget { priority, weight, ..RouteTarget::new(model) };
        let targets = [target("last", 1, 1000), target("heavy", 0, 3), target("light", 0, 1)];
        let orders: Vec<Vec<_>> = (0..4000)
            .map(|_| order_targets(&targets).into_iter().map(|target| target.model.as_str()).collect())
            .collect();
        assert!(orders.iter().all(|order| order[2] == "last"));
        let heavy = orders.iter().filter(|order| order[0] == "heavy").count();
        // Three quarters are 3,000; the standard deviation is 27.
        assert!((2700..3300).contains(&heavy), "{heavy} of 4,000");
    }
}
