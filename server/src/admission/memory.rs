//! The memory that the process may use: the limit of its control group, or else the machine's memory.

use std::fs;

/// The share of the memory that messages in flight may take. A message exists up to three times: as received, as decoded (large
/// values share the received bytes), and as the JSON body, where base64 adds a third.
const MEMORY_SHARE: u64 = 4;

/// Smallest default. A single message may have 32 MiB.
const MIN_BYTES: u64 = 256 * 1024 * 1024;

/// The control group's limit, version 2 and version 1. <https://docs.kernel.org/admin-guide/cgroup-v2.html>
const CGROUP_FILES: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The default of `--max-bytes-in-flight`: a quarter of the memory that the process may use, at least 256 MiB.
#[must_use]
pub(crate) fn default_byte_budget() -> u64 {
    let limits = CGROUP_FILES.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let memory = limits.chain(machine_memory()).min();
    memory.map_or(MIN_BYTES, |bytes| (bytes / MEMORY_SHARE).max(MIN_BYTES))
}

/// `MemTotal` of /proc/meminfo, in bytes. <https://man7.org/linux/man-pages/man5/proc_meminfo.5.html>
fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    parse_mem_total(&text)
}

fn parse_mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{MIN_BYTES, default_byte_budget, parse_mem_total};

    #[test]
    fn mem_total_is_read_in_bytes() {
        assert_eq!(parse_mem_total("MemTotal:       24680832 kB\nMemFree: 1 kB\n"), Some(24_680_832 * 1024));
        assert_eq!(parse_mem_total("MemFree: 1 kB"), None);
    }

    #[test]
    fn the_default_budget_is_never_below_its_minimum() {
        assert!(default_byte_budget() >= MIN_BYTES);
    }
}
