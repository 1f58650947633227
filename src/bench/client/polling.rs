//! Long-poll: one request that waits for news, and one at a time that carries
//! what the client says.

use std::fmt::Write as _;

use crate::bench::check::Via;

use super::{
    driver::{Driver, Due, MILLI, SECOND},
    http,
    link::host,
    parse,
    stats::Nanos,
    wire::{Phase, Role},
};

/// How long a poll waits for news.
const HOLD_MS: u32 = 20_000;
/// How long to wait after a request failed.
const RETRY: Nanos = 250 * MILLI;

impl Driver {
    /// Polls, unless a poll is under way or it is too early.
    pub(super) fn go_on_polling(&mut self, who: usize) {
        let person = &self.people[who];
        let is_busy = person
            .link
            .poll
            .and_then(|id| self.wires[id].as_ref())
            .is_some_and(|wire| wire.phase == Phase::Asking);
        if is_busy || !person.is_wanted || person.via != Via::Poll {
            return;
        }
        if person.link.poll_at > self.now {
            let at = person.link.poll_at;
            return self.at(at, who, Due::Poll);
        }
        let body = self.poll_body(who);
        let id = self.people[who].link.poll;
        let Some(id) = id.or_else(|| self.open_wire(who, Role::Poll)) else {
            return self.try_again(who);
        };
        self.people[who].link.poll = Some(id);
        self.request(id, "/api/v1/poll", &body);
    }

