//! A rolling restart beside a run: the program that runs the cluster replaces
//! its instances one after the other, while clients talk.

use std::{
    io::{self, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// How to replace every instance of a cluster.
#[derive(Clone, Debug)]
pub struct RollOptions {
    /// The program that can: `hubbub-cluster`.
    pub program: PathBuf,
    /// The file that describes the running cluster.
    pub cluster: PathBuf,
}

/// A rolling restart on its way. Ended early, it stops at the instance that is
/// being replaced.
pub(super) struct Roll(Child);

impl Roll {
    pub(super) fn start(options: &RollOptions) -> io::Result<Self> {
        Command::new(&options.program)
            .arg("roll")
            .arg("--file")
            .arg(&options.cluster)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map(Self)
    }

    /// Whether every instance has been replaced, or one could not be.
    pub(super) fn is_over(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// What went wrong, if anything did.
    pub(super) fn failure(mut self) -> Option<String> {
        match self.0.try_wait() {
            Ok(Some(status)) if status.success() => None,
            Ok(Some(_)) => {
                let mut said = String::new();
                let stderr = self.0.stderr.as_mut();
                let _ = stderr.map(|stderr| stderr.read_to_string(&mut said));
                Some(format!("not every instance was replaced: {}", said.trim()))
            }
            _ => Some("the instances were not replaced in time".to_owned()),
        }
    }
}

impl Drop for Roll {
    fn drop(&mut self) {
        // Both fail only if it is over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
