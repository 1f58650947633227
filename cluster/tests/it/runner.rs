//! The program behind `make cluster`, from outside.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use std::{env, fs};

use hubbub_cluster::{Description, RunDir, get, until};

use crate::{haproxy_config, stub};

const SOON: Duration = Duration::from_secs(60);

/// A place for a run: a directory with a program that starts the stand-in.
struct Place {
    dir: RunDir,
}

impl Place {
    fn new() -> Self {
        let dir = RunDir::temporary().unwrap();
        let script = dir.path().join("hubbub");
        let stub = env::current_exe().unwrap();
        fs::write(
            &script,
            format!(
                "#!/bin/sh\nexec '{}' {}\n",
                stub.display(),
                stub::ARGS.join(" ")
            ),
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("cluster.json")
    }

    fn command(&self, command: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_hubbub-cluster"));
        program.arg(command).arg("--file").arg(self.file());
        program
    }

    fn run(&self, port: u16) -> Command {
        let mut program = self.command("run");
        program.args(["--instances", "2", "--port", &port.to_string()]);
        program
            .arg("--binary")
            .arg(self.dir.path().join("hubbub"))
            .arg("--haproxy-cfg")
            .arg(haproxy_config());
        program
    }

    /// Starts it and waits for its description.
    fn start(&self) -> (Runner, Description) {
        let mut runner = Runner(self.run(0).stdout(Stdio::null()).spawn().unwrap());
        let file = self.file();
        until("the description is there", SOON, || {
            assert!(runner.0.try_wait().unwrap().is_none(), "the runner ended");
            Ok(file.exists())
        })
        .unwrap();
        (runner, Description::read(&file).unwrap())
    }
}

/// A runner that does not outlive its test.
struct Runner(Child);

impl Runner {
    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([name, &self.0.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn public(description: &Description) -> SocketAddr {
    description
        .url
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

fn pids(description: &Description) -> Vec<u32> {
    let instances = description.instances.iter().map(|instance| instance.pid);
    instances
        .chain([description.haproxy.pid, description.redis.pid])
        .collect()
}

fn runs(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_cluster_can_be_scaled_rolled_and_ended_from_outside() {
    let place = Place::new();
    let (mut runner, first) = place.start();
    assert_eq!(get(public(&first), "/livez").unwrap().0, 200);
    assert_eq!(first.instances.len(), 2);
    assert_eq!((first.admin_key.len(), first.token_secret.len()), (64, 64));

    let output = place
        .command("scale")
        .args(["--instances", "3"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("app-3"));
    let second = Description::read(&place.file()).unwrap();
    assert_eq!(second.instances.len(), 3);
    assert_eq!(second.instances[0], first.instances[0]);

    assert!(place.command("roll").output().unwrap().status.success());
    let third = Description::read(&place.file()).unwrap();
    assert_ne!(third.instances[0].pid, second.instances[0].pid);
    assert_eq!(third.instances[0].url, second.instances[0].url);

    assert!(
        complaint(
            &place
                .command("scale")
                .args(["--instances", "40"])
                .output()
                .unwrap()
        )
        .contains("1 to 16")
    );
    assert!(complaint(&place.run(0).output().unwrap()).contains("already running"));

    runner.signal("-TERM");
    assert!(runner.0.wait().unwrap().success());
    assert!(!place.file().exists());
    assert!(pids(&third).into_iter().all(|pid| !runs(pid)));
    assert!(complaint(&place.command("roll").output().unwrap()).contains("make cluster"));
}

#[test]
fn a_killed_instance_leaves_the_description() {
    let place = Place::new();
    let (_runner, first) = place.start();
    Command::new("kill")
        .args(["-KILL", &first.instances[0].pid.to_string()])
        .status()
        .unwrap();
    until("it is no longer described", SOON, || {
        Ok(Description::read(&place.file())?.instances == first.instances[1..])
    })
    .unwrap();
}

#[test]
fn a_killed_runner_takes_its_processes_along() {
    let place = Place::new();
    let (runner, description) = place.start();
    runner.signal("-KILL");
    until("all are gone", SOON, || {
        Ok(pids(&description).into_iter().all(|pid| !runs(pid)))
    })
    .unwrap();
    until("the port is free", SOON, || {
        Ok(TcpListener::bind(public(&description)).is_ok())
    })
    .unwrap();
}

#[test]
fn a_busy_port_is_told_and_nothing_is_left_behind() {
    let place = Place::new();
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let complaint = complaint(&place.run(port).output().unwrap());
    assert!(
        complaint.contains(&format!("port {port} is in use")),
        "{complaint}"
    );
    assert!(!place.file().exists());
}

#[test]
fn what_is_missing_is_told() {
    let place = Place::new();
    fs::remove_file(place.dir.path().join("hubbub")).unwrap();
    let no_program = complaint(&place.run(0).output().unwrap());
    assert!(no_program.contains("cargo build --release"), "{no_program}");

    let place = Place::new();
    let mut without_config = place.command("run");
    without_config
        .args(["--port", "0", "--haproxy-cfg", "/nowhere.cfg", "--binary"])
        .arg(place.dir.path().join("hubbub"));
    let no_config = complaint(&without_config.output().unwrap());
    assert!(
        no_config.contains("there is no /nowhere.cfg"),
        "{no_config}"
    );
}
