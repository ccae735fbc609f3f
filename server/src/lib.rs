//! A gRPC service in front of Amazon Bedrock's runtime API.
//!
//! A call's way through the crate: [`net`] accepts it, the layer in [`call`] gives it a record and a deadline,
//! [`rpc`] writes its JSON, [`call`] tries until it succeeds or must not, [`bedrock`] asks Bedrock, [`error`] says
//! what went wrong, [`telemetry`] tells of it. ARCHITECTURE.md walks through it at leisure.

pub mod bedrock;
pub mod call;
pub mod cli;
pub mod demo;
pub mod error;
pub mod net;
pub mod rpc;
pub mod telemetry;
