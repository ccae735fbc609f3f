//! Converts a failure to the status that the caller receives: `failure` names what went wrong, `table` decides code, reason
//! and retries, `message`, `details` and `status` write the status.
//!
//! Architecture Invariant: this is the one place that makes a `tonic::Status`.

mod backoff;
mod classification;
mod details;
mod exception;
mod exception_members;
mod failure;
mod field;
mod message;
mod reason;
mod redact;
mod status;
mod table;

pub(crate) use classification::{Classification, Retry};
pub(crate) use exception::Exception;
pub(crate) use failure::Failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use redact::redact_message;
