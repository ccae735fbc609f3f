//! A gRPC service in front of Amazon Bedrock's runtime API.
//!
//! The way of a call through the crate: `net` accepts the connection, the layer in `call` starts the call's record and its
//! deadline, `rpc` writes the JSON body, `call` runs attempts, `bedrock` sends them, `error` makes the status of a failure, and
//! `telemetry` writes the log line and the spans. ARCHITECTURE.md describes it in detail.

mod admin;
mod admission;
mod arn;
mod bedrock;
mod call;
mod callers;
mod cli;
mod commands;
mod config;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod large_work;
mod limits;
mod net;
mod pricing;
mod routing;
mod rpc;
mod telemetry;

pub use cli::Cli;
pub use commands::run;
