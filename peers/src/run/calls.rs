//! System calls per delivery: strace follows every thread of hubbub through
//! workload E, and each call is counted by its name. A write belongs to Redis if
//! its descriptor is a connection to Redis, as `/proc` shows; every other write
//! goes to a client or wakes one of hubbub's own threads, and counts as a
//! client's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use hubbub_cluster::{RunDir, find_program, until};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{
    Bench,
    server::{Peer, Server},
    stage::{Generator, plan_for},
    workload::{Scale, workload},
};

const WRITES: [&str; 7] = [
    "write", "writev", "sendto", "sendmsg", "sendmmsg", "pwrite64", "pwritev2",
];
/// Members only listen, and under strace a workload lasts longer than a client
/// may be silent. A run of the usual length never comes near that.
const PATIENCE: (&str, &str) = ("HUBBUB__TIMING__SILENCE_MS", "3600000");
const ATTACH_LIMIT: Duration = Duration::from_secs(20);
/// Under strace a call takes some twenty times as long.
const LIMIT: Duration = Duration::from_secs(600);

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) deliveries: u64,
    pub(crate) messages: u64,
    /// Writes that are not to Redis.
    pub(crate) writes: u64,
    pub(crate) redis_writes: u64,
    /// All other calls, by name.
    pub(crate) others: BTreeMap<String, u64>,
}

impl Calls {
    /// Writes per delivery.
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    pub(crate) fn writes_each(&self) -> f64 {
        self.writes as f64 / self.deliveries.max(1) as f64
    }

    /// Other calls per delivery; writes to Redis are among them.
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    pub(crate) fn others_each(&self) -> f64 {
        let others = self.others.values().sum::<u64>() + self.redis_writes;
        others as f64 / self.deliveries.max(1) as f64
    }

    fn count(&mut self, line: &str, redis: &BTreeSet<u64>) {
        let Some((name, descriptor)) = call(line) else {
            return;
        };
        if !WRITES.contains(&name) {
            *self.others.entry(name.to_owned()).or_default() += 1;
        } else if descriptor.is_some_and(|descriptor| redis.contains(&descriptor)) {
            self.redis_writes += 1;
        } else {
            self.writes += 1;
        }
    }
}

/// Counts the calls of so many deliveries.
pub(crate) fn measure(bench: &Bench, deliveries: u64, scale: &Scale) -> Result<Calls> {
    let dir = RunDir::temporary()?;
    let server = Server::start_with(bench, Peer::Hubbub, 1, dir.path(), &[PATIENCE])?;
    let mut plan = plan_for(
        bench,
        workload("E")?,
        Peer::Hubbub,
        scale,
        &server,
        dir.path(),
    )?;
    plan.warm_up = Duration::ZERO;
    plan.deliveries = Some(deliveries);
    plan.waits = true;
    plan.limit = LIMIT;
    let generator = Generator::start(bench, &plan, dir.path())?;
    generator.wait_until_ready()?;

    let pid = server.processes.last().context("hubbub runs")?.1;
    let port = server
        .redis
        .as_ref()
        .context("Redis runs")?
        .address()
        .port();
    let redis = descriptors_to(pid, port)?;
    let strace = Strace::attach(pid, redis)?;
    generator.go()?;
    let outcome = generator.finish();
    let mut calls = strace.detach()?;
    let outcome = outcome?;
    if !outcome.failures.is_empty() {
        bail!("under strace: {}", outcome.failures.join("; "));
    }
    if outcome.delivered < deliveries {
        bail!("only {} deliveries came in time", outcome.delivered);
    }
    calls.deliveries = outcome.delivered;
    calls.messages = outcome.sent;
    Ok(calls)
}

/// A strace that follows a process. It is ended with this value.
struct Strace {
    child: Child,
    calls: Receiver<Calls>,
}

impl Strace {
    fn attach(pid: u32, redis: BTreeSet<u64>) -> Result<Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?.count();
        let mut child = Command::new(find_program("strace", "strace")?)
            .args(["-f", "-s", "0", "-e", "signal=none", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting strace")?;
        let said = child.stderr.take().context("strace says nothing")?;
        let (attached, attachments) = channel();
        let (sender, calls) = channel();
        thread::spawn(move || {
            let mut counted = Calls::default();
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                if is_about_strace(&line) {
                    // Nobody listens any more once all threads are attached.
                    let _ = attached.send(line);
                } else {
                    counted.count(&line, &redis);
                }
            }
            let _ = sender.send(counted);
        });
        let strace = Self { child, calls };
        let (mut count, mut last) = (0, String::new());
        until("strace follows every thread", ATTACH_LIMIT, || {
            while let Ok(line) = attachments.try_recv() {
                // One line for the process "with n threads", or one for each.
                count += attached_threads(&line);
                last = line;
            }
            Ok(count >= threads)
        })
        .with_context(|| format!("strace cannot follow hubbub: {last}"))?;
        Ok(strace)
    }

