//! What `/config` shows: the configuration that applies, and why the last reload failed.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::Value as Json;

use super::time::format_time;
use crate::config::{Loaded, show_json};

/// The state of the configuration. Clones share it.
#[derive(Clone)]
pub(crate) struct ConfigurationStatus(Arc<ArcSwap<Configuration>>);

/// The body of `/config`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Configuration {
    /// 1 at the start, and one more with each reload that was applied.
    generation: u64,
    /// The hash of the settings, as in the log and in `config check`.
    hash: String,
    /// When the settings were loaded (RFC 3339).
    loaded_at: String,
    /// Why the last reload was rejected. Absent if it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reload_error: Option<ReloadFailure>,
    /// The keys whose value in `settings` applies after a restart.
    keys_that_need_a_restart: Vec<String>,
    /// The settings, without passwords.
    settings: Json,
}

/// A reload that was rejected.
#[derive(Debug, Clone, Serialize)]
struct ReloadFailure {
    /// When (RFC 3339).
    at: String,
    /// All mistakes, one in a line.
    message: String,
}

impl ConfigurationStatus {
    /// The state of a gateway that starts with `loaded`.
    pub(crate) fn new(loaded: &Loaded) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Configuration::new(1, loaded, Vec::new()))))
    }

    /// The generation that applies.
    pub(crate) fn generation(&self) -> u64 {
        self.0.load().generation
    }

    /// Records that a reload was applied. `keys` apply after a restart. Returns the new generation.
    pub(crate) fn record_applied(&self, loaded: &Loaded, keys: Vec<String>) -> u64 {
        let generation = self.generation() + 1;
        self.0.store(Arc::new(Configuration::new(generation, loaded, keys)));
        generation
    }

    /// Records that a reload was rejected. The generation stays.
    pub(crate) fn record_rejected(&self, message: String) {
        let failure = ReloadFailure { at: format_time(SystemTime::now()), message };
        let configuration = Configuration::clone(&self.0.load());
        self.0.store(Arc::new(Configuration { last_reload_error: Some(failure), ..configuration }));
    }

    /// What applies now.
    pub(super) fn load(&self) -> Arc<Configuration> {
        self.0.load_full()
    }
}

impl Configuration {
    fn new(generation: u64, loaded: &Loaded, keys_that_need_a_restart: Vec<String>) -> Self {
        Self {
            generation,
            hash: loaded.hash.clone(),
            loaded_at: format_time(SystemTime::now()),
            last_reload_error: None,
            keys_that_need_a_restart,
            settings: show_json(&loaded.settings),
        }
    }
}
