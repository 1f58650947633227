//! Real clusters: redis-server, haproxy with the shipped configuration, and
//! instances of the program under test.

use std::{path::PathBuf, process::Command, sync::OnceLock, thread};

use hubbub_cluster::{
    Cluster, ClusterOptions, Description, HaproxyEntry, Instance, InstanceEntry, InstanceOptions,
    Port, RedisEntry, RunDir,
};

/// The program under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_hubbub"))
}

/// A connect token, by the program's own command.
pub(crate) fn mint(world: &Description, arguments: &[&str]) -> String {
    let output = Command::new(binary())
        .arg("token")
        .args(arguments)
        .env("HUBBUB__TOKEN__SECRET", &world.token_secret)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A cluster of one's own, for tests that break something.
pub(crate) fn start(instances: usize, env: &[(&str, &str)]) -> Cluster {
    Cluster::start(options(instances, env)).unwrap_or_else(|error| panic!("{error}"))
}

fn options(instances: usize, env: &[(&str, &str)]) -> ClusterOptions {
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("haproxy.cfg");
    let mut options = ClusterOptions::new(binary(), config);
    options.instances = instances;
    // Nobody freezes an instance here: one that is late is busy, and no test is
    // about losing its sockets for that.
    let patient = ("HUBBUB_CHECK_TIMEOUT".to_owned(), "10s".to_owned());
    options.haproxy_env.push(patient);
    // Nor is a Redis that stops for a moment away, but in the tests that say so.
    let patient = ("HUBBUB__REDIS__PATIENCE", "5s");
    let is_said = env.iter().any(|(key, _)| *key == patient.0);
    options.env = env
        .iter()
        .chain((!is_said).then_some(&patient))
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    options
}

/// Two instances that every test may use and none may break.
pub(crate) fn shared() -> &'static Description {
    static SHARED: OnceLock<Description> = OnceLock::new();
    SHARED.get_or_init(|| {
        keep(|| {
            let mut options = options(2, &SETTINGS);
            // Nobody restarts this Redis, so it need not wait for the disk.
            options.append_only = false;
            let cluster = Cluster::start(options).unwrap_or_else(|error| panic!("{error}"));
            (cluster.description(), cluster)
        })
    })
}

/// The same two instances, for browsers that never send the balancer's cookie:
/// every request may land on another one.
pub(crate) fn loose() -> &'static Description {
    static LOOSE: OnceLock<Description> = OnceLock::new();
    LOOSE.get_or_init(|| {
        let shared = shared().clone();
        let url = shared.url.replacen("127.0.0.1", LOOSE_HOST, 1);
        Description { url, ..shared }
    })
}

/// Under this name of the machine, a browser of these tests never sends the
/// balancer's cookie.
pub(crate) const LOOSE_HOST: &str = "localhost";

/// One instance with everything in its own process, likewise. Where a test
/// wants two instances, both are this one.
pub(crate) fn embedded() -> &'static Description {
    static EMBEDDED: OnceLock<Description> = OnceLock::new();
    EMBEDDED.get_or_init(|| keep(start_embedded))
}

/// What is spent comes back so slowly that somebody who goes on is refused in
/// the end on any machine, however slow.
const SETTINGS: [(&str, &str); 3] = [
    ("HUBBUB__LIMITS__SENDS", "1000"),
    ("HUBBUB__LIMITS__SENDS_PER_MS", "600000"),
    ("HUBBUB__LIMITS__ROOM_SENDS", "10000"),
];

/// Starts something in a thread that stays for as long as the test program
/// does: processes end with the thread that started them.
fn keep<T>(start: impl FnOnce() -> (Description, T) + Send + 'static) -> Description {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let (description, _kept) = start();
        let _ = tell.send(description);
        loop {
            thread::park();
        }
    });
    told.recv().expect("it starts")
}

/// An instance of one's own with everything in its process, likewise.
pub(crate) fn start_embedded() -> (Description, (Instance, RunDir)) {
    let dir = RunDir::temporary().expect("a temporary directory");
    let (public, admin) = (Port::free(), Port::free());
    let (public, admin) = (public.expect("a port"), admin.expect("a port"));
    let secret = |what: &str| format!("{what}-0123456789abcdef0123456789abcdef");
    let mut env: Vec<_> = SETTINGS
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    for (key, what) in [
        ("HUBBUB__ADMIN__KEY", "admin"),
        ("HUBBUB__API__KEY", "api"),
        ("HUBBUB__TOKEN__SECRET", "token"),
    ] {
        env.push((key.to_owned(), secret(what)));
    }
    let options = InstanceOptions {
        binary: binary(),
        args: vec!["serve".to_owned()],
        name: "alone".to_owned(),
        listen: public.address(),
        admin: admin.address(),
        env,
        dir: dir.path().to_owned(),
    };
    let instance = Instance::start(options).unwrap_or_else(|error| panic!("{error}"));
    let entry = InstanceEntry {
        name: "alone".to_owned(),
        url: format!("http://{}", public.address()),
        admin_url: format!("http://{}", admin.address()),
        pid: instance.process().pid(),
    };
    let description = Description {
        url: entry.url.clone(),
        haproxy: HaproxyEntry { pid: 0 },
        redis: RedisEntry {
            url: String::new(),
            pid: 0,
        },
        instances: vec![entry.clone(), entry],
        admin_key: secret("admin"),
        api_key: secret("api"),
        token_secret: secret("token"),
    };
    (description, (instance, dir))
}

/// Runs each case three times: on a cluster through the balancer, there without
/// its sticky cookie, and on one instance that keeps everything in its process.
macro_rules! cases {
    ($($name:ident;)*) => {
        mod cluster {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::cluster::shared()).await;
            })*
        }

        mod loose {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::cluster::loose()).await;
            })*
        }

        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::support::cluster::embedded()).await;
            })*
        }
    };
}
pub(crate) use cases;
