//! A client that sends exactly what it is told and keeps its cookie only if it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer, as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The instance that answered.
    pub(crate) fn by(&self) -> &str {
        self.body.split(' ').next().unwrap_or_default()
    }

    /// `SRV=…` if the answer sets it.
    pub(crate) fn cookie(&self) -> Option<&str> {
        let (_, rest) = self.head.split_once("set-cookie: SRV=")?;
        rest.split(';').next()
    }
}

/// Sends one request on a new connection; `more` are further header lines, each with its line end.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> Answer {
    ask_once(address, method, path, more, body)
        .unwrap_or_else(|said| panic!("{method} {path}: no answer: {said:?}"))
}

/// The same where the connection may end without an answer, or with half of one.
pub(crate) fn ask_once(
    address: SocketAddr,
    method: &str,
    path: &str,
    more: &str,
    body: &str,
) -> Result<Answer, String> {
    let mut stream = send(
        address,
        method,
        path,
        &format!("Connection: close\r\n{more}"),
        body,
    );
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return Err(answer);
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// Sends one request and leaves the answer to be read.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    more: &str,
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: hubbub.test\r\n{length}{more}\r\n{body}"
    )
    .unwrap();
    stream
}

/// Opens a WebSocket, which to a balancer is an upgrade and bytes. Returns it with the name of its instance.
pub(crate) fn upgrade(address: SocketAddr, path: &str, more: &str) -> (TcpStream, String) {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = send(address, "GET", path, &format!("{upgrade}{more}"), "");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let name = head
        .to_lowercase()
        .split("x-name: ")
        .nth(1)
        .unwrap()
        .split('\r')
        .next()
        .unwrap()
        .to_owned();
    (stream, name)
}

/// Whether an open WebSocket still carries bytes to its instance and back.
pub(crate) fn echoes(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 4];
    stream.write_all(b"ping").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"ping"
}
