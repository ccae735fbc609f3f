//! Tests of the schema crate: its agreement with AWS's model, and the codec.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../support/mod.rs"]
mod support;

mod aws_model;
mod codec;
mod operations;
mod round_trip;
mod twins;
