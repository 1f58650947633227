//! What can go wrong with a cluster, told to the person who started it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be started, reached or ended.
#[derive(Debug)]
pub enum Error {
    /// A program that has to be installed is not.
    Missing {
        /// The program's name.
        program: &'static str,
        /// The Debian or Ubuntu package that has it.
        package: &'static str,
    },
    /// The file to run as an instance is not there.
    NoBinary(PathBuf),
    /// Another program listens on the wanted port.
    PortInUse(u16),
    /// A cluster that uses the same description file is running.
    AlreadyRunning(PathBuf),
    /// A process ended although it should run; with the last lines of its log.
    Ended {
        /// The process.
        name: String,
        /// How it ended and what it said.
        details: String,
    },
    /// Something did not become true in time.
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        after: Duration,
    },
    /// [`stop_waiting`](crate::stop_waiting) was called.
    Stopped,
    /// What was asked for makes no sense here.
    Refused(String),
    /// The operating system refused something.
    Io {
        /// What was being done.
        doing: String,
        /// Its answer.
        source: io::Error,
    },
}

impl Error {
    /// Says what was being done when the operating system answered with an error; made for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program, package } => {
                write!(
                    f,
                    "{program} is not installed. On Debian and Ubuntu: apt-get install {package}"
                )
            }
            Self::NoBinary(path) => write!(
                f,
                "there is no program {}. Build it first (cargo build --release), or name another with --binary",
                path.display()
            ),
            Self::PortInUse(port) => write!(
                f,
                "port {port} is in use by another program. End that one, or choose another port: --port (make cluster PORT=…)"
            ),
            Self::AlreadyRunning(socket) => write!(
                f,
                "a cluster is already running (it answers on {}). End it with Ctrl-C, or give this one its own --file",
                socket.display()
            ),
            Self::Ended { name, details } => write!(f, "{name} ended: {details}"),
            Self::TimedOut { what, after } => {
                write!(f, "{what}: not so after {} s", after.as_secs_f32())
            }
            Self::Stopped => write!(f, "stopped before it was done"),
            Self::Refused(why) => f.write_str(why),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
