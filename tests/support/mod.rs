//! Shared by the tests of the schema and of the server: the facts of AWS's model, and the mapping rules of the schema from
//! descriptors alone.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod aws_json;
pub(crate) mod aws_model;
