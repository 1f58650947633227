//! How busy this process and its machine are.

use std::{fs, time::Instant};

use serde::Serialize;

/// A look at the machine, as the admin API shows it. What the system does not
/// tell is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    /// Runnable tasks on the machine, averaged over 1, 5 and 15 minutes.
    pub load_average: [f64; 3],
    /// Processors this process may use.
    pub processors: usize,
    /// Memory this process holds, in bytes.
    pub memory_bytes: u64,
    /// Memory of the machine, in bytes.
    pub total_memory_bytes: u64,
    /// How long this process has been running, in seconds.
    pub uptime_seconds: u64,
}

impl Load {
    /// How things are now, for a process that began at `started`.
    pub fn now(started: Instant) -> Self {
        let system = rustix::system::sysinfo();
        // The kernel counts in parts of 65,536.
        #[expect(clippy::cast_precision_loss, reason = "a load of 2^36 is out of reach")]
        let load_average = system.loads.map(|parts| parts as f64 / 65_536.0);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            load_average,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: resident_bytes(&status),
            total_memory_bytes: system.totalram.saturating_mul(u64::from(system.mem_unit)),
            uptime_seconds: started.elapsed().as_secs(),
        }
    }
}

/// The line `VmRSS:   12345 kB` of a process's status.
fn resident_bytes(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    kib.saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_holds_memory_and_less_than_there_is() {
        let load = Load::now(Instant::now());
        assert!(load.memory_bytes > 0 && load.processors > 0);
        assert!(load.memory_bytes < load.total_memory_bytes);
        assert!(load.load_average.iter().all(|average| *average >= 0.0));
    }

    #[test]
    fn a_status_without_the_line_counts_as_nothing() {
        assert_eq!(resident_bytes("Name:\thubbub\nVmRSS:\t  2 kB\n"), 2_048);
        assert_eq!(resident_bytes(""), 0);
        assert_eq!(resident_bytes("VmRSS:\tmany kB"), 0);
    }
}
