//! One measurement: a fresh server, the generator beside it, and its outcome.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use hubbub_cluster::{Launch, Process, RunDir, find_program, until};
use serde_json::json;

use super::{
    Bench,
    server::{Peer, Server},
    workload::{Identity, Scale, Workload},
};
use crate::{
    generate::{GO, READY},
    plan::{Credentials, Dialect, Outcome, Plan},
};

/// What the generator may need beyond the limit of its plan.
const LEEWAY: Duration = Duration::from_secs(20);
const SIGN_IN_LIMIT: Duration = Duration::from_secs(10);

/// Measures a workload on a peer, once.
pub(crate) fn measure(
    bench: &Bench,
    workload: &Workload,
    peer: Peer,
    scale: &Scale,
) -> Result<Outcome> {
    let dir = RunDir::temporary()?;
    let server = Server::start(bench, peer, workload.instances, dir.path())?;
    let plan = plan_for(bench, workload, peer, scale, &server, dir.path())?;
    let generator = Generator::start(bench, &plan, dir.path())?;
    generator.finish()
}

/// The plan of a workload for a server that runs.
pub(crate) fn plan_for(
    bench: &Bench,
    workload: &Workload,
    peer: Peer,
    scale: &Scale,
    server: &Server,
    dir: &Path,
) -> Result<Plan> {
    let mut plan = workload.plan(peer, scale);
    plan.targets.clone_from(&server.targets);
    plan.processes.clone_from(&server.processes);
    if peer.dialect() == Dialect::Hubbub {
        plan.credentials = match workload.identity {
            Identity::Token => Credentials::Tokens(bench.tokens.clone()),
            Identity::Cookie => {
                let file = dir.join("cookies");
                fs::write(&file, sign_in(server.targets[0], plan.members())?)?;
                Credentials::Cookies(file)
            }
        };
    }
    Ok(plan)
}

/// The generator at work. It ends with this value.
pub(crate) struct Generator {
    process: Process,
    outcome: PathBuf,
    limit: Duration,
}

impl Generator {
    pub(crate) fn start(bench: &Bench, plan: &Plan, dir: &Path) -> Result<Self> {
        Self::start_with_niceness(bench, plan, dir, 0)
    }

    /// One that shares its CPU with another, and goes before it. Whoever may not
    /// have that goes without.
    pub(crate) fn start_first(bench: &Bench, plan: &Plan, dir: &Path) -> Result<Self> {
        Self::start_with_niceness(bench, plan, dir, -19)
    }

    fn start_with_niceness(bench: &Bench, plan: &Plan, dir: &Path, niceness: i8) -> Result<Self> {
        let (file, outcome) = (dir.join("plan.json"), dir.join("outcome.json"));
        fs::write(&file, serde_json::to_string(plan)?)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let process = Process::start(Launch {
            name: "the generator".to_owned(),
            program: find_program("nice", "coreutils")?,
            args: vec![
                "-n".to_owned(),
                niceness.to_string(),
                text(&bench.own),
                "generate".to_owned(),
                "--plan".to_owned(),
                text(&file),
                "--outcome".to_owned(),
                text(&outcome),
            ],
            log: dir.join("generator.log"),
            ..Launch::default()
        })?;
        Ok(Self {
            process,
            outcome,
            limit: plan.limit + LEEWAY,
        })
    }

    /// Waits until everybody is connected.
    pub(crate) fn wait_until_ready(&self) -> Result<()> {
        until("everybody is connected", self.limit, || {
            self.process.must_run()?;
            Ok(self.outcome.with_extension(READY).exists())
        })?;
        Ok(())
    }

    /// Lets it begin to talk.
    pub(crate) fn go(&self) -> Result<()> {
        Ok(fs::write(self.outcome.with_extension(GO), "")?)
    }

    /// Waits until it has ended, and reads what came of it.
    pub(crate) fn finish(self) -> Result<Outcome> {
        let status = self.process.wait_for_exit(self.limit)?;
        if !status.success() {
            bail!("the generator failed: {}", self.process.log().trim());
        }
        Ok(serde_json::from_str(&fs::read_to_string(&self.outcome)?)?)
    }
}

/// Signs so many people in, and returns their cookies, one per line.
fn sign_in(address: SocketAddr, count: usize) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SIGN_IN_LIMIT))?;
    stream.set_nodelay(true)?;
    let mut cookies = String::new();
    let mut buffer = [0; 8 * 1024];
    for number in 0..count {
        let body = json!({"name": format!("member-{number}")}).to_string();
        write!(
            stream,
            "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut length = 0;
        // The body is short and comes with the head.
        while memchr::memmem::find(&buffer[..length], b"}}").is_none() {
            let read = stream.read(&mut buffer[length..])?;
            ensure!(read > 0, "the server closed the connection at sign-in");
            length += read;
        }
        let answer = String::from_utf8_lossy(&buffer[..length]);
        let cookie = cookie(&answer).with_context(|| format!("not signed in: {answer}"))?;
        cookies.push_str(cookie);
        cookies.push('\n');
    }
    Ok(cookies)
}

fn cookie(answer: &str) -> Option<&str> {
    let set = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then_some(value)
    })?;
    set.split(';').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_what_will_be_sent_back() {
        let answer = "HTTP/1.1 201 Created\r\nset-cookie: a_session=x=y; HttpOnly\r\n\r\n{}";
        assert_eq!(cookie(answer), Some("a_session=x=y"));
        assert_eq!(cookie("HTTP/1.1 409 Conflict\r\n\r\n{}"), None);
    }
}
