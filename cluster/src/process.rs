//! One program that we started: its process, its log file, and the signals it gets.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::wait::is_met_within;
use crate::{Error, Result};

const LOG_LINES_IN_ERRORS: usize = 15;
const FREEZE_LIMIT: Duration = Duration::from_secs(5);

/// What to start.
#[derive(Debug, Default)]
pub struct Launch {
    /// What it is called in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Settings beside the environment of this program.
    pub env: Vec<(String, String)>,
    /// What it must not take from that environment.
    pub without_env: Vec<&'static str>,
    /// Output and errors are appended to it.
    pub log: PathBuf,
}

/// A running program. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    /// As long as the child is not reaped its number belongs to nobody else, so a signal sent under this lock after
    /// asking whether it still runs cannot reach a stranger.
    child: Mutex<Child>,
}

impl Process {
    /// Starts a program.
    pub fn start(launch: Launch) -> Result<Self> {
        let doing = format!("starting {} ({})", launch.name, launch.program.display());
        let log = File::options().create(true).append(true).open(&launch.log);
        let log = log.map_err(Error::io(format!("opening {}", launch.log.display())))?;
        let mut command = command_that_dies_with_us(&launch.program);
        for name in &launch.without_env {
            command.env_remove(name);
        }
        command
            .args(&launch.args)
            .envs(launch.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(Error::io(doing.clone()))?)
            .stderr(log)
            // Ctrl-C in a terminal reaches the whole foreground group; who ends when is decided by us.
            .process_group(0);
        let child = spawn(command).map_err(Error::io(doing))?;
        Ok(Self {
            name: launch.name,
            pid: child.id(),
            log: launch.log,
            child: Mutex::new(child),
        })
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that gets its output.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Everything it has said so far, or that earlier processes with the same log file have.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Whether it has not ended yet. A frozen process runs.
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child().try_wait().ok().flatten()
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child();
        // Both fail only if it is gone already.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks it to end (SIGTERM) and returns at once.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Stops it in the middle of whatever it does (SIGSTOP); its connections stay open and silent. On return all of its
    /// threads have stopped.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        crate::until(&format!("{} is frozen", self.name), FREEZE_LIMIT, || {
            self.must_run()?;
            Ok(is_stopped(self.pid))
        })
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until it has ended by itself, and tells how.
    pub fn wait_for_exit(&self, limit: Duration) -> Result<ExitStatus> {
        let mut status = None;
        crate::until(&format!("{} ends", self.name), limit, || {
            status = self.exit_status();
            Ok(status.is_some())
        })?;
        status.ok_or(Error::Stopped)
    }

    /// Terminates it, and kills it if it is not gone within the limit. Returns whether it went by itself.
    pub fn end(&self, limit: Duration) -> bool {
        let went = self.terminate().is_ok() && is_met_within(limit, || !self.is_running());
        self.kill();
        went
    }

    /// [`Error::Ended`] with the end of the log if it runs no more.
    pub fn must_run(&self) -> Result<()> {
        match self.exit_status() {
            None => Ok(()),
            Some(status) => {
                let log = self.log();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(LOG_LINES_IN_ERRORS)..].join("\n  ");
                Err(Error::Ended {
                    name: self.name.clone(),
                    details: format!("{status}. It said last:\n  {last}"),
                })
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let mut child = self.child();
        let gone = || Error::Refused(format!("{} does not run any more", self.name));
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(gone());
        }
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(gone)?;
        kill_process(pid, signal)
            .map_err(|errno| Error::io(format!("sending a signal to {}", self.name))(errno.into()))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether every thread of a process is stopped. One that ends meanwhile does nothing any more either.
fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        // The state is the word after the name, which is in parentheses and may hold any other character.
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

/// Finds an installed program. Servers often sit in sbin directories, which are not on everybody's PATH.
pub fn find_program(program: &'static str, package: &'static str) -> Result<PathBuf> {
    lookup(program).ok_or(Error::Missing { program, package })
}

fn lookup(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// `setpriv` asks the kernel to kill the process when its parent dies, then becomes the program itself, under the same
/// process number. Without it (not Linux, not util-linux) only our own Drop cleans up.
fn command_that_dies_with_us(program: &Path) -> Command {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    match SETPRIV.get_or_init(|| lookup("setpriv")) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// To the kernel, the parent of a process is the thread that started it: a test's thread may end while others go on using
/// what it has started. So one thread, which lives as long as the program, starts them all.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders): (_, Receiver<Order>) = channel();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                // Nobody is waiting any more only if their thread has panicked; then the child is dropped with the reply.
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (sender, reply) = channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    spawner.send((command, sender)).map_err(|_| gone())?;
    reply.recv().map_err(|_| gone())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunDir;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(dir: &RunDir, script: &str) -> Process {
        Process::start(Launch {
            name: "shell".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            log: dir.path().join("log"),
            ..Launch::default()
        })
        .unwrap()
    }

    #[test]
    fn what_a_process_says_is_in_its_log() {
        let dir = RunDir::temporary().unwrap();
        let process = shell(&dir, "echo out; echo err >&2; exit 3");
        assert_eq!(process.wait_for_exit(SOON).unwrap().code(), Some(3));
        assert_eq!(process.log(), "out\nerr\n");
        let error = process.must_run().unwrap_err().to_string();
        assert!(
            error.contains("shell ended") && error.contains("err"),
            "{error}"
        );
    }

    #[test]
    fn a_process_ends_with_its_value() {
        let dir = RunDir::temporary().unwrap();
        let process = shell(&dir, "sleep 100 & wait");
        let pid = process.pid();
        assert!(process.is_running());
        drop(process);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_frozen_process_runs_and_can_be_thawed() {
        let dir = RunDir::temporary().unwrap();
        let process = shell(&dir, "while :; do sleep 0.05; done");
        process.freeze().unwrap();
        assert!(is_stopped(process.pid()));
        assert!(process.is_running());
        process.thaw().unwrap();
        crate::until("it goes on", SOON, || Ok(!is_stopped(process.pid()))).unwrap();
        process.kill();
        assert!(process.freeze().is_err());
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed() {
        let dir = RunDir::temporary().unwrap();
        let process = shell(
            &dir,
            "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        );
        crate::until("the trap is set", SOON, || {
            Ok(process.log().contains("ready"))
        })
        .unwrap();
        assert!(!process.end(Duration::from_millis(200)));
        assert!(!process.is_running());
    }

    #[test]
    fn a_process_outlives_the_thread_that_started_it() {
        let dir = RunDir::temporary().unwrap();
        let process = thread::scope(|scope| {
            scope
                .spawn(|| shell(&dir, "echo on; sleep 100 & wait"))
                .join()
                .unwrap()
        });
        crate::until("it started", SOON, || Ok(process.log().contains("on"))).unwrap();
        assert!(process.is_running());
    }

    #[test]
    fn a_missing_program_names_the_package_to_install() {
        let error = find_program("no-such-program-here", "some-package")
            .unwrap_err()
            .to_string();
        assert!(error.contains("apt-get install some-package"), "{error}");
    }
}
