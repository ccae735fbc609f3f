//! Gauges whose values are read when the metrics are exported or scraped.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;
use tokio_util::task::TaskTracker;

use super::super::names;
use super::catalog::{self, Metric};

/// The connections to one host.
#[derive(Debug, Clone)]
pub(crate) struct HostConnections {
    /// The host and its port.
    pub(crate) address: String,
    /// The open connections and the requests on them, by the version of HTTP.
    pub(crate) by_version: [(&'static str, u64, u64); 2],
    /// Requests that wait for a connection.
    pub(crate) waiting: u64,
}

/// An AWS identity.
#[derive(Debug, Clone)]
pub(crate) struct IdentityState {
    /// Its name.
    pub(crate) name: String,
    /// Whether it has credentials that Bedrock has not rejected.
    pub(crate) is_ready: bool,
    /// When its credentials expire, if they do.
    pub(crate) expires: Option<SystemTime>,
}

/// A target of a model's name.
#[derive(Debug, Clone)]
pub(crate) struct TargetState {
    /// Its name: `chat/0`.
    pub(crate) name: String,
    /// Whether it is ejected because it failed.
    pub(crate) is_ejected: bool,
}

/// Reports the number of running calls. Autoscalers scale by it.
pub(crate) fn observe_running_calls(running: TaskTracker) {
    observe(&catalog::RUNNING_CALLS, move |gauge| gauge.observe(running.len() as u64, &[]));
}

/// Reports the bytes of request messages that have arrived and are not yet sent to Bedrock.
pub(crate) fn observe_bytes_in_flight(read: impl Fn() -> u64 + Send + Sync + 'static) {
    observe(&catalog::BYTES_IN_FLIGHT, move |gauge| gauge.observe(read(), &[]));
}

/// Reports the connections to Bedrock.
pub(crate) fn observe_connections(read: impl Fn() -> Vec<HostConnections> + Send + Sync + 'static) {
    let read = Arc::new(read);
    let by_version = |select: fn(u64, u64) -> u64| {
        let read = Arc::clone(&read);
        move |gauge: &dyn AsyncInstrument<u64>| {
            for host in read() {
                for (version, connections, streams) in host.by_version {
                    let labels = [
                        KeyValue::new(names::SERVER_ADDRESS, host.address.clone()),
                        KeyValue::new(names::NETWORK_PROTOCOL_VERSION, version),
                    ];
                    gauge.observe(select(connections, streams), &labels);
                }
            }
        }
    };
    observe(&catalog::CONNECTIONS, by_version(|connections, _| connections));
    observe(&catalog::STREAMS, by_version(|_, streams| streams));
    observe(&catalog::WAITING_REQUESTS, move |gauge| {
        for host in read() {
            gauge.observe(host.waiting, &[KeyValue::new(names::SERVER_ADDRESS, host.address)]);
        }
    });
}

/// Reports the AWS identities.
pub(crate) fn observe_identities(read: impl Fn() -> Vec<IdentityState> + Send + Sync + 'static) {
    let read = Arc::new(read);
    let label = |identity: &IdentityState| [KeyValue::new(names::IDENTITY, identity.name.clone())];
    observe(&catalog::IDENTITY_READY, {
        let read = Arc::clone(&read);
        move |gauge| read().iter().for_each(|identity| gauge.observe(u64::from(identity.is_ready), &label(identity)))
    });
    observe(&catalog::CREDENTIALS_EXPIRY, move |gauge| {
        for identity in read() {
            let expires = identity.expires.and_then(|expires| expires.duration_since(UNIX_EPOCH).ok());
            if let Some(expires) = expires {
                gauge.observe(expires.as_secs(), &label(&identity));
            }
        }
    });
}

/// Reports which targets are ejected.
pub(crate) fn observe_targets(read: impl Fn() -> Vec<TargetState> + Send + Sync + 'static) {
    observe(&catalog::TARGET_EJECTED, move |gauge| {
        for target in read() {
            gauge.observe(u64::from(target.is_ejected), &[KeyValue::new(names::TARGET_NAME, target.name)]);
        }
    });
}

fn observe(metric: &Metric, read: impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static) {
    // The meter owns the callback, so the instrument need not be kept.
    let _gauge = catalog::meter()
        .u64_observable_gauge(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_callback(read)
        .build();
}
