//! Coming, going and coming back: which connection a client opens when, and
//! what it means that one ended.

use std::{fmt::Write as _, time::Duration};

use rand::Rng as _;

use crate::bench::{
    check::{Event, Via},
    plan::{FIRST_WAIT, LONGEST_WAIT},
};

use super::{
    driver::{Driver, Due, MILLI, SECOND},
    frame::{self, Opcode},
    http,
    stats::{Nanos, time},
    wire::{Phase, Role},
};

/// A browser says that there is no connection after this time without one.
const NOTICE: Nanos = 3 * SECOND;
/// A transport that worked for this long starts the waits anew.
const SETTLED: Nanos = 10 * SECOND;
/// The sample key of RFC 6455, and what a server makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What a goodbye may say about coming back.
#[derive(serde::Deserialize)]
struct Hint {
    retry_ms: u64,
}

impl Driver {
    /// Connects a client by its transport, if it has no connection and is
    /// wanted; a moving one gets its second WebSocket.
    pub(super) fn attempt(&mut self, who: usize) {
        let person = &mut self.people[who];
        if !person.is_wanted {
            return;
        }
        if let Some(at) = person.link.next_attempt {
            if at > self.now {
                return;
            }
            person.link.next_attempt = None;
        }
        if person.token.is_none() && person.cookies == http::Cookies::default() {
            return self.sign_in(who);
        }
        match person.via {
            Via::Poll => self.go_on_polling(who),
            Via::WebSocket => {
                let current = person.link.current;
                if person.link.sockets[current].is_none() {
                    self.open_socket(who, current);
                } else if person.link.move_until.is_some()
                    && person.link.sockets[1 - current].is_none()
                {
                    self.open_socket(who, 1 - current);
                }
            }
        }
    }

