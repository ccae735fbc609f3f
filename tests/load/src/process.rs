//! Another process, and what the kernel knows of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::Result;

/// The unit of the times in `/proc/PID/stat`: USER_HZ, which is 100 on every Linux.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
const TICK: Duration = Duration::from_millis(10);

/// A process that ends with this one.
pub(crate) struct Process {
    child: Child,
    folder: PathBuf,
}

/// The resources that a process uses at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// CPU time, user and system, since its start.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
    /// Open sockets.
    pub(crate) sockets: usize,
}

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        let folder = PathBuf::from(format!("/proc/{}", child.id().ok_or("the process has ended")?));
        Ok(Self { child, folder })
    }

    /// The process itself.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Reads the resources from the kernel.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let sockets = std::fs::read_dir(self.folder.join("fd"))?
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count();
        let status = std::fs::read_to_string(self.folder.join("status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse()?;
        Ok(Usage { cpu: cpu(&std::fs::read_to_string(self.folder.join("stat"))?)?, memory: kibibytes * 1024, sockets })
    }

    /// Sends SIGTERM and returns how long the process took to end, and whether it did so by itself and in order.
    pub(crate) async fn terminate(mut self) -> Result<(Duration, bool)> {
        let started = std::time::Instant::now();
        let pid = self.child.id().ok_or("the process has ended")?.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let status = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await??;
        Ok((started.elapsed(), status.success()))
    }
}

/// `utime` and `stime`, the 14th and 15th field. The second one, the name, may contain spaces, and ends with a parenthesis.
fn cpu(stat: &str) -> Result<Duration> {
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    ticks.sum::<std::result::Result<u32, _>>().map(|ticks| TICK * ticks).map_err(Into::into)
}

/// CPU time of this process so far.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu(&std::fs::read_to_string("/proc/self/stat")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_the_14th_and_15th_field_whatever_the_name_is() {
        let stat = "7 (a) b) S 1 1 1 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu(stat).unwrap(), Duration::from_millis(420));
    }
}
