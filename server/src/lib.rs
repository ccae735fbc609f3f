//! A gRPC service in front of Amazon Bedrock's runtime API.
//!
//! A call's way through the crate: [`transport`] accepts it, the layer in [`call`] gives it a record and a deadline,
//! [`service`] writes its JSON, [`call`] tries until it succeeds or must not, [`upstream`] asks Bedrock, [`status`] says
//! what went wrong, [`telemetry`] tells of it. ARCHITECTURE.md walks through it at leisure.

pub mod call;
pub mod config;
pub mod demo;
pub mod service;
pub mod status;
pub mod telemetry;
pub mod transport;
pub mod upstream;
