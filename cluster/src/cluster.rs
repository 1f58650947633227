//! The whole cluster: one redis-server, one HAProxy, and instances in up to 16 slots.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::description::{HaproxyEntry, InstanceEntry, RedisEntry};
use crate::wait::is_met_within;
use crate::{
    Description, Error, Haproxy, HaproxyOptions, Instance, InstanceOptions, Port, RedisOptions,
    RedisServer, Result, RunDir, get, secret, until,
};

/// How many instances HAProxy is told about; it takes as many as the configuration file has `HUBBUB_APP_…` lines.
pub const SLOTS: usize = 16;

const UP_LIMIT: Duration = Duration::from_secs(20);
const REDIS_END_LIMIT: Duration = Duration::from_secs(5);

/// Gets one line for each thing that is done.
pub type Report = Box<dyn FnMut(&str) + Send>;

/// Gives the settings of one instance, told its name and where Redis is.
pub type EnvOf = Box<dyn Fn(&str, SocketAddr) -> Vec<(String, String)> + Send>;

/// How to start a [`Cluster`].
pub struct ClusterOptions {
    /// How many instances to begin with.
    pub instances: usize,
    /// The public port; 0 = any free one.
    pub port: u16,
    /// The program that is an instance.
    pub binary: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Settings for every instance, such as `HUBBUB__ROOMS__TTL`. They win over the environment of this program, which
    /// reaches the instances as well; addresses and secrets made here win over both.
    pub env: Vec<(String, String)>,
    /// Settings that differ between instances, asked for whenever one starts; they win over everything. A test puts a
    /// wire of its own between one instance and Redis this way, or gives one another clock.
    pub env_of: Option<EnvOf>,
    /// The shipped `haproxy.cfg`.
    pub haproxy_config: PathBuf,
    /// Settings for it, such as `HUBBUB_MAX_PER_ADDRESS`.
    pub haproxy_env: Vec<(String, String)>,
    /// Whether Redis keeps its data over a restart.
    pub append_only: bool,
    /// For data and logs; without one, a temporary directory.
    pub dir: Option<RunDir>,
    /// Gets a line for everything that is done.
    pub report: Option<Report>,
}

impl ClusterOptions {
    /// Three instances of `binary serve` behind a free port.
    pub fn new(binary: impl Into<PathBuf>, haproxy_config: impl Into<PathBuf>) -> Self {
        Self {
            instances: 3,
            port: 0,
            binary: binary.into(),
            args: vec!["serve".into()],
            env: Vec::new(),
            env_of: None,
            haproxy_config: haproxy_config.into(),
            haproxy_env: Vec::new(),
            append_only: true,
            dir: None,
            report: None,
        }
    }
}

/// A running cluster. It owns every process; all are killed when it is dropped.
pub struct Cluster {
    // Fields are dropped in this order: clients are cut first, the store goes last.
    haproxy: Haproxy,
    pub(crate) slots: Vec<Slot>,
    redis: RedisServer,
    pub(crate) binary: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    env_of: Option<EnvOf>,
    secrets: Secrets,
    told: Told,
    report: Report,
    dir: RunDir,
}

/// A place for an instance, which keeps its name and its addresses when the instance is replaced.
pub(crate) struct Slot {
    name: String,
    app: Port,
    admin: Port,
    pub(crate) instance: Option<Instance>,
}

struct Secrets {
    admin_key: String,
    api_key: String,
    token_secret: String,
}

/// Which ends [`Cluster::newly_ended`] has told already.
#[derive(Default)]
struct Told {
    haproxy: Option<u32>,
    redis: Option<u32>,
}

