//! The RPCs. Each operation family has a file that describes its requests and responses. How a call runs is written once:
//! `unary` for operations with one response, `stream` for operations that stream events, `bidirectional` for the operation
//! that streams both ways.

mod async_invoke;
mod bidirectional;
mod control_plane;
mod converse;
mod converse_defaults;
mod count_tokens;
mod events;
mod guardrail;
mod invoke_model;
mod metadata;
mod prepare;
mod request;
mod response;
mod rules;
mod runtime;
mod stream;
mod timeout;
mod unary;
mod usage;

pub(crate) use control_plane::ControlPlane;
pub(crate) use runtime::Runtime;
