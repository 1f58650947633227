//! Somebody with a browser: signs in and out over HTTP, and keeps cookies as a
//! browser does.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::client::{
    Door, handshake,
    http::{self, Cookies},
    text,
};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 256 * 1024;

/// A server, as `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    authority: Arc<str>,
    host: Arc<str>,
    port: u16,
}

/// The text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Another scheme, or none.
    #[error("a target is written http://HOST:PORT; TLS is not spoken here")]
    Scheme,
    /// A path, a query or a name.
    #[error("a target has a host and a port and nothing behind them")]
    Rest,
    /// No number.
    #[error("the port of a target is a number from 1 to 65535")]
    Port,
}

impl std::str::FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let rest = text.strip_prefix("http://").ok_or(TargetError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let is_rest = |c: char| c.is_whitespace() || "/?#@\\".contains(c);
        if authority.is_empty() || authority.contains(is_rest) {
            return Err(TargetError::Rest);
        }
        let port_at = authority
            .rfind(':')
            .filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => (&authority[..at], &authority[at + 1..]),
            None => (authority, "80"),
        };
        let port: u16 = port.parse().map_err(|_| TargetError::Port)?;
        if port == 0 {
            return Err(TargetError::Port);
        }
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(TargetError::Rest);
        }
        Ok(Self {
            authority: authority.into(),
            host: host.into(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// Somebody with a browser.
#[derive(Clone)]
pub(super) struct Person {
    target: Target,
    cookies: Arc<Mutex<Cookies>>,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Nobody answers, or not in time.
    Away(String),
    /// What answers is no hubbub.
    Stranger(String),
    /// Not now; how long to wait, if the server says so.
    Later(String, Option<Duration>),
    /// Somebody else has the name.
    NameTaken,
    /// No, for good.
    Refused(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Stranger(why) | Self::Refused(why) | Self::Later(why, _) => {
                f.write_str(why)
            }
            Self::NameTaken => f.write_str("the name is taken"),
        }
    }
}

impl Person {
    /// Somebody who has not been there before.
    pub(super) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            cookies: Arc::default(),
        }
    }

    /// Signs in under a name.
    pub(super) async fn sign_in(&self, name: &str) -> Result<(), Problem> {
        let body = json!({ "name": name }).to_string();
        let (status, answer) = self.ask("POST", Some(&body)).await?;
        if status == 201 && answer["user"]["id"].is_string() {
            return Ok(());
        }
        Err(self.problem(status, &answer))
    }

    /// Signs out, which gives the name back.
    pub(super) async fn sign_out(&self) -> Result<(), Problem> {
        let (status, answer) = self.ask("DELETE", None).await?;
        if status == 204 {
            return Ok(());
        }
        Err(self.problem(status, &answer))
    }

    fn problem(&self, status: u16, answer: &Value) -> Problem {
        let target = &self.target;
        let error = &answer["error"];
        let Some(code) = error["code"].as_str() else {
            return Problem::Stranger(format!(
                "{target} answers {status} and not as a hubbub server does"
            ));
        };
        let said = format!("{target} says: {}", text(&error["message"]));
        let wait = error["retry_after_ms"].as_u64().map(Duration::from_millis);
        match (code, status) {
            ("name_taken", _) => Problem::NameTaken,
            ("rate_limited" | "unavailable" | "timeout" | "internal", _) | (_, 500..) => {
                Problem::Later(said, wait)
            }
            _ => Problem::Refused(said),
        }
    }

    async fn ask(&self, method: &str, body: Option<&str>) -> Result<(u16, Value), Problem> {
        let away = |why: &dyn fmt::Display| {
            Problem::Away(format!("{} does not answer: {why}", self.target))
        };
        match timeout(LIMIT, self.exchange(method, body)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Broken::Link(error))) => Err(away(&error)),
            Ok(Err(Broken::Answer)) => Err(Problem::Stranger(format!(
                "{} does not answer as a hubbub server does",
                self.target
            ))),
            Err(_) => Err(away(&format_args!("nothing came in {LIMIT:?}"))),
        }
    }

    async fn exchange(&self, method: &str, body: Option<&str>) -> Result<(u16, Value), Broken> {
        let Target { host, port, .. } = &self.target;
        let mut stream = TcpStream::connect((&**host, *port)).await?;
        let headers = format!(
            "Origin: {}\r\nConnection: close\r\n{}",
            self.target,
            self.lock().header()
        );
        let mut request = Vec::new();
        let path = "/api/v1/session";
        http::write(
            &mut request,
            method,
            path,
            &self.target.authority,
            &headers,
            body,
        );
        stream.write_all(&request).await?;
        let mut bytes = Vec::new();
        loop {
            match http::read(&bytes) {
                http::Read::Whole(answer, _) => {
                    self.lock().take(&answer.cookies);
                    let said = serde_json::from_slice(answer.body);
                    return Ok((answer.status, said.unwrap_or_default()));
                }
                http::Read::Bad => return Err(Broken::Answer),
                http::Read::Part if bytes.len() > LONGEST => return Err(Broken::Answer),
                http::Read::Part => {}
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(Broken::Answer);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cookies> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer to a request.
enum Broken {
    Link(std::io::Error),
    Answer,
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Link(error)
    }
}

impl Door for Person {
    fn request(&self) -> Option<Request> {
        let base = self.target.to_string();
        let url = format!("ws://{}/ws", self.target.authority);
        let cookies = self.lock().pairs();
        let cookies = Some(cookies.as_str()).filter(|cookies| !cookies.is_empty());
        handshake(&base, &url, cookies)
    }

    fn keep_cookies(&self, set: &[&str]) {
        self.lock().take(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://localhost:9000/", "localhost", 9000),
            ("http://chat.example.org", "chat.example.org", 80),
            ("http://[::1]:8080", "::1", 8080),
            ("http://[::1]", "::1", 80),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((&*target.host, target.port), (host, port), "{text}");
            assert_eq!(target.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_is_no_target_is_told_why() {
        for (text, why) in [
            ("https://127.0.0.1", TargetError::Scheme),
            ("127.0.0.1:8080", TargetError::Scheme),
            ("http://", TargetError::Rest),
            ("http://h:1/r/lobby", TargetError::Rest),
            ("http://me@h:1", TargetError::Rest),
            ("http://:1", TargetError::Rest),
            ("http://h:web", TargetError::Port),
            ("http://h:0", TargetError::Port),
            ("http://h:", TargetError::Port),
        ] {
            assert_eq!(text.parse::<Target>(), Err(why), "{text}");
        }
    }

    #[test]
    fn what_a_server_says_is_taken_for_what_it_is() {
        let person = Person::new(&"http://h:1".parse().unwrap());
        let error =
            |code: &str| json!({"error": {"code": code, "message": "so", "retry_after_ms": 40}});
        let of = |status, answer| person.problem(status, &answer);
        assert_eq!(of(409, error("name_taken")), Problem::NameTaken);
        let later = Some(Duration::from_millis(40));
        for (status, code) in [
            (429, "rate_limited"),
            (504, "unavailable"),
            (503, "unavailable"),
        ] {
            let said = "http://h:1 says: so".to_owned();
            assert_eq!(of(status, error(code)), Problem::Later(said, later));
        }
        assert!(matches!(of(400, error("bad_name")), Problem::Refused(_)));
        assert!(matches!(of(404, Value::Null), Problem::Stranger(_)));
    }
}
