//! The port for operators, over HTTP/1.1: liveness, readiness, metrics, running calls, the configuration that applies, and a page
//! that shows them.

mod calls;
mod configuration;
mod log_level;
mod page;
mod peer;
mod readiness;
mod server;
mod targets;
mod time;
mod token;

pub(crate) use configuration::ConfigurationStatus;
pub(crate) use readiness::ReadinessSources;
pub(crate) use server::{AdminError, AdminServer, AdminSources};
