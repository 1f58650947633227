//! Reads the final log of every room by history, as any program can.

use std::{
    io::{BufRead, BufReader, Read, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::protocol::position::Position;

use super::{
    check::{FinalEntry, FinalLogs, FinalRoom, digest, mark, send_mark},
    plan::{Credentials, Plan},
};

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How often a request is tried.
const TRIES: u32 = 5;

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the final log could not be read from http://{target}{path}: {why}")]
pub struct HistoryError {
    target: SocketAddr,
    path: String,
    why: String,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    more: bool,
}

#[derive(Deserialize)]
struct Message {
    position: Position,
    key: String,
    from: From,
    text: String,
}

#[derive(Deserialize)]
struct From {
    id: String,
}

/// Reads all rooms of a run.
pub fn read_logs(plan: &Plan) -> Result<FinalLogs, HistoryError> {
    let mut reader = Reader::new(plan)?;
    let mut logs = FinalLogs::default();
    for room in 0..plan.rooms {
        logs.rooms.push(reader.room(&plan.room_name(room))?);
    }
    Ok(logs)
}

/// Asks one instance, and another one if it does not answer.
struct Reader {
    targets: Vec<SocketAddr>,
    turn: usize,
    login: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Reader {
    fn new(plan: &Plan) -> Result<Self, HistoryError> {
        let mut reader = Self {
            targets: plan.targets.clone(),
            turn: 0,
            login: String::new(),
            stream: None,
        };
        match &plan.credentials {
            Credentials::Tokens(tokens) => {
                let token = tokens.first().map_or("", |token| token);
                reader.login = format!("Authorization: Bearer {token}\r\n");
            }
            Credentials::SignIn => reader.sign_in(&plan.name)?,
        }
        Ok(reader)
    }

    fn sign_in(&mut self, name: &str) -> Result<(), HistoryError> {
        let body = format!(r#"{{"name":"{name} reader"}}"#);
        let length = body.len();
        let rest =
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        let path = "/api/v1/session";
        let answer = self.request("POST", path, &rest)?;
        let cookies: Vec<_> = answer
            .head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .filter_map(|(_, cookie)| cookie.split(';').next())
            .collect();
        self.login = format!("Cookie: {}\r\n", cookies.join("; "));
        Ok(())
    }

    fn room(&mut self, name: &str) -> Result<FinalRoom, HistoryError> {
        let mut entries = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/api/v1/rooms/{name}/messages?limit=100{before}");
            let page: Page = self.get(&path)?;
            let Some(oldest) = page.messages.first().map(|message| message.position) else {
                break;
            };
            before = format!("&before={oldest}");
            entries.extend(page.messages.iter().rev().map(entry_of));
            if !page.more {
                break;
            }
        }
        entries.reverse();
        Ok(FinalRoom {
            name: name.to_owned(),
            // The first message ever follows the marker of the first epoch.
            is_whole: entries.first().is_none_or(|first| first.position.seq == 1),
            entries,
        })
    }

    fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, HistoryError> {
        let answer = self.request("GET", path, "\r\n")?;
        serde_json::from_slice(&answer.body).map_err(|error| self.error(path, error.to_string()))
    }

    fn error(&self, path: &str, why: String) -> HistoryError {
        HistoryError {
            target: self.targets[self.turn % self.targets.len()],
            path: path.to_owned(),
            why,
        }
    }

    /// Asks until an answer comes, for a few seconds.
    fn request(&mut self, method: &str, path: &str, rest: &str) -> Result<Answer, HistoryError> {
        let mut why = String::new();
        for attempt in 0..TRIES {
            match self.ask(method, path, rest) {
                Ok(answer) if answer.status < 300 => return Ok(answer),
                Ok(answer) => why = format!("status {}", answer.status),
                Err(error) => why = error.to_string(),
            }
            self.stream = None;
            if attempt + 1 < TRIES {
                self.turn += 1;
                std::thread::sleep(Duration::from_millis(200 << attempt));
            }
        }
        Err(self.error(path, why))
    }

    fn ask(&mut self, method: &str, path: &str, rest: &str) -> std::io::Result<Answer> {
        let target = self.targets[self.turn % self.targets.len()];
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let stream = TcpStream::connect_timeout(&target, LIMIT)?;
                stream.set_read_timeout(Some(LIMIT))?;
                stream.set_nodelay(true)?;
                empty.insert(BufReader::new(stream))
            }
        };
        let login = &self.login;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\n{login}{rest}");
        stream.get_mut().write_all(request.as_bytes())?;
        Answer::read(stream)
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Self> {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let start = head.len();
            if stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = head[start..].trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
        }
        let status = head
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| std::io::Error::other("this is no HTTP server"))?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(Self { status, head, body })
    }
}

fn entry_of(message: &Message) -> FinalEntry {
    let user = mark(&[message.from.id.as_bytes()]);
    FinalEntry {
        position: message.position,
        key: send_mark(user, message.key.as_bytes()),
        digest: digest(
            message.from.id.as_bytes(),
            message.key.as_bytes(),
            message.text.as_bytes(),
        ),
    }
}
