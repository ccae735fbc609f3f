//! What the schema's and the server's tests share: the facts of AWS's model, and an independent reading of the schema's
//! mapping rules.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod aws_json;
pub(crate) mod aws_model;
