//! One call from its request headers to its trailers: context, record, deadline, retries, response body, shutdown.

mod body;
mod caller_retries;
mod context;
mod cost;
mod deadline;
mod drain;
mod inflate;
mod layer;
mod lifecycle;
mod load_report;
mod method_name;
mod options;
mod panic_guard;
mod protocol;
mod record;
mod request_body;
mod response;
mod retry;
mod running;
mod settings;
mod shutdown;
mod termination;

pub(crate) use context::{CallContext, Phase};
pub(crate) use layer::CallLayer;
pub(crate) use lifecycle::Call;
pub(crate) use load_report::{LoadReporter, OrcaLoadReport};
pub(crate) use options::CallOptions;
pub(crate) use record::CallRecord;
pub(crate) use running::{RunningCall, RunningCalls};
pub(crate) use settings::{CallSettings, Timeouts};
pub(crate) use shutdown::Shutdown;
