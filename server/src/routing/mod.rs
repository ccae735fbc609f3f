//! Finds the targets at Bedrock for a caller's call. `policy` has the rules, and `authorized` applies them. `targets` has the
//! targets of a call in their order. `breaker` has the health of each target.
//!
//! Architecture Invariant: an RPC reaches Bedrock only by an [`AuthorizedCall`], and only [`Bedrock::authorize`] makes one.

mod authorized;
mod breaker;
mod policy;
mod targets;

pub(crate) use authorized::{AuthorizedCall, Bedrock};
pub(crate) use breaker::{Breaker, Change, Verdict};
pub(crate) use policy::{
    ConverseDefaults, ModelRoute, Policy, PolicyHandle, Pricing, RouteTarget, TargetKey, TokenLimits,
};
pub(crate) use targets::{Candidate, Candidates, Chosen};
