//! Where a run took place: the machine, and the versions of everything.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) system: String,
    pub(crate) redis: String,
    pub(crate) node: String,
    /// When the run ended.
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str, split: char| {
            let mut lines = text.lines().filter_map(|line| line.split_once(split));
            let found = lines.find(|(key, _)| key.trim() == name);
            found.map_or_else(
                || "unknown".to_owned(),
                |(_, value)| value.trim().trim_matches('"').to_owned(),
            )
        };
        let cpus = file("/proc/cpuinfo");
        let memory = field(&file("/proc/meminfo"), "MemTotal", ':');
        let kilobytes = memory.split(' ').next().and_then(|text| text.parse().ok());
        Self {
            cpu: field(&cpus, "model name", ':'),
            cpus: cpus.matches("processor\t").count(),
            memory_gib: kilobytes.unwrap_or(0_u64) / (1 << 20),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&file("/etc/os-release"), "PRETTY_NAME", '='),
            redis: first_line(Path::new("redis-server"), &["--version"])
                .split(' ')
                .find_map(|word| word.strip_prefix("v="))
                .unwrap_or("unknown")
                .to_owned(),
            node: first_line(Path::new("node"), &["--version"]),
            date: date(SystemTime::now()),
        }
    }
}

/// The first line that a program prints.
pub(crate) fn first_line(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// The version of an installed package of node.
pub(crate) fn node_package(node: &Path, name: &str) -> String {
    let file = node.join("node_modules").join(name).join("package.json");
    fs::read_to_string(file)
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .and_then(|package| Some(package["version"].as_str()?.to_owned()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The day in UTC, by the usual arithmetic on eras of 400 years.
fn date(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let day = day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_199, "2024-02-29"),
            (1_709_251_200, "2024-03-01"),
            (1_767_225_599, "2025-12-31"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), day);
        }
    }

    #[test]
    fn this_machine_has_a_cpu() {
        let machine = Machine::this();
        assert!(machine.cpus > 0 && machine.memory_gib < 1 << 20);
        assert!(!machine.kernel.is_empty());
    }
}