    fn poll_body(&self, who: usize) -> String {
        let person = &self.people[who];
        let mut body = String::from("{");
        // Writing to a String cannot fail.
        if let Some(connection) = &person.link.connection {
            let _ = write!(body, r#""connection":"{connection}","#);
        }
        if let Some(control) = &person.link.control {
            let _ = write!(body, r#""control":"{control}","#);
        }
        // Who comes back wants to know at once that it has caught up.
        let hold = if person.link.is_up { HOLD_MS } else { 0 };
        let _ = write!(body, r#""hold_ms":{hold},"rooms":{{"#);
        for (index, place) in person.places.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let room = self.shared.room_name(place.room);
            let _ = write!(body, r#"{comma}"{room}":"#);
            let _ = match (place.has_begun, place.presence) {
                (false, _) => write!(body, "null"),
                (true, None) => write!(body, r#""{}""#, place.last),
                (true, Some(version)) => {
                    let after = place.last;
                    write!(
                        body,
                        r#"{{"after":"{after}","presence_version":{version}}}"#
                    )
                }
            };
        }
        body.push_str("}}");
        body
    }

    /// Sends a request on a connection that has none under way.
    fn request(&mut self, id: usize, path: &str, body: &str) {
        let Some(wire) = &mut self.wires[id] else {
            return;
        };
        let person = &self.people[wire.client];
        let host = host(&self.shared.plan.targets, person);
        let mut headers = person.cookies.header();
        match &person.token {
            Some(token) => {
                let _ = write!(headers, "Authorization: Bearer {token}\r\n");
            }
            None => {
                let _ = write!(headers, "Origin: http://{host}\r\n");
            }
        }
        wire.phase = Phase::Asking;
        wire.heard = self.now;
        http::write(wire.queue(), "POST", path, &host, &headers, Some(body));
        self.flush(id);
    }

    /// A request was answered: the connection is free for the next, or closed.
    fn answered(&mut self, id: usize, answer: &http::Answer<'_>) -> Option<usize> {
        let wire = self.wires[id].as_mut()?;
        wire.phase = Phase::Open;
        let (who, role) = (wire.client, wire.role);
        let person = &mut self.people[who];
        person.cookies.take(&answer.cookies);
        if !answer.stays_open {
            match role {
                Role::Poll => person.link.poll = None,
                Role::Post => person.link.post = None,
                _ => person.link.sign_in = None,
            }
            self.drop_wire(id);
        }
        Some(who)
    }

    pub(super) fn on_poll_answer(&mut self, id: usize, answer: &http::Answer<'_>) {
        let Some(who) = self.answered(id, answer) else {
            return;
        };
        if answer.status != 200 {
            self.refused(who, answer.status, answer.retry_after);
            let wait = answer.retry_after.map_or(RETRY, |wait| wait * SECOND);
            self.people[who].link.poll_at = self.now + wait;
            return self.go_on_polling(who);
        }
        let Ok(polled) = serde_json::from_slice::<parse::PollAnswer<'_>>(answer.body) else {
            self.tally.reason("a poll's answer that is not understood");
            self.people[who].link.poll_at = self.now + RETRY;
            return self.go_on_polling(who);
        };
        self.people[who].link.poll_at = 0;
        for frame in &polled.frames {
            self.on_frame(who, 0, frame.get().as_bytes());
        }
        let link = &mut self.people[who].link;
        if polled.control.is_some() {
            link.control = polled.control;
        }
        // An answer with trouble in it sets the time of the next poll.
        let has_trouble = link.poll_at > self.now;
        if !polled.more && !has_trouble && self.has_all_rooms(who) {
            self.up(who);
        }
        self.go_on_polling(who);
    }

    fn has_all_rooms(&self, who: usize) -> bool {
        self.people[who].places.iter().all(|place| place.has_begun)
    }

    /// Sends what waits, if no request with frames is under way.
    pub(super) fn post(&mut self, who: usize) {
        let person = &self.people[who];
        let is_busy = person
            .link
            .post
            .and_then(|id| self.wires[id].as_ref())
            .is_some_and(|wire| wire.phase == Phase::Asking);
        let has_asks = !person.outgoing.asks.is_empty();
        let has_sends = !person.outgoing.unsent.is_empty();
        if is_busy || !person.link.is_up || !(has_asks || has_sends) {
            return;
        }
        if person.link.post_at > self.now {
            let at = person.link.post_at;
            return self.at(at, who, Due::Retry);
        }
        let mut frames = std::mem::take(&mut self.people[who].outgoing.asks);
        frames.extend(self.frames_to_send(who));
        if frames.is_empty() {
            return;
        }
        let connection = self.people[who].link.connection.as_deref();
        let body = format!(
            r#"{{"connection":"{}","frames":[{}]}}"#,
            connection.unwrap_or_default(),
            frames.join(",")
        );
        let id = self.people[who].link.post;
        let Some(id) = id.or_else(|| self.open_wire(who, Role::Post)) else {
            return self.post_failed(who, None);
        };
        self.people[who].link.post = Some(id);
        self.request(id, "/api/v1/frames", &body);
    }

    pub(super) fn on_post_answer(&mut self, id: usize, answer: &http::Answer<'_>) {
        let Some(who) = self.answered(id, answer) else {
            return;
        };
        if answer.status != 200 {
            self.tally
                .reason(&format!("post: status {}", answer.status));
            return self.post_failed(who, answer.retry_after);
        }
        let Ok(posted) = serde_json::from_slice::<parse::PollAnswer<'_>>(answer.body) else {
            return self.post_failed(who, None);
        };
        for reply in &posted.frames {
            self.on_frame(who, 0, reply.get().as_bytes());
        }
        self.pump(who);
    }

    /// What was in flight goes out again, a little later.
    pub(super) fn post_failed(&mut self, who: usize, retry_after: Option<u64>) {
        let wait = retry_after.map_or(RETRY, |seconds| seconds * SECOND);
        let at = self.now + wait;
        let person = &mut self.people[who];
        for send in &mut person.outgoing.unsent {
            send.is_in_flight = false;
        }
        person.link.post_at = at;
        self.at(at, who, Due::Retry);
    }

    /// Signs in under the client's name.
    pub(super) fn sign_in(&mut self, who: usize) {
        if self.people[who].link.sign_in.is_some() {
            return;
        }
        let Some(id) = self.open_wire(who, Role::SignIn) else {
            return self.try_again(who);
        };
        self.people[who].link.sign_in = Some(id);
        let name = self.shared.plan.user_name(self.people[who].number);
        self.request(id, "/api/v1/session", &format!(r#"{{"name":"{name}"}}"#));
    }

    pub(super) fn on_signed_in(&mut self, id: usize, answer: &http::Answer<'_>) {
        let Some(who) = self.answered(id, answer) else {
            return;
        };
        if answer.status != 201 {
            self.refused(who, answer.status, answer.retry_after);
            // Whoever gave cookies without signing in has to do it again.
            self.people[who].cookies = http::Cookies::default();
            return self.lost(id, "not signed in");
        }
        if let Some(id) = self.people[who].link.sign_in.take() {
            self.drop_wire(id);
        }
        self.attempt(who);
    }
}