    fn open_socket(&mut self, who: usize, slot: usize) {
        let Some(id) = self.open_wire(who, Role::Socket(slot)) else {
            return self.try_again(who);
        };
        let person = &mut self.people[who];
        person.link.sockets[slot] = Some(id);
        let Some(wire) = &mut self.wires[id] else {
            return;
        };
        let host = host(&self.shared.plan.targets, person);
        let mut headers = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n"
        );
        headers.push_str(&person.cookies.header());
        let path = if let Some(token) = &person.token {
            format!("/ws?token={token}")
        } else {
            // Writing to a String cannot fail.
            let _ = write!(headers, "Origin: http://{host}\r\n");
            "/ws".to_owned()
        };
        http::write(wire.queue(), "GET", &path, &host, &headers, None);
        self.flush(id);
    }

    /// The answer to the request for a WebSocket.
    pub(super) fn on_upgrade(&mut self, id: usize, answer: &http::Answer<'_>) {
        let Some(wire) = &mut self.wires[id] else {
            return;
        };
        let who = wire.client;
        self.people[who].cookies.take(&answer.cookies);
        if answer.status == 101 {
            wire.phase = Phase::Open;
            if self.people[who].is_slow {
                self.at(self.now, who, Due::Sip);
            }
            return;
        }
        self.refused(who, answer.status, answer.retry_after);
        self.lost(id, "refused");
    }

    /// An answer that is not what was asked for.
    pub(super) fn refused(&mut self, who: usize, status: u16, retry_after: Option<u64>) {
        self.tally.failed_connects += 1;
        self.tally.reason(&format!("status {status}"));
        if status == 401 || status == 403 {
            self.people[who].is_wanted = false;
        }
        self.people[who].link.hint = retry_after.map(|seconds| seconds * SECOND);
    }

    /// A WebSocket said goodbye.
    pub(super) fn on_close(&mut self, id: usize, payload: &[u8]) {
        let (code, reason) = frame::close_code(payload);
        let Some(wire) = &self.wires[id] else {
            return;
        };
        let person = &mut self.people[wire.client];
        if (4400..=4403).contains(&code) {
            person.is_wanted = false;
        }
        if let Ok(hint) = serde_json::from_slice::<Hint>(reason) {
            let most = hint.retry_ms.max(1) * MILLI;
            person.link.hint = Some(rand::rng().random_range(0..most));
        }
        self.ended(id, code, &format!("close {code}"));
    }

    /// A connection is over without having been told why.
    pub(super) fn lost(&mut self, id: usize, why: &str) {
        self.ended(id, 0, why);
    }

    fn ended(&mut self, id: usize, code: u16, why: &str) {
        let Some(wire) = &self.wires[id] else {
            return;
        };
        let (who, role, phase) = (wire.client, wire.role, wire.phase);
        self.drop_wire(id);
        let link = &mut self.people[who].link;
        match role {
            Role::Socket(slot) => {
                link.sockets[slot] = None;
                let was_open = phase == Phase::Open;
                if was_open {
                    self.tally.drops += 1;
                }
                self.tally.reason(why);
                if slot == link.current {
                    // What was to be the second becomes the only one.
                    if link.sockets[1 - slot].is_some() {
                        link.current = 1 - slot;
                    }
                    link.move_until = None;
                    self.down(who, code);
                }
                self.try_again(who);
            }
            Role::Poll => {
                link.poll = None;
                if phase == Phase::Asking || !link.is_up {
                    self.tally.drops += 1;
                    self.tally.reason(why);
                    self.down(who, code);
                }
                self.try_again(who);
            }
            Role::Post => {
                link.post = None;
                if phase != Phase::Open {
                    self.tally.reason(&format!("post: {why}"));
                }
                self.post_failed(who, None);
            }
            Role::SignIn => {
                link.sign_in = None;
                self.try_again(who);
            }
        }
    }

    /// Plans the next attempt: full jitter over a span that doubles, unless the
    /// server said otherwise.
    pub(super) fn try_again(&mut self, who: usize) {
        let now = self.now;
        let person = &mut self.people[who];
        let link = &mut person.link;
        let both = link.sockets[link.current].is_some() && link.move_until.is_none();
        if !person.is_wanted || both || link.next_attempt.is_some() {
            return;
        }
        let wait = link.hint.take().unwrap_or_else(|| {
            let span = FIRST_WAIT.saturating_mul(1 << link.attempts.min(10));
            let most = span.min(LONGEST_WAIT);
            rand::rng().random_range(0..as_nanos(most))
        });
        link.attempts += 1;
        let at = link.back_from.max(now) + wait;
        link.next_attempt = Some(at);
        self.at(at, who, Due::Attempt);
    }

    /// No transport works any more.
    fn down(&mut self, who: usize, code: u16) {
        let now = self.now;
        let person = &mut self.people[who];
        for send in &mut person.outgoing.unsent {
            send.is_in_flight = false;
        }
        let link = &mut person.link;
        if !link.is_up {
            return;
        }
        link.is_up = false;
        link.down_since = Some(now);
        link.back_from = link.back_from.max(now);
        link.has_noticed = false;
        if now.saturating_sub(link.up_since) > SETTLED {
            link.attempts = 0;
        }
        person.note(now, &Event::Down { code });
        self.at(now + NOTICE, who, Due::Notice);
    }

    /// A transport works and has caught up in every room.
    pub(super) fn up(&mut self, who: usize) {
        let now = self.now;
        let person = &mut self.people[who];
        if person.link.is_up {
            return;
        }
        let via = person.via;
        person.note(now, &Event::Up(via));
        self.tally.connects += 1;
        let link = &mut person.link;
        link.is_up = true;
        link.up_since = now;
        let histogram = if link.down_since.take().is_some() {
            &mut self.stages.catch_up
        } else {
            &mut self.stages.connect
        };
        time(histogram, link.back_from, now);
        self.pump(who);
    }

    pub(super) fn notice(&mut self, who: usize) {
        let now = self.now;
        let person = &mut self.people[who];
        let is_due = person
            .link
            .down_since
            .is_some_and(|since| since + NOTICE <= now);
        if is_due && !person.link.has_noticed && person.is_wanted {
            person.link.has_noticed = true;
            person.note(now, &Event::Notice);
            self.tally.notices += 1;
        }
    }

    /// The instance asks to be left, in good time.
    pub(super) fn on_move(&mut self, who: usize, within: Nanos) {
        let link = &mut self.people[who].link;
        link.move_until = Some(self.now + within);
        link.attempts = 0;
        link.next_attempt = None;
        self.attempt(who);
    }

    /// The second WebSocket works: the first one goes.
    pub(super) fn switch(&mut self, who: usize) {
        let person = &mut self.people[who];
        let (old, new) = (person.link.current, 1 - person.link.current);
        person.link.current = new;
        person.link.move_until = None;
        person.link.next_attempt = None;
        for send in &mut person.outgoing.unsent {
            send.is_in_flight = false;
        }
        self.tally.moves += 1;
        self.hang_up(who, old);
        self.pump(who);
    }

    /// Says goodbye on a WebSocket and lets it go.
    pub(super) fn hang_up(&mut self, who: usize, slot: usize) {
        let Some(id) = self.people[who].link.sockets[slot].take() else {
            return;
        };
        if let Some(wire) = &mut self.wires[id] {
            frame::write(wire.queue(), Opcode::Close, &1000_u16.to_be_bytes());
            // Whether the goodbye gets through makes no difference here.
            let _ = wire.flush();
        }
        self.drop_wire(id);
    }

    /// Cuts every client, as a network that fails does.
    pub(super) fn cut_all(&mut self, away: Duration) {
        let back = self.now + as_nanos(away);
        for who in 0..self.people.len() {
            self.cut(who, back);
        }
    }

    /// Cuts one client and lets it back from some time on.
    pub(super) fn cut(&mut self, who: usize, back: Nanos) {
        let link = &mut self.people[who].link;
        let wires = [
            link.sockets[0].take(),
            link.sockets[1].take(),
            link.poll.take(),
            link.post.take(),
        ];
        for id in wires.into_iter().flatten() {
            self.drop_wire(id);
        }
        let link = &mut self.people[who].link;
        link.back_from = back;
        link.move_until = None;
        link.next_attempt = None;
        link.attempts = 0;
        self.down(who, 0);
        self.try_again(who);
    }

    /// Once a second: some clients go, and come back a second later. Half of
    /// them leave their rooms, the others are cut.
    pub(super) fn churn(&mut self) {
        let plan = &self.shared.plan;
        let share = plan.churn_per_second / f64::from(plan.threads.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let count = (share + rand::rng().random::<f64>()).floor() as usize;
        if share <= 0.0 || self.people.is_empty() {
            return;
        }
        for _ in 0..count {
            let who = rand::rng().random_range(0..self.people.len());
            let person = &self.people[who];
            if !person.link.is_up {
                continue;
            }
            let may_leave =
                person.via == Via::WebSocket && person.number >= self.shared.plan.publishers;
            if may_leave && rand::rng().random() {
                self.leave_rooms(who);
            }
            self.cut(who, self.now + SECOND);
        }
    }
}

/// The value of the `Host` header that fits the target a client uses now.
pub(super) fn host(targets: &[std::net::SocketAddr], person: &super::person::Person) -> String {
    let turn = u64::from(person.number) + u64::from(person.link.attempts);
    targets[usize::try_from(turn).unwrap_or(0) % targets.len()].to_string()
}

pub(super) fn as_nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
