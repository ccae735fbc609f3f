//! Ends credential processes that nobody waits for any more.
//!
//! aws-config starts the `credential_process` of a profile through a shell, and does not stop it when the result is no
//! longer needed. A provider that hangs would add a process with each load.

#[cfg(target_os = "linux")]
use std::collections::{HashMap, HashSet};

/// The processes below this one that were there before a load.
pub(super) struct Orphans {
    #[cfg(target_os = "linux")]
    before: HashSet<u32>,
}

#[cfg(target_os = "linux")]
impl Orphans {
    /// Notes which processes are there.
    pub(super) fn watch() -> Self {
        Self { before: descendants() }
    }

    /// Kills the processes that were started since then. The load has started them, because the gateway starts no others.
    pub(super) fn kill(self) {
        use rustix::process::{Pid, Signal, kill_process};

        for process in descendants().difference(&self.before) {
            let pid = i32::try_from(*process).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid
                && kill_process(pid, Signal::KILL).is_ok()
            {
                tracing::warn!(process, "killed a credential process that did not respond");
            }
        }
    }
}

/// All processes that this one has started, and those that they have started.
#[cfg(target_os = "linux")]
fn descendants() -> HashSet<u32> {
    let own = std::process::id();
    let parents = parents();
    let is_below = |process: u32| {
        let ancestors = std::iter::successors(parents.get(&process), |parent| parents.get(parent)).copied();
        // Chains are short. The limit is necessary because the table may change while it is read.
        ancestors.take(16).any(|parent| parent == own)
    };
    parents.keys().copied().filter(|process| is_below(*process)).collect()
}

/// The parent of each process. `/proc/PID/stat` is `pid (name) state parent ...`, and a name may hold anything.
#[cfg(target_os = "linux")]
fn parents() -> HashMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stat = |entry: std::fs::DirEntry| {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((process, parent))
    };
    entries.filter_map(stat).collect()
}

/// Other systems have no `/proc`.
#[cfg(not(target_os = "linux"))]
impl Orphans {
    pub(super) fn watch() -> Self {
        Self {}
    }

    pub(super) fn kill(self) {}
}
