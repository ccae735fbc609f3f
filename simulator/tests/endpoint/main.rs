//! The simulator over real sockets.

// clippy's exception for tests does not reach their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod async_invoke;
mod bidirectional;
mod cache;
mod claude;
mod control;
mod count_tokens;
mod families;
mod faults;
mod guardrails;
mod http2;
mod invoke_faults;
mod lifecycle;
mod made;
mod model_rules;
mod scripts;
mod streams;
mod support;
mod tls;
mod tools;
mod validation;
