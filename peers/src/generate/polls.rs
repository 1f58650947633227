//! Clients that poll: each asks, takes what there is, asks again, and is left
//! with a request that the server holds.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use rustix::{
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
    time::Timespec,
};
use serde_json::{Value, json};

use super::{credentials, dialect::room_name, grown, sample, socket, trees};
use crate::plan::{Dialect, Outcome, Plan};

const COMING: usize = 64;
const EVENTS: usize = 1_024;
const HOLD_MS: u32 = 25_000;
/// Between two polls that change nothing for longer than the server holds one.
const LONGEST_UNREST: Duration = Duration::from_secs(20);

struct Poller {
    socket: OwnedFd,
    target: SocketAddr,
    token: Option<String>,
    room: String,
    is_connected: bool,
    partial: Vec<u8>,
    state: State,
    /// Answers so far; from the second on, a poll is held.
    answers: usize,
}

enum State {
    Hubbub {
        connection: Option<String>,
        control: Value,
        last: Value,
    },
    SocketIo {
        session: Option<String>,
        posts: Option<&'static str>,
    },
}

/// Brings everybody to a held poll, and measures what that took.
pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    let deadline = Instant::now() + plan.limit;
    let credentials = credentials(plan)?;
    let before = sample(&trees(plan), true);
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut pollers: Vec<Poller> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS);
    let mut held = 0;
    let (began, mut last_answer) = (Instant::now(), Instant::now());
    let mut all_held = None;
    loop {
        while pollers.len() < plan.members() && pollers.len() - held < COMING {
            let poller = Poller::open(plan, pollers.len(), &credentials)?;
            let data = EventData::new_u64(pollers.len() as u64);
            let both = EventFlags::IN | EventFlags::OUT;
            epoll::add(&poll, &poller.socket, data, both)?;
            pollers.push(poller);
        }
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        events.clear();
        let space = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&poll, space, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let data = event.data;
            let poller = &mut pollers[usize::try_from(data.u64())?];
            if !poller.is_connected {
                poller.is_connected = true;
                epoll::modify(&poll, &poller.socket, data, EventFlags::IN)?;
                poller.ask()?;
                continue;
            }
            for _ in 0..poller.read()? {
                last_answer = Instant::now();
                held += usize::from(poller.answers == poller.held_after());
            }
        }
        let now = Instant::now();
        if held == plan.members() {
            let since = *all_held.get_or_insert(now);
            if now - last_answer >= plan.settle || now - since >= LONGEST_UNREST {
                break;
            }
        }
        let missing = plan.members() - held;
        ensure!(now < deadline, "{missing} polls are not held");
    }
    let growth = grown(&before, &sample(&trees(plan), true));
    Ok(Outcome {
        connected: held as u64,
        connect_s: (last_answer - began).as_secs_f64(),
        connect_use: growth.clone(),
        growth,
        ..Outcome::default()
    })
}

impl Poller {
    fn open(plan: &Plan, number: usize, credentials: &[String]) -> Result<Self> {
        let target = plan.targets[number % plan.targets.len()];
        let state = match plan.dialect {
            Dialect::Raw => bail!("this server has no long-poll"),
            Dialect::Hubbub => State::Hubbub {
                connection: None,
                control: Value::Null,
                last: Value::Null,
            },
            Dialect::SocketIo => State::SocketIo {
                session: None,
                posts: None,
            },
        };
        Ok(Self {
            socket: socket::open(target, number)?,
            target,
            token: (!credentials.is_empty())
                .then(|| credentials[number % credentials.len()].clone()),
            room: room_name(plan.room_of(number)),
            is_connected: false,
            partial: Vec::new(),
            state,
            answers: 0,
        })
    }

    /// After how many answers the next request is held.
    fn held_after(&self) -> usize {
        match self.state {
            State::Hubbub { .. } => 1,
            // The session, the namespace, its confirmation.
            State::SocketIo { .. } => 3,
        }
    }

