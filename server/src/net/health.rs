//! Health: SERVING while AWS credentials resolve and Bedrock accepts them.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::sync::Arc;

use tokio::task::JoinHandle;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::server::HealthReporter;
use tonic_health::{ServingStatus, server::health_reporter};

use crate::bedrock::{Readiness, Upstream};

/// The state of the health service, and the task that updates it.
pub(super) struct HealthReport {
    reporter: HealthReporter,
    service: &'static str,
    watcher: JoinHandle<()>,
}

impl HealthReport {
    /// Starts to report on `service` and on the whole server (the empty name). The status is NOT_SERVING until there are
    /// credentials.
    pub(super) async fn start(
        upstream: Arc<Upstream>,
        service: &'static str,
    ) -> (Self, HealthServer<impl HealthService>) {
        let (reporter, server) = health_reporter();
        report(&reporter, service, Readiness::NoCredentials).await;
        let watcher = tokio::spawn(watch(upstream, reporter.clone(), service));
        (Self { reporter, service, watcher }, server)
    }

    /// Reports NOT_SERVING from now on.
    pub(super) async fn stop(&mut self) {
        self.watcher.abort();
        // The task may be in the middle of a report.
        let _ = (&mut self.watcher).await;
        report(&self.reporter, self.service, Readiness::NoCredentials).await;
    }
}

impl Drop for HealthReport {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

async fn watch(upstream: Arc<Upstream>, reporter: HealthReporter, service: &'static str) {
    let mut readiness = upstream.readiness();
    loop {
        let now = *readiness.borrow_and_update();
        report(&reporter, service, now).await;
        if readiness.changed().await.is_err() {
            return;
        }
    }
}

async fn report(reporter: &HealthReporter, service: &str, readiness: Readiness) {
    let status = match readiness {
        Readiness::Ready => ServingStatus::Serving,
        Readiness::NoCredentials | Readiness::Rejected => ServingStatus::NotServing,
    };
    for name in ["", service] {
        reporter.set_service_status(name, status).await;
    }
}
