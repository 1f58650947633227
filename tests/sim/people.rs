//! What clients do, and what the instances do about them: join, poll, send,
//! leave, and come back elsewhere.

use hubbub::{
    chat::{refill::Start, sequencer::Mode},
    protocol::position::Position,
};

use crate::{
    instance::Flaw,
    world::{Ask, Event, Why, World, note},
};

impl World {
    /// A client's turn. While all is calm it only comes back and says the rest.
    pub(crate) fn act(&mut self, c: usize) {
        let pause = self.rng.between(10, 60);
        if self.clients[c].conn.is_none() {
            self.connect(c);
        } else if !self.calm && self.rng.chance(4) {
            self.leave(c);
        } else if self.clients[c].in_flight && self.rng.chance(10) {
            // No answer came: the same key goes out again.
            self.clients[c].in_flight = false;
        }
        if !self.calm && self.rng.chance(40) {
            self.say(c);
        }
        self.flush(c);
        let client = &self.clients[c];
        if !self.calm || !client.ready || !client.unsent.is_empty() {
            self.after(pause, Event::Client(c));
        }
    }

    /// A client writes something, connected or not.
    pub(crate) fn say(&mut self, c: usize) {
        let client = &mut self.clients[c];
        client.sent += 1;
        client.unsent.push_back(format!("c{c}n{}", client.sent));
    }

    fn flush(&mut self, c: usize) {
        let client = &self.clients[c];
        let (Some(conn), Some(key)) = (client.conn, client.unsent.front().cloned()) else {
            return;
        };
        if !client.ready || client.in_flight {
            return;
        }
        if let Some(i) = self.instance_of(conn) {
            self.clients[c].in_flight = true;
            let delay = self.rng.between(1, 15);
            let life = self.instances[i].life;
            note!(self, "client {c} sends {key} to instance {i}");
            self.after(delay, Event::Send(i, life, conn, key));
        }
    }

    fn instance_of(&self, conn: u64) -> Option<usize> {
        self.instances
            .iter()
            .position(|instance| instance.conns.contains_key(&conn))
    }

    fn connect(&mut self, c: usize) {
        let up: Vec<usize> = (0..self.instances.len())
            .filter(|i| self.instances[*i].is_up)
            .collect();
        if up.is_empty() {
            return;
        }
        let i = self.rng.pick(&up);
        let after = self.clients[c].position;
        let polls = after.is_some() && self.rng.chance(15);
        self.request(c, i, after, polls);
    }

    fn request(&mut self, c: usize, i: usize, after: Option<Position>, polls: bool) {
        let conn = self.add_conn(i, c, polls);
        note!(
            self,
            "client {c} comes to instance {i} from {after:?}, polls: {polls}"
        );
        self.clients[c].cut();
        self.clients[c].conn = Some(conn);
        let (delay, life) = (self.rng.between(1, 15), self.instances[i].life);
        let event = match after {
            Some(from) if polls => Event::Poll(i, life, conn, from),
            _ => Event::Join(i, life, conn, after),
        };
        self.after(delay, event);
    }

    /// A client goes without a word; the instance notices sooner or later.
    fn leave(&mut self, c: usize) {
        if let Some(conn) = self.clients[c].conn
            && let Some(i) = self.instance_of(conn)
        {
            note!(self, "client {c} drops its connection");
            let delay = self.rng.between(1, 300);
            self.after(delay, Event::Gone(i, conn));
        }
        self.clients[c].cut();
    }

    pub(crate) fn dismiss(&mut self, i: usize, conn: u64) {
        let instance = &mut self.instances[i];
        instance.conns.remove(&conn);
        let _ = instance.sequencer.remove(conn);
    }

    /// The instance ends a connection that it cannot serve.
    pub(crate) fn hang_up(&mut self, i: usize, conn: u64) {
        if let Some(kept) = self.instances[i].conns.get(&conn) {
            let client = kept.client;
            self.after(5, Event::Cut(conn, client));
        }
        self.dismiss(i, conn);
    }

    /// After an answer to a poll, the client polls again, anywhere.
    pub(crate) fn heard_all(&mut self, c: usize, conn: u64) {
        if self.clients[c].conn == Some(conn) && self.instance_of(conn).is_none() {
            self.clients[c].cut();
            if self.calm {
                self.after(1, Event::Client(c));
            }
        }
        self.flush(c);
    }

    pub(crate) fn join(&mut self, i: usize, conn: u64, after: Option<Position>) {
        if !self.instances[i].conns.contains_key(&conn) {
            return;
        }
        let instance = &mut self.instances[i];
        let early = instance.flaw == Some(Flaw::EarlyEntry) && instance.is_opening;
        if instance.sequencer.is_open() || early {
            return self.begin(i, conn, after);
        }
        instance.waiting.push((conn, after));
        if !instance.is_opening {
            instance.is_opening = true;
            instance.sequencer.begin_opening();
            self.ask(i, Ask::Status);
        }
    }

    /// The room is open: what the client missed is looked up.
    pub(crate) fn begin(&mut self, i: usize, conn: u64, after: Option<Position>) {
        let Some(kept) = self.instances[i].conns.get(&conn) else {
            return;
        };
        if let (Some(from), true) = (after, kept.is_poll) {
            return self.follow(i, conn, from);
        }
        match after {
            None => self.ask(i, Ask::Latest(conn)),
            Some(from) => match self.instances[i].sequencer.recall(from) {
                Some(part) => {
                    let (pipe, before) = (kept.pipe.clone(), kept.pipe.count());
                    self.greet(i, conn, &Start::Resumed(part));
                    self.judge_recall(i, &pipe.since(before));
                }
                None => self.ask(i, Ask::After(conn, from, Why::Join)),
            },
        }
    }

    pub(crate) fn greet(&mut self, i: usize, conn: u64, start: &Start) {
        if !self.instances[i].greet(conn, start) {
            return self.hang_up(i, conn);
        }
        self.carry_out(i, &hubbub::chat::sequencer::Outcome::default());
    }

    pub(crate) fn poll(&mut self, i: usize, conn: u64, from: Position) {
        self.join(i, conn, Some(from));
        if let Some(kept) = self.instances[i].conns.get(&conn) {
            // A poll is a whole member at once, and may send.
            self.clients[kept.client].ready = true;
        }
    }

    fn follow(&mut self, i: usize, conn: u64, from: Position) {
        let pipe = self.instances[i].conns[&conn].pipe.clone();
        let followed = self.instances[i]
            .sequencer
            .follow(conn, pipe, Mode::Behind(from));
        if followed.is_err() {
            return self.hang_up(i, conn);
        }
        self.carry_out(i, &hubbub::chat::sequencer::Outcome::default());
    }
}
