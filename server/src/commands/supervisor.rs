//! Messages to the process's supervisor, systemd, and its requests: readiness, watchdog, reload.
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>
//!
//! Without `NOTIFY_SOCKET` in the environment every message is a no-op.

use std::future::pending;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::reload::Reloader;

/// Reports that the gateway has started to shut down.
pub(super) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Reports that the gateway is ready, reports to the watchdog, and reloads credentials on SIGHUP, for as long as it is polled. It
/// never resolves.
pub(super) async fn supervise(reloader: Reloader) {
    tokio::select! {
        () = feed_watchdog() => {}
        () = reload_on_demand(reloader) => {}
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

/// Reloads credentials and the configuration on SIGHUP, and the configuration when a file has changed. Running calls are not
/// affected.
async fn reload_on_demand(mut reloader: Reloader) {
    let hangup = signal(SignalKind::hangup());
    // systemd may send SIGHUP after this message. Without the handler, SIGHUP would end the process.
    notify(&[NotifyState::Ready]);
    let mut hangup = match hangup {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            tracing::error!(%error, "SIGHUP cannot be received");
            None
        }
    };
    loop {
        let is_hangup = tokio::select! {
            () = next_signal(hangup.as_mut()) => true,
            () = reloader.wait_for_change() => false,
        };
        if !is_hangup {
            reloader.reload().await;
            continue;
        }
        let mut started = vec![NotifyState::Reloading];
        // systemd 253 and newer compares this time with the time of its request.
        started.extend(NotifyState::monotonic_usec_now());
        notify(&started);
        reloader.reload().await;
        reloader.reload_credentials().await;
        notify(&[NotifyState::Ready]);
    }
}

async fn next_signal(signal: Option<&mut Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    pending().await
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be notified");
    }
}
