//! Who calls, and what a caller may use.

#![allow(dead_code, reason = "the port does not check callers yet")]

mod api_key;
mod identity;
mod pattern;

#[allow(unused_imports)]
pub(crate) use api_key::NewKey;
pub(crate) use identity::IdentityPattern;
pub(crate) use pattern::Pattern;

/// The name of the caller when no callers are configured.
pub(crate) const ANONYMOUS: &str = "anonymous";
