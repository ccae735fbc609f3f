//! Health: SERVING while credentials resolve and Bedrock takes them.
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tonic_health::pb::health_server::{Health as HealthService, HealthServer};
use tonic_health::server::HealthReporter;
use tonic_health::{ServingStatus, server::health_reporter};

use crate::bedrock::{Readiness, Upstream};

/// How often credentials are looked for while there are none.
const RETRY: Duration = Duration::from_secs(5);

/// How often they are looked at while there are: a role may be taken away, and finding out costs a call to STS or a process.
/// And how long those that Bedrock refused are not tried again.
const RECHECK: Duration = Duration::from_secs(300);

/// The health service's state and the task that keeps it true.
pub(super) struct Health {
    reporter: HealthReporter,
    service: &'static str,
    watcher: JoinHandle<()>,
}

impl Health {
    /// Reports on `service` and on the whole server (the empty name).
    pub(super) async fn start(
        upstream: Arc<Upstream>,
        service: &'static str,
    ) -> (Self, HealthServer<impl HealthService>) {
        let (reporter, server) = health_reporter();
        report(&reporter, service, check(&upstream, Readiness::Ready).await).await;
        let watcher = tokio::spawn(watch(upstream, reporter.clone(), service));
        (Self { reporter, service, watcher }, server)
    }

    /// NOT_SERVING from now on.
    pub(super) async fn stop(&mut self) {
        self.watcher.abort();
        // It may be in the middle of a report.
        let _ = (&mut self.watcher).await;
        report(&self.reporter, self.service, Readiness::NoCredentials).await;
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

async fn watch(upstream: Arc<Upstream>, reporter: HealthReporter, service: &'static str) {
    let mut readiness = upstream.readiness();
    loop {
        let now = *readiness.borrow_and_update();
        report(&reporter, service, now).await;
        let pause = if now == Readiness::NoCredentials { RETRY } else { RECHECK };
        tokio::select! {
            changed = readiness.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {
                if now != Readiness::Ready {
                    upstream.refresh(upstream.generation()).await;
                }
                check(&upstream, now).await;
            }
        }
    }
}

async fn check(upstream: &Upstream, before: Readiness) -> Readiness {
    match upstream.check().await {
        Ok(()) => Readiness::Ready,
        Err(error) => {
            if before == Readiness::Ready {
                tracing::warn!(error, "not ready: no AWS credentials");
            }
            Readiness::NoCredentials
        }
    }
}

async fn report(reporter: &HealthReporter, service: &str, readiness: Readiness) {
    let status = match readiness {
        Readiness::Ready => ServingStatus::Serving,
        Readiness::NoCredentials | Readiness::Refused => ServingStatus::NotServing,
    };
    for name in ["", service] {
        reporter.set_service_status(name, status).await;
    }
}