    fn ask(&mut self) -> Result<()> {
        let host = self.target;
        let (line, body) = match &mut self.state {
            State::Hubbub {
                connection,
                control,
                last,
            } => {
                let mut body = json!({"rooms": {&*self.room: last}, "hold_ms": HOLD_MS});
                if let Some(connection) = connection {
                    body["connection"] = json!(connection);
                }
                if !control.is_null() {
                    body["control"] = control.clone();
                }
                ("POST /api/v1/poll".to_owned(), Some(body.to_string()))
            }
            State::SocketIo { session, posts } => {
                let sid = session
                    .as_ref()
                    .map(|sid| format!("&sid={sid}"))
                    .unwrap_or_default();
                let path = format!(
                    "/socket.io/?EIO=4&transport=polling&room={}{sid}",
                    self.room
                );
                match posts.take() {
                    Some(body) => (format!("POST {path}"), Some(body.to_owned())),
                    None => (format!("GET {path}"), None),
                }
            }
        };
        let kind = match self.state {
            State::Hubbub { .. } => "application/json",
            State::SocketIo { .. } => "text/plain;charset=UTF-8",
        };
        let token = self.token.as_ref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let rest = body.map(|body| {
            let length = body.len();
            format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
        });
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\n{}{}",
            token.unwrap_or_default(),
            rest.unwrap_or_else(|| "\r\n".to_owned())
        );
        let count = send(&self.socket, request.as_bytes(), SendFlags::NOSIGNAL)?;
        ensure!(
            count == request.len(),
            "the server does not read what is sent"
        );
        Ok(())
    }

    /// Reads, asks again after each answer, and tells how many there were.
    fn read(&mut self) -> Result<usize> {
        let mut buffer = [0; 16 * 1024];
        match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
            Ok((0, _)) => bail!("the server closed a connection that polls"),
            Ok((count, _)) => self.partial.extend_from_slice(&buffer[..count]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut count = 0;
        while let Some((status, body, end)) = answer(&self.partial) {
            let text = String::from_utf8_lossy(body).into_owned();
            ensure!(status == 200, "a poll was answered by {status}: {text}");
            self.partial.drain(..end);
            if self.partial.is_empty() {
                self.partial = Vec::new();
            }
            self.heard(&text)?;
            self.answers += 1;
            count += 1;
            self.ask()?;
        }
        Ok(count)
    }

    fn heard(&mut self, text: &str) -> Result<()> {
        match &mut self.state {
            State::Hubbub {
                connection,
                control,
                last,
            } => {
                let answer: Value = serde_json::from_str(text)?;
                if !answer["control"].is_null() {
                    *control = answer["control"].clone();
                }
                for frame in answer["frames"].as_array().into_iter().flatten() {
                    match frame["type"].as_str() {
                        Some("hello") => {
                            *connection = frame["connection"].as_str().map(str::to_owned);
                        }
                        Some("joined") => *last = frame["head"].clone(),
                        Some("error") => bail!("a poll was refused: {frame}"),
                        _ => {}
                    }
                }
            }
            State::SocketIo { session, posts } => {
                for packet in text.split('\x1e') {
                    if let Some(open) = packet.strip_prefix('0') {
                        let open: Value = serde_json::from_str(open)?;
                        *session = open["sid"].as_str().map(str::to_owned);
                        *posts = Some("40");
                    } else if packet == "2" {
                        *posts = Some("3");
                    }
                }
            }
        }
        Ok(())
    }
}

/// The first answer in some bytes: its status, its body, and where it ends.
fn answer(bytes: &[u8]) -> Option<(u16, &[u8], usize)> {
    let start = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..start]).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    })?;
    let body = bytes.get(start..start + length)?;
    Some((status, body, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
        assert_eq!(
            answer(bytes),
            Some((200, b"ok".as_slice(), bytes.len() - 4))
        );
        assert_eq!(answer(&bytes[..38]), None);
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
