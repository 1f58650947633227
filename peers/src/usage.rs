//! What processes use: CPU time by the scheduler's own accounting of each
//! thread, resident memory, and how busy the rest of the machine is.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

/// How many clock ticks `/proc/stat` counts per second on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// A process with all that it has started.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pids: BTreeSet<u32>,
}

/// What a tree uses at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) name: String,
    /// CPU time since it began.
    pub(crate) cpu_ns: u64,
    /// Memory that is its own or shared, in bytes; read only on request.
    pub(crate) rss: u64,
}

impl Tree {
    /// Finds the processes of a tree; those that it starts later are not in it.
    pub(crate) fn of(name: &str, pid: u32) -> Self {
        let mut pids = BTreeSet::from([pid]);
        let mut open = vec![pid];
        while let Some(pid) = open.pop() {
            for task in list(&PathBuf::from(format!("/proc/{pid}/task"))) {
                let children = fs::read_to_string(task.join("children")).unwrap_or_default();
                let children = children.split_whitespace();
                for child in children.filter_map(|pid| pid.parse().ok()) {
                    if pids.insert(child) {
                        open.push(child);
                    }
                }
            }
        }
        Self {
            name: name.to_owned(),
            pids,
        }
    }

    /// Its CPU time.
    pub(crate) fn cpu(&self) -> Usage {
        Usage {
            name: self.name.clone(),
            cpu_ns: self.pids.iter().map(|pid| cpu_of(*pid)).sum(),
            rss: 0,
        }
    }

    /// Its CPU time and its memory, which takes the kernel a while to add up.
    pub(crate) fn all(&self) -> Usage {
        Usage {
            rss: self.pids.iter().map(|pid| rss_of(*pid)).sum(),
            ..self.cpu()
        }
    }
}

fn cpu_of(pid: u32) -> u64 {
    let tasks = list(&PathBuf::from(format!("/proc/{pid}/task")));
    let ran = tasks.into_iter().filter_map(|task| {
        let text = fs::read_to_string(task.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    ran.sum()
}

fn rss_of(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

fn list(folder: &PathBuf) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

/// CPU time that all programs of the machine have used since it began, and what
/// a hypervisor has taken away.
pub(crate) fn machine_ns() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    busy_ticks(&text) * (1_000_000_000 / TICKS_PER_SECOND)
}

fn busy_ticks(stat: &str) -> u64 {
    // user nice system idle iowait irq softirq steal
    let line = stat.lines().next().unwrap_or_default();
    let ticks = line.split_whitespace().skip(1).take(8).enumerate();
    ticks
        .filter(|(place, _)| !matches!(place, 3 | 4))
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let tree = Tree::of("tests", std::process::id());
        let usage = tree.all();
        assert!(usage.cpu_ns > 0 && usage.rss > 100_000, "{usage:?}");
        assert_eq!(tree.cpu().rss, 0);
        assert!(machine_ns() > usage.cpu_ns);
    }

    #[test]
    fn a_process_that_is_not_there_uses_nothing() {
        assert_eq!(Tree::of("nobody", u32::MAX).all().cpu_ns, 0);
    }

    #[test]
    fn idle_time_is_not_use() {
        let stat = "cpu  1 2 3 1000 1000 4 5 6 7 8\ncpu0 1 1 1 1\n";
        assert_eq!(busy_ticks(stat), 21);
    }
}
