//! What server processes use: CPU time and memory, read from `/proc`.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::Serialize;

/// What one process and its children use, at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// CPU time since it began, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory that is its own or shared, in bytes.
    pub rss: u64,
    /// The same, with shared memory divided among those who share it.
    pub pss: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Reads it; nothing where a process is not there any more.
    pub fn of(pid: u32) -> Self {
        let mut usage = Self::default();
        for pid in family(pid) {
            usage.add(pid);
        }
        usage
    }

    fn add(&mut self, pid: u32) {
        let root = PathBuf::from(format!("/proc/{pid}"));
        for task in list(&root.join("task")) {
            self.threads += 1;
            let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let ran = text.split(' ').next().and_then(|ran| ran.parse().ok());
            self.cpu_ns += ran.unwrap_or(0_u64);
        }
        self.descriptors += list(&root.join("fd")).len() as u64;
        let memory = fs::read_to_string(root.join("smaps_rollup")).unwrap_or_default();
        self.rss += kilobytes(&memory, "Rss:") * 1_024;
        self.pss += kilobytes(&memory, "Pss:") * 1_024;
    }
}

/// A process and all that it started. The balancer's master does nothing
/// itself.
fn family(pid: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([pid]);
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        for task in list(&PathBuf::from(format!("/proc/{pid}/task"))) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            for child in children
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok())
            {
                if family.insert(child) {
                    open.push(child);
                }
            }
        }
    }
    family
}

fn list(folder: &PathBuf) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

fn kilobytes(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id());
        assert!(
            usage.cpu_ns > 0 && usage.rss > 100_000 && usage.threads > 0,
            "{usage:?}"
        );
        assert!(usage.pss <= usage.rss && usage.descriptors > 2, "{usage:?}");
    }

    #[test]
    fn a_process_that_is_not_there_uses_nothing() {
        assert_eq!(Usage::of(u32::MAX), Usage::default());
    }
}
