//! End-to-end tests: the real binary, real sockets, real clients. The simulator takes Bedrock's place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test speaks by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod fixture;

mod admin;
mod async_jobs;
mod bidirectional;
mod bidirectional_cancellation;
mod bound_members;
mod call_options;
mod caller_connections;
mod callers;
mod calls;
mod cancellation;
mod catalog;
mod command_line;
mod compression;
mod configuration;
mod connections;
mod cost;
mod credential_faults;
mod credentials;
mod deadlines;
mod demo;
mod documents;
mod error_table;
mod errors;
mod every_field;
mod grpc_web;
mod hostile;
mod http1;
mod identities;
mod invoke_model;
mod metrics;
mod other_operations;
mod permissions;
mod reload;
mod retries;
mod streams;
mod targets;
mod telemetry;
mod telemetry_content;
mod telemetry_losses;
mod top;
mod traces;
mod transport;
mod unknown;
mod unknown_fields;
