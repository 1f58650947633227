//! One hubbub instance as a process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::{Launch, Process};
use crate::{Error, Result, get, until};

const START_LIMIT: Duration = Duration::from_secs(30);

/// How to start an [`Instance`].
#[derive(Clone, Debug)]
pub struct InstanceOptions {
    /// The program.
    pub binary: PathBuf,
    /// Its arguments: `serve`.
    pub args: Vec<String>,
    /// Its name, also given to it as `HUBBUB__INSTANCE__NAME`.
    pub name: String,
    /// Where it listens, also given to it as `HUBBUB__HTTP__LISTEN`.
    pub listen: SocketAddr,
    /// Where its admin listener listens, also given to it as `HUBBUB__ADMIN__LISTEN`.
    pub admin: SocketAddr,
    /// Further settings. The environment of this program is passed on as well.
    pub env: Vec<(String, String)>,
    /// For its log, `<name>.log`; it has to exist.
    pub dir: PathBuf,
}

/// A running instance; killed on drop.
#[derive(Debug)]
pub struct Instance {
    options: InstanceOptions,
    process: Process,
}

impl Instance {
    /// Starts it and waits until it is ready (`/readyz` answers 200).
    pub fn start(options: InstanceOptions) -> Result<Self> {
        if !options.binary.is_file() {
            return Err(Error::NoBinary(options.binary));
        }
        let mut env = options.env.clone();
        env.extend([
            ("HUBBUB__INSTANCE__NAME".to_owned(), options.name.clone()),
            (
                "HUBBUB__HTTP__LISTEN".to_owned(),
                options.listen.to_string(),
            ),
            (
                "HUBBUB__ADMIN__LISTEN".to_owned(),
                options.admin.to_string(),
            ),
        ]);
        let process = Process::start(Launch {
            name: options.name.clone(),
            program: options.binary.clone(),
            args: options.args.clone(),
            env,
            log: options.dir.join(format!("{}.log", options.name)),
            ..Launch::default()
        })?;
        let instance = Self { options, process };
        until(
            &format!("{} is ready", instance.name()),
            START_LIMIT,
            || {
                instance.process.must_run()?;
                Ok(instance.is_ready())
            },
        )?;
        Ok(instance)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.options.listen
    }

    /// Where its admin listener listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.options.admin
    }

    /// Its process, to kill, terminate, freeze or thaw it, and to read its log.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Whether it takes new work now.
    pub fn is_ready(&self) -> bool {
        matches!(get(self.options.listen, "/readyz"), Ok((200, _)))
    }
}
