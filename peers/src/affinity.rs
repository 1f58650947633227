//! Which CPU a process has, and how many files it may open. Whatever a process
//! starts has the same.

use anyhow::{Context as _, Result, ensure};
use rustix::{
    process::{Resource, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Keeps this thread, and all that it starts, on one CPU.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("CPU {cpu} cannot be had"))
}

/// Fails where servers and generator would share a CPU.
pub(crate) fn ensure_two() -> Result<()> {
    let allowed = sched_getaffinity(None).context("asking for the CPUs that may be used")?;
    ensure!(
        allowed.is_set(0) && allowed.is_set(1),
        "the servers need CPU 0 and the generator CPU 1; this program may not use both"
    );
    Ok(())
}

/// Opens as many files as the system permits without asking anybody.
pub(crate) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A lower limit shows itself where it is too low.
    let _ = setrlimit(Resource::Nofile, limit);
}
