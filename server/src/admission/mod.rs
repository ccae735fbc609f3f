//! Limits on what callers may use of the process: bytes in flight and calls at the same time. Every rejection has a reason
//! that starts with `ADMISSION_`, and a delay after which the caller may retry.

mod byte_budget;
mod memory;
mod overload;
mod wait_queue;

pub(crate) use byte_budget::{ByteBudget, ByteCharge, SMALL_MESSAGE_BYTES};
pub(crate) use memory::default_byte_budget;
pub(crate) use overload::{CallPermit, OverloadControl, OverloadSettings};
pub(crate) use wait_queue::Wait;

/// Settings of the limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionSettings {
    /// Maximum bytes of messages in flight.
    pub(crate) max_bytes_in_flight: u64,
    /// The number of calls, and the delay of the gateway's own work.
    pub(crate) overload: OverloadSettings,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self { max_bytes_in_flight: default_byte_budget(), overload: OverloadSettings::default() }
    }
}

/// Everything that a new call must pass. Clones share the limits.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// Bytes of messages in flight.
    pub(crate) bytes: ByteBudget,
    /// The number of calls, and the delay of the gateway's own work.
    pub(crate) overload: OverloadControl,
}

impl Admission {
    /// Limits with `settings`.
    #[must_use]
    pub(crate) fn new(settings: AdmissionSettings) -> Self {
        Self { bytes: ByteBudget::new(settings.max_bytes_in_flight), overload: OverloadControl::new(settings.overload) }
    }
}