impl Cluster {
    /// Starts everything. On return HAProxy sees exactly the instances up and answers through the public port.
    pub fn start(options: ClusterOptions) -> Result<Self> {
        check_count(options.instances)?;
        if !options.binary.is_file() {
            return Err(Error::NoBinary(options.binary));
        }
        let public = if options.port == 0 {
            Port::free()?
        } else {
            Port::chosen(options.port)?
        };
        let dir = options.dir.map_or_else(RunDir::temporary, Ok)?;
        let mut report = options.report.unwrap_or_else(|| Box::new(|_| ()));
        let slots = (1..=SLOTS).map(Slot::new).collect::<Result<Vec<_>>>()?;
        let secrets = Secrets::new(&options.env)?;

        let redis = RedisServer::start(RedisOptions {
            dir: dir.path().to_owned(),
            append_only: options.append_only,
            args: Vec::new(),
        })?;
        report(&format!(
            "redis    {}  pid {}",
            redis.url(),
            redis.process().pid()
        ));

        let mut haproxy_env = options.haproxy_env;
        // All clients of a local cluster share one address, so a limit per address would be one for all of them.
        if env::var_os("HUBBUB_MAX_PER_ADDRESS").is_none() {
            haproxy_env.insert(0, ("HUBBUB_MAX_PER_ADDRESS".to_owned(), "0".to_owned()));
        }
        let haproxy = Haproxy::start(HaproxyOptions {
            config: options.haproxy_config,
            port: public,
            slots: slots.iter().map(|slot| slot.app.address()).collect(),
            dir: dir.path().to_owned(),
            env: haproxy_env,
        })?;
        report(&format!(
            "haproxy  {}  pid {}",
            haproxy.url(),
            haproxy.process().pid()
        ));

        let env = instance_env(options.env, &redis, &secrets);
        let (binary, args, told) = (options.binary, options.args, Told::default());
        let env_of = options.env_of;
        let mut cluster = Self {
            haproxy,
            slots,
            redis,
            binary,
            args,
            env,
            env_of,
            secrets,
            told,
            report,
            dir,
        };
        for slot in 0..options.instances {
            cluster.start_slot(slot)?;
        }
        cluster.wait_until_up()?;
        Ok(cluster)
    }

    /// The public URL.
    pub fn url(&self) -> String {
        self.haproxy.url()
    }

    /// The balancer.
    pub fn haproxy(&mut self) -> &mut Haproxy {
        &mut self.haproxy
    }

    /// The store.
    pub fn redis(&mut self) -> &mut RedisServer {
        &mut self.redis
    }

