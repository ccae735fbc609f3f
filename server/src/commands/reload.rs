//! Reloads the configuration while calls run: on SIGHUP, and when a file has changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::admin::ConfigurationStatus;
use crate::bedrock::Upstream;
use crate::callers::KeySourceError;
use crate::config::{Loaded, Mistakes, Settings, SettingsOptions, load};
use crate::net::{ServerTls, TlsError};
use crate::pricing::PriceTable;
use crate::routing::PolicyHandle;
use crate::telemetry::{count_reload, set_configuration_generation};

/// Time between two looks at the files. Their state is compared instead of waiting for events of the file system: Kubernetes
/// replaces a symbolic link in the folder of a volume, and network file systems send no events.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Why a configuration does not apply. The old one stays.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    /// It has mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// A certificate or a key of the server cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of an issuer cannot be loaded.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
    /// The task that reads the files failed.
    #[error("the files cannot be read: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Applies new configurations.
pub(super) struct Reloader {
    options: SettingsOptions,
    /// The settings that the process started with. Some of them apply until it ends.
    started_with: Settings,
    policy: PolicyHandle,
    tls: Option<ServerTls>,
    upstream: Arc<Upstream>,
    files: Vec<(PathBuf, Option<FileState>)>,
    status: ConfigurationStatus,
}

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Reloader {
    /// A reloader of what `options` name. `loaded` is in use already.
    pub(super) fn new(
        options: SettingsOptions,
        loaded: Loaded,
        policy: PolicyHandle,
        tls: Option<ServerTls>,
        upstream: Arc<Upstream>,
        status: ConfigurationStatus,
    ) -> Self {
        let generation = status.generation();
        set_configuration_generation(generation);
        tracing::info!(generation, hash = loaded.hash, prices = PriceTable::built_in_source(), "configuration");
        let mut reloader =
            Self { options, started_with: loaded.settings, policy, tls, upstream, files: Vec::new(), status };
        reloader.files = reloader.find_file_states(&reloader.started_with);
        reloader
    }

    /// Waits until a file has changed, if there are any.
    pub(super) async fn wait_for_change(&mut self) {
        if self.files.is_empty() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let mut has_changed = false;
            for (path, known) in &mut self.files {
                let now = tokio::fs::metadata(&path).await.ok().map(|metadata| state_of(&metadata));
                has_changed |= std::mem::replace(known, now) != now;
            }
            if has_changed {
                return;
            }
        }
    }

    /// Loads AWS credentials and profiles again.
    pub(super) async fn reload_credentials(&self) {
        tracing::info!("reloading credentials");
        if !self.upstream.refresh(self.upstream.generation()).await {
            tracing::warn!(
                "credentials were not reloaded: the provider failed, or the last load is less than 10 s old"
            );
        }
    }

    /// Loads the configuration and applies it. With a mistake anywhere, everything stays as it is.
    pub(super) async fn reload(&mut self) {
        match self.try_reload().await {
            Ok((hash, generation)) => {
                set_configuration_generation(generation);
                count_reload(true);
                tracing::info!(generation, hash, "the configuration was reloaded");
            }
            Err(error) => {
                count_reload(false);
                self.status.record_rejected(error.to_string());
                let generation = self.status.generation();
                tracing::error!(generation, "the configuration was not reloaded, the old one applies: {error}");
            }
        }
    }

    /// Returns the hash and the generation of the new configuration.
    async fn try_reload(&mut self) -> Result<(String, u64), ReloadError> {
        let options = self.options.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&options)).await??;
        let settings = &loaded.settings;
        let policy = settings.policy(&self.upstream, Some(&self.policy.load()))?;
        if let (Some(tls), Some(options)) = (&self.tls, settings.tls_options()) {
            tls.reload(&options)?;
        }
        self.policy.replace(policy);
        let keys_that_need_a_restart = settings.keys_that_need_a_restart(&self.started_with);
        for key in &keys_that_need_a_restart {
            tracing::warn!(key, "the new value applies after a restart");
        }
        self.files = self.find_file_states(settings);
        let generation = self.status.record_applied(&loaded, keys_that_need_a_restart);
        Ok((loaded.hash, generation))
    }

    /// The files of the settings, with their present states.
    fn find_file_states(&self, settings: &Settings) -> Vec<(PathBuf, Option<FileState>)> {
        let known = |path: &Path| self.files.iter().find(|(known, _)| known == path).map(|(_, state)| *state);
        let files = self.options.config.iter().cloned().chain(settings.files());
        files
            .map(|path| {
                // A state from before the load: a change in between is noticed.
                let state = known(&path).unwrap_or_else(|| std::fs::metadata(&path).ok().map(|m| state_of(&m)));
                (path, state)
            })
            .collect()
    }
}

/// The state of the file itself, if the path is a symbolic link.
fn state_of(metadata: &std::fs::Metadata) -> FileState {
    FileState {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: metadata.modified().ok(),
    }
}
