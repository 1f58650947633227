//! The directory of one run: data of Redis and one log file per process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, Result};

/// A directory that belongs to one run.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    is_temporary: bool,
}

impl RunDir {
    /// A new directory in the system's temporary directory. It is removed when this value is dropped, unless the thread
    /// is panicking: the logs of a failed test are worth keeping.
    pub fn temporary() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hubbub-cluster-{}-{count}", process::id()));
        Self::create(path, true)
    }

    /// `<parent>/cluster-<pid>`, which stays for whoever wants to read its logs. Those of earlier runs, whose process is
    /// gone, are removed.
    pub fn of_this_process(parent: &Path) -> Result<Self> {
        remove_old_runs(parent);
        Self::create(parent.join(format!("cluster-{}", process::id())), false)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn create(path: PathBuf, is_temporary: bool) -> Result<Self> {
        fs::create_dir_all(&path).map_err(Error::io(format!("creating {}", path.display())))?;
        Ok(Self { path, is_temporary })
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if self.is_temporary && !std::thread::panicking() {
            // A directory that cannot be removed is no reason to fail.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes `cluster-<pid>` directories whose process no longer runs. A failure leaves the directory, which hurts nobody.
fn remove_old_runs(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("cluster-"))
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_directories_of_ended_runs_are_removed() {
        let parent = RunDir::temporary().unwrap();
        // No process has a number this high.
        let (old, own) = (
            parent.path().join("cluster-4294967295"),
            parent.path().join("cluster-notes"),
        );
        fs::create_dir(&old).unwrap();
        fs::create_dir(&own).unwrap();
        let run = RunDir::of_this_process(parent.path()).unwrap();
        assert!(!old.exists());
        assert!(own.exists());
        assert!(run.path().exists());
    }
}
