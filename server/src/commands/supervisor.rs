//! Messages to the process's supervisor, systemd, and its requests: readiness, watchdog, reload.
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>
//!
//! Without `NOTIFY_SOCKET` in the environment every message is a no-op.

use std::future::pending;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::bedrock::Upstream;

/// Reports that the gateway has started to shut down.
pub(super) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Reports that the gateway is ready, reports to the watchdog, and reloads credentials on SIGHUP, for as long as it is polled. It
/// never resolves.
pub(super) async fn supervise(upstream: &Upstream) {
    tokio::select! {
        () = feed_watchdog() => {}
        () = reload_on_hangup(upstream) => {}
    }
}

/// Sends a message in half of the time that systemd allows, as its manual recommends. The message comes from the runtime that
/// serves the calls, so it stops when that runtime is stuck.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| *limit > Duration::ZERO) else {
        return pending().await;
    };
    let mut ticks = interval(limit / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// On SIGHUP loads credentials and profiles again. Running calls are not affected.
async fn reload_on_hangup(upstream: &Upstream) {
    let hangup = signal(SignalKind::hangup());
    // systemd may send SIGHUP after this message. Without the handler, SIGHUP would end the process.
    notify(&[NotifyState::Ready]);
    let Ok(mut hangup) = hangup else {
        tracing::error!("SIGHUP cannot be received; credentials are only reloaded when Bedrock rejects them");
        return pending().await;
    };
    while hangup.recv().await.is_some() {
        let mut started = vec![NotifyState::Reloading];
        // systemd 253 and newer compares this time with the time of its request.
        started.extend(NotifyState::monotonic_usec_now());
        notify(&started);
        tracing::info!("reloading credentials");
        if !upstream.refresh(upstream.generation()).await {
            tracing::warn!(
                "credentials were not reloaded: the provider failed, or the last load is less than 10 s old"
            );
        }
        notify(&[NotifyState::Ready]);
    }
    pending().await
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be notified");
    }
}
