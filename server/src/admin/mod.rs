//! The port for operators: liveness, readiness, metrics and the configuration that applies, over HTTP/1.1.

mod configuration;
mod readiness;
mod server;

pub(crate) use configuration::ConfigurationStatus;
pub(crate) use readiness::ReadinessSources;
pub(crate) use server::{AdminError, AdminServer};
