//! Real clusters: redis-server, haproxy with the shipped configuration, and
//! instances of the program under test.

use std::{path::PathBuf, sync::OnceLock, thread};

use hubbub_cluster::{Cluster, ClusterOptions, Description};

/// The program under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_hubbub"))
}

/// A cluster of one's own, for tests that break something.
pub(crate) fn start(instances: usize, env: &[(&str, &str)]) -> Cluster {
    Cluster::start(options(instances, env)).unwrap_or_else(|error| panic!("{error}"))
}

fn options(instances: usize, env: &[(&str, &str)]) -> ClusterOptions {
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("haproxy.cfg");
    let mut options = ClusterOptions::new(binary(), config);
    options.instances = instances;
    options.env = env
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    options
}

/// Two instances that every test may use and none may break.
pub(crate) fn shared() -> &'static Description {
    static SHARED: OnceLock<Description> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        // The processes end with the thread that started them, so that thread
        // stays for as long as the test program does.
        thread::spawn(move || {
            let cluster = start(2, &[("HUBBUB__LIMITS__SENDS", "1000")]);
            let _ = tell.send(cluster.description());
            loop {
                thread::park();
            }
        });
        told.recv().expect("the shared cluster starts")
    })
}
