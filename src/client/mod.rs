//! A client of the public protocol, as the page is one, but without a page: it
//! comes back with jitter, resumes, and moves when it is asked to.
//!
//! * [`socket`]: one WebSocket after the other, and two while it moves;
//! * [`sends`]: what is said, again and again until it is acknowledged;
//! * [`Mind`]: what the client knows and wants. It knows no socket, and is up to
//!   whoever plays clients: the characters of the demo, or those who look on
//!   while a cluster is broken;
//! * `http`: as much of HTTP as signing in takes.

pub(crate) mod http;
pub mod sends;
pub mod socket;

use std::{collections::HashMap, time::Duration};

use rand::Rng as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{
    client::IntoClientRequest as _, handshake::client::Request, http::HeaderValue,
};

use crate::protocol::position::Position;

/// What a client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Whether new things are said. What was begun is finished in any case.
    pub talk: bool,
    /// Whether to hang up.
    pub end: bool,
}

/// What a frame asks of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Nothing,
    /// Every room should be joined now.
    Join,
    /// This room is joined.
    Joined(String),
    /// Move elsewhere within this time.
    Move(Duration),
    /// The server asks to wait.
    Wait(Duration),
}

/// What one client knows, and what it wants to say.
pub trait Mind: Send + 'static {
    /// Takes a frame, and says what the transport should do about it. `seen` is
    /// how far the connection has come that brings it.
    fn take(&mut self, seen: &mut Seen, frame: &Value) -> Wish;

    /// What joins every room, from where the client is.
    fn joins(&self) -> Vec<Value>;

    /// How many rooms those are.
    fn rooms(&self) -> usize;

    /// What should go out now. With `talk`, something new may be said.
    fn due(&mut self, talk: bool) -> Vec<Value>;

    /// Whether the client talks at all, or only listens.
    fn talks(&self) -> bool;

    /// The client is on this instance now.
    fn lives_on(&mut self, instance: &str);

    /// A transport works, in every room.
    fn up(&mut self);

    /// No transport works any more. The code is that of the close frame, or the
    /// status of an answer; 0 without either.
    fn down(&mut self, code: u16);

    /// The transport will answer nothing any more; another one may.
    fn transport_lost(&mut self);

    /// Whether to come back after such an end.
    fn comes_back(&mut self, _code: u16) -> bool {
        true
    }

    /// Hangs up and comes back after this time, again and again.
    fn flap(&self) -> Option<Duration> {
        None
    }

    /// Called often while there is no transport.
    fn look_at_the_clock(&mut self) {}
}

/// Where a client goes in, and what it shows there.
pub trait Door: Clone + Send + Sync + 'static {
    /// The handshake of a WebSocket; none if there is no address for one.
    fn request(&self) -> Option<Request>;

    /// Takes the cookies that the answer sets.
    fn keep_cookies(&self, _set: &[&str]) {}
}

/// A handshake as the page of this site makes it.
pub fn handshake(base: &str, url: &str, cookies: Option<&str>) -> Option<Request> {
    let mut request = url.into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("origin", HeaderValue::from_str(base).ok()?);
    if let Some(cookies) = cookies {
        headers.insert("cookie", HeaderValue::from_str(cookies).ok()?);
    }
    Some(request)
}

/// How far one connection has brought its client in each room. What comes twice
/// over one connection is a fault of the server; what comes over two while a
/// client moves is not.
#[derive(Debug, Default)]
pub struct Seen(HashMap<String, Position>);

impl Seen {
    /// Whether an entry is to be taken: if it is new, or if this connection
    /// brings it a second time, which it must not.
    pub fn is_news(&mut self, room: &str, last: Option<Position>, position: Position) -> bool {
        let before = self.0.insert(room.to_owned(), position);
        let is_repeated = before.is_some_and(|before| position <= before);
        is_repeated || last.is_none_or(|last| position > last)
    }

    /// Goes back to a position, and says whether that is news: while the client
    /// moves, the other connection may have told it already.
    pub fn goes_back(&mut self, room: &str, last: Option<Position>, after: Position) -> bool {
        let before = self.0.insert(room.to_owned(), after);
        before.is_none_or(|before| last <= Some(before.max(after)))
    }
}

/// Pauses between attempts, as the browser app keeps them: random, from an
/// interval that doubles.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(20);

    /// Begins anew.
    pub fn reset(&mut self) {
        self.0 = 0;
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let most = (Self::FIRST * 2_u32.pow(self.0.min(8))).min(Self::LONGEST);
        self.0 = self.0.saturating_add(1);
        most.mul_f64(rand::rng().random_range(0.0..1.0))
    }
}

/// A string of a frame; empty if it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A position of a frame, if it is one.
pub fn position(value: &Value) -> Option<Position> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Position {
        Position::new(1, seq)
    }

    #[test]
    fn what_two_connections_bring_is_taken_once_and_what_one_repeats_is_a_fault() {
        let (mut first, mut second) = (Seen::default(), Seen::default());
        let five = at(5);
        assert!(first.is_news("lobby", Some(at(4)), five));
        assert!(!second.is_news("lobby", Some(at(5)), five));
        assert!(second.is_news("lobby", Some(at(5)), five), "twice over one");
        assert!(first.is_news("lobby", Some(at(5)), at(6)));
        assert!(!first.is_news("attic", Some(at(6)), five), "another room");
    }

    #[test]
    fn a_rollback_is_news_unless_the_other_connection_told_it() {
        let three = at(3);
        let mut first = Seen::default();
        first.is_news("lobby", Some(at(4)), at(5));
        assert!(first.goes_back("lobby", Some(at(5)), three));
        // The other one brought the client further meanwhile.
        let mut second = Seen::default();
        second.is_news("lobby", Some(at(4)), at(5));
        assert!(!second.goes_back("lobby", Some(Position::new(2, 1)), three));
        // The first frame of a connection.
        assert!(Seen::default().goes_back("lobby", Some(at(9)), three));
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let mut backoff = Backoff::default();
        assert!(backoff.pause() <= Backoff::FIRST);
        for _ in 0..40 {
            assert!(backoff.pause() <= Backoff::LONGEST);
        }
        backoff.reset();
        assert!(backoff.pause() <= Backoff::FIRST);
    }

    #[test]
    fn a_handshake_says_where_it_comes_from() {
        let made = handshake("http://h:1", "ws://h:1/ws", Some("a=1; b=2")).unwrap();
        assert_eq!(made.headers()["origin"], "http://h:1");
        assert_eq!(made.headers()["cookie"], "a=1; b=2");
        let bare = handshake("http://h:1", "ws://h:1/ws", None).unwrap();
        assert!(!bare.headers().contains_key("cookie"));
        assert!(handshake("http://h:1", "no address", None).is_none());
    }
}
