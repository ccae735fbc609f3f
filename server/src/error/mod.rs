//! From what went wrong to what the caller is told: `failure` names it, `table` decides, `details` writes it down.
//!
//! Architecture Invariant: this is the one place that makes a `tonic::Status`.

mod details;
mod exception;
mod failure;
mod field;
mod redact;
mod table;

pub use details::{Facts, Phase, of};
pub use exception::Exception;
pub use failure::Failure;
pub use table::{Backoff, Retry, Verdict};
