//! A stand-in for `hubbub serve`: it says who it is, answers readiness, and drains on SIGTERM as the server does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

/// Makes this test program the stand-in.
pub(crate) const ARGS: [&str; 4] = ["--exact", "stub::stand_in", "--ignored", "--nocapture"];

/// How long it drains, in milliseconds, if a test says so.
pub(crate) const DRAIN_MS: &str = "STAND_IN_DRAIN_MS";
/// And if none does.
const DRAIN: Duration = Duration::from_millis(1_500);
/// It goes on until the balancer has asked so often whether it is ready: the answer to the first time is known to it when
/// it asks again.
const SEEN: u32 = 2;

#[test]
#[ignore = "not a test: the other tests start it as an instance"]
fn stand_in() {
    // Whoever runs ignored tests by hand gets a test that passes.
    let Ok(listen) = std::env::var("HUBBUB__HTTP__LISTEN") else {
        return;
    };
    let name = std::env::var("HUBBUB__INSTANCE__NAME").unwrap();
    let drain = std::env::var(DRAIN_MS).ok().and_then(|ms| ms.parse().ok());
    let drain = drain.map_or(DRAIN, Duration::from_millis);
    let draining = Arc::new(Draining::default());
    let mut signals = Signals::new([SIGTERM]).unwrap();
    let flag = Arc::clone(&draining);
    thread::spawn(move || {
        signals.forever().next();
        flag.begun.store(true, Ordering::Relaxed);
        thread::sleep(drain);
        while flag.seen.load(Ordering::Relaxed) < SEEN {
            thread::sleep(Duration::from_millis(20));
        }
        std::process::exit(0);
    });
    for stream in TcpListener::bind(listen).unwrap().incoming().flatten() {
        let (name, draining) = (name.clone(), Arc::clone(&draining));
        thread::spawn(
            move || {
                while serve_one(&stream, &name, &draining).is_some() {}
            },
        );
    }
}

/// Whether it drains, and how often it said so.
#[derive(Default)]
struct Draining {
    begun: AtomicBool,
    seen: AtomicU32,
}

/// Answers one request. The answer's body is `name`, method, path, and the body's length, then the request's head.
fn serve_one(stream: &TcpStream, name: &str, state: &Draining) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = header(&head, "content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;

    let mut words = head.split(' ');
    let draining = state.begun.load(Ordering::Relaxed);
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    if header(&head, "upgrade").is_some() && !draining {
        return echo_until_closed(stream, name);
    }
    if path == "/silence" {
        return None;
    }
    if path == "/hold" {
        thread::sleep(Duration::from_secs(3_600));
    }
    let status = match (path, draining) {
        ("/readyz", true) => "404 Not Found",
        ("/livez", _) | (_, false) => "200 OK",
        (_, true) => "503 Service Unavailable",
    };
    let answer = format!("{name} {method} {path} {length}\n{head}");
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
    .ok()?;
    if status.starts_with("404") {
        state.seen.fetch_add(1, Ordering::Relaxed);
    }
    let stays =
        header(&head, "connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    if !stays {
        let _ = stream.shutdown(Shutdown::Both);
    }
    stays.then_some(())
}

/// What a WebSocket is to the balancer: a 101, then bytes both ways. The answer to the key is checked by HAProxy; it is the
/// one to the only key that `http.rs` uses, the example of RFC 6455.
fn echo_until_closed(mut stream: &TcpStream, name: &str) -> Option<()> {
    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    write!(stream, "{head}{accept}X-Name: {name}\r\n\r\n").ok()?;
    let mut buffer = [0; 1024];
    loop {
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        stream.write_all(&buffer[..length]).ok()?;
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
