//! From a caller and what it names to a target at Bedrock. `policy` has the rules, `bedrock` applies them.
//!
//! Architecture Invariant: an RPC reaches Bedrock only by an [`AuthorizedCall`], and only [`Bedrock::authorize`] makes one.

mod authorized;
mod policy;

pub(crate) use authorized::{AuthorizedCall, Bedrock};
pub(crate) use policy::{ConverseDefaults, ModelRoute, Policy, PolicyHandle, Pricing, TokenLimits};