    /// The instances that run, by slot.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.slots
            .iter()
            .filter_map(|slot| slot.instance.as_ref())
            .filter(|instance| instance.process().is_running())
    }

    /// The running instance of this name.
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances().find(|instance| instance.name() == name)
    }

    /// Where data and logs are.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// What `cluster.json` says.
    pub fn description(&self) -> Description {
        let entry = |instance: &Instance| InstanceEntry {
            name: instance.name().to_owned(),
            url: format!("http://{}", instance.address()),
            admin_url: format!("http://{}", instance.admin_address()),
            pid: instance.process().pid(),
        };
        Description {
            url: self.haproxy.url(),
            haproxy: HaproxyEntry {
                pid: self.haproxy.process().pid(),
            },
            redis: RedisEntry {
                url: self.redis.url(),
                pid: self.redis.process().pid(),
            },
            instances: self.instances().map(entry).collect(),
            admin_key: self.secrets.admin_key.clone(),
            api_key: self.secrets.api_key.clone(),
            token_secret: self.secrets.token_secret.clone(),
        }
    }

    /// Waits until HAProxy sees exactly the running instances up and answers through the public port.
    pub fn wait_until_up(&self) -> Result<()> {
        let names: BTreeSet<String> = self
            .instances()
            .map(|instance| instance.name().to_owned())
            .collect();
        self.haproxy.wait_until_up(&names, UP_LIMIT)?;
        let address = self.haproxy.address();
        until("the cluster answers through haproxy", UP_LIMIT, || {
            self.haproxy.process().must_run()?;
            Ok(matches!(get(address, "/livez"), Ok((200, _))))
        })
    }

    /// What has ended since the last call although nobody here asked for it: one line each.
    pub fn newly_ended(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for slot in &mut self.slots {
            let Some(instance) = &slot.instance else {
                continue;
            };
            if let Some(status) = instance.process().exit_status() {
                lines.push(format!(
                    "{} (pid {}) ended: {status}; scaling fills its place",
                    slot.name,
                    instance.process().pid()
                ));
                slot.instance = None;
            }
        }
        let parts = [
            (self.haproxy.process(), &mut self.told.haproxy),
            (self.redis.process(), &mut self.told.redis),
        ];
        for (process, told) in parts {
            if *told == Some(process.pid()) {
                continue;
            }
            if let Some(status) = process.exit_status() {
                lines.push(format!(
                    "{} (pid {}) ended: {status}; start the cluster again",
                    process.name(),
                    process.pid()
                ));
                *told = Some(process.pid());
            }
        }
        lines
    }

    /// Ends everything: HAProxy first, so that no instance waits for its clients to move; then the instances together,
    /// by SIGTERM and by SIGKILL after the limit, or when `hurry` says so; then Redis.
    pub fn end(mut self, limit: Duration, mut hurry: impl FnMut() -> bool) {
        self.haproxy.process().end(Duration::from_secs(2));
        let start = Instant::now();
        for instance in self.instances() {
            // One that has just ended needs no signal.
            let _ = instance.process().terminate();
        }
        let all_gone = is_met_within(limit, || hurry() || self.instances().next().is_none());
        let left: Vec<String> = self
            .instances()
            .map(|instance| instance.name().to_owned())
            .collect();
        if !all_gone || !left.is_empty() {
            let waited = start.elapsed().as_secs();
            self.tell(&format!("killed after {waited} s: {}", left.join(", ")));
        }
        for slot in &mut self.slots {
            slot.instance = None;
        }
        self.redis.process().end(REDIS_END_LIMIT);
    }

    pub(crate) fn tell(&mut self, line: &str) {
        (self.report)(line);
    }

    /// Starts an instance in this slot and waits until it is ready.
    pub(crate) fn start_slot(&mut self, slot: usize) -> Result<()> {
        let place = &mut self.slots[slot];
        place.instance = None;
        let mut env = self.env.clone();
        if let Some(env_of) = &self.env_of {
            env.extend(env_of(&place.name, self.redis.address()));
        }
        let instance = Instance::start(InstanceOptions {
            binary: self.binary.clone(),
            args: self.args.clone(),
            name: place.name.clone(),
            listen: place.app.address(),
            admin: place.admin.address(),
            env,
            dir: self.dir.path().to_owned(),
        })?;
        let line = format!(
            "{:<7}  http://{}  pid {}",
            place.name,
            place.app.address(),
            instance.process().pid()
        );
        place.instance = Some(instance);
        self.tell(&line);
        Ok(())
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Secrets stay out of it.
        f.debug_struct("Cluster")
            .field("url", &self.url())
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Slot {
    fn new(number: usize) -> Result<Self> {
        Ok(Self {
            name: format!("app-{number}"),
            app: Port::free()?,
            admin: Port::free()?,
            instance: None,
        })
    }
}

impl Secrets {
    /// Takes what the person has set, and makes up the rest.
    fn new(env: &[(String, String)]) -> Result<Self> {
        let of = |name: &str| match env.iter().rev().find(|(key, _)| key == name) {
            Some((_, value)) => Ok(value.clone()),
            None => env::var(name).or_else(|_| secret::random()),
        };
        Ok(Self {
            admin_key: of("HUBBUB__ADMIN__KEY")?,
            api_key: of("HUBBUB__API__KEY")?,
            token_secret: of("HUBBUB__TOKEN__SECRET")?,
        })
    }
}

fn instance_env(
    mut env: Vec<(String, String)>,
    redis: &RedisServer,
    secrets: &Secrets,
) -> Vec<(String, String)> {
    let ours = [
        ("HUBBUB__HTTP__TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ("HUBBUB__REDIS__URL", format!("{}/0", redis.url())),
        ("HUBBUB__REDIS__SESSION_URL", format!("{}/1", redis.url())),
        ("HUBBUB__ADMIN__KEY", secrets.admin_key.clone()),
        ("HUBBUB__API__KEY", secrets.api_key.clone()),
        ("HUBBUB__TOKEN__SECRET", secrets.token_secret.clone()),
    ];
    env.extend(ours.map(|(key, value)| (key.to_owned(), value)));
    env
}

/// Refuses a number of instances that does not fit.
pub(crate) fn check_count(instances: usize) -> Result<()> {
    if (1..=SLOTS).contains(&instances) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{instances} instances are not possible: choose 1 to {SLOTS}"
    )))
}