    fn detach(mut self) -> Result<Calls> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("strace runs")?, Signal::INT)?;
        let calls = self.calls.recv_timeout(ATTACH_LIMIT);
        self.child.wait()?;
        calls.context("strace did not end")
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether strace speaks of itself, under the name by which it was started.
fn is_about_strace(line: &str) -> bool {
    let name = line.split(": ").next().unwrap_or_default();
    name.ends_with("strace") && !name.contains('(')
}

/// How many threads a line of strace says it follows now.
fn attached_threads(line: &str) -> usize {
    if !line.contains(" attached") {
        return 0;
    }
    line.split_once(" with ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap_or(1)
}

/// The name and the descriptor in the first line of a call; `None` for the line
/// in which one that was interrupted goes on, and for what is no call.
fn call(line: &str) -> Option<(&str, Option<u64>)> {
    let line = match line.strip_prefix("[pid ") {
        Some(rest) => rest.split_once("] ")?.1,
        None => line,
    };
    let (name, rest) = line.split_once('(')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    Some((name, digits.and_then(|digits| digits.parse().ok())))
}

/// Which descriptors of a process are connections to a port.
fn descriptors_to(pid: u32, port: u16) -> Result<BTreeSet<u64>> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
    let sockets = sockets_to(&table, port);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        if inode.is_some_and(|inode| sockets.contains(inode)) {
            let number = entry.file_name().to_string_lossy().parse();
            found.extend(number.ok().into_iter().collect::<Vec<u64>>());
        }
    }
    Ok(found)
}

fn sockets_to(table: &str, port: u16) -> BTreeSet<String> {
    let remote = format!(":{port:04X}");
    let lines = table.lines().map(|line| line.split_whitespace());
    lines
        .filter_map(|mut words| {
            let to = words.nth(2)?;
            let inode = words.nth(6)?;
            to.ends_with(&remote).then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_what_they_are() {
        let lines = "\
strace: Process 7 attached with 2 threads
[pid     8] sendto(15, \"\"..., 300, MSG_NOSIGNAL, NULL, 0) = 300
[pid     8] writev(16, [{iov_base=\"\"..., iov_len=2}], 1 <unfinished ...>
[pid     7] epoll_wait(4,  <unfinished ...>
[pid     8] <... writev resumed>)       = 2
sendto(9, \"\"..., 300, MSG_NOSIGNAL, NULL, 0) = 300
recvfrom(9, \"\"..., 300, 0, NULL, NULL) = 20
strace: Process 7 detached";
        let mut calls = Calls::default();
        for line in lines.lines() {
            calls.count(line, &BTreeSet::from([9]));
        }
        assert_eq!((calls.writes, calls.redis_writes), (2, 1));
        assert_eq!(calls.others.values().sum::<u64>(), 2);
        calls.deliveries = 2;
        assert!((calls.writes_each() - 1.0).abs() < 1e-9);
        assert!((calls.others_each() - 1.5).abs() < 1e-9);
    }

    #[test]
    fn strace_says_how_many_threads_it_follows() {
        assert!(is_about_strace("/usr/bin/strace: Process 7 attached"));
        assert!(!is_about_strace("write(1, \"strace: \"..., 8) = 8"));
        assert_eq!(attached_threads("strace: Process 7 attached"), 1);
        assert_eq!(
            attached_threads("strace: Process 7 attached with 5 threads"),
            5
        );
        assert_eq!(attached_threads("strace: attach: not permitted"), 0);
    }

    #[test]
    fn connections_are_found_by_their_remote_port() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 11 1
   1: 0100007F:9C40 0100007F:18EB 01 00000000:00000000 00:00000000 00000000 0 0 22 1
   2: 0100007F:18EB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 33 1";
        assert_eq!(sockets_to(table, 6_379), BTreeSet::from(["22".to_owned()]));
    }
}
