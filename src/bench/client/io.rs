//! Reading and writing: connections are opened here, and what they bring is
//! handed on.

use mio::{Interest, Token};

use super::{
    driver::{Driver, Due, SECOND},
    frame::{self, Opcode},
    stats::Nanos,
    wire::{Phase, Role, Took, Wire},
};

/// The space for one read. Frames that do not fit make it grow.
pub(super) const SPACE: usize = 256 * 1024;
/// How often a slow reader reads.
const SIPS_PER_SECOND: u32 = 10;
/// How often it shows that it is alive.
const ALIVE: Nanos = 15 * SECOND;

impl Driver {
    /// Opens a connection for a client.
    pub(super) fn open_wire(&mut self, who: usize, role: Role) -> Option<usize> {
        let plan = &self.shared.plan;
        let person = &self.people[who];
        let turn = u64::from(person.number) + u64::from(person.link.attempts);
        let target = plan.targets[usize::try_from(turn).unwrap_or(0) % plan.targets.len()];
        let range = person.number / plan.per_address.max(1);
        // 127.0.0.1 is the first address; others come with great numbers.
        let source = u8::try_from(range + 1).ok().filter(|last| *last > 1);
        let id = self.free.pop().unwrap_or_else(|| {
            self.wires.push(None);
            self.wires.len() - 1
        });
        let opened = Wire::open(target, source, who, role, self.now).and_then(|mut wire| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut wire.stream, Token(id), interest)?;
            Ok(wire)
        });
        match opened {
            Ok(wire) => {
                self.wires[id] = Some(wire);
                Some(id)
            }
            Err(error) => {
                self.free.push(id);
                self.tally.failed_connects += 1;
                self.tally.reason(&format!("connect: {error}"));
                None
            }
        }
    }

    /// Ends a connection at once, without telling the client.
    pub(super) fn drop_wire(&mut self, id: usize) {
        if let Some(mut wire) = self.wires[id].take() {
            // It is closed next, which removes it anyway.
            let _ = self.poll.registry().deregister(&mut wire.stream);
            self.freed.push(id);
        }
    }

    /// Writes what is queued; a connection that cannot be written to is over.
    pub(super) fn flush(&mut self, id: usize) {
        if let Some(wire) = &mut self.wires[id]
            && let Err(error) = wire.flush()
        {
            self.lost(id, &format!("write: {error}"));
        }
    }

    pub(super) fn on_event(&mut self, id: usize, readable: bool, closed: bool) {
        let Some(wire) = &mut self.wires.get_mut(id).and_then(Option::as_mut) else {
            return;
        };
        if !wire.is_connected {
            match wire.finish_connect() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.tally.failed_connects += 1;
                    return self.lost(id, &format!("connect: {error}"));
                }
            }
        }
        self.flush(id);
        if readable {
            let is_slow = self.wires[id].as_mut().is_some_and(|wire| {
                wire.has_unread = true;
                let is_open = matches!(wire.role, Role::Socket(_)) && wire.phase == Phase::Open;
                is_open && self.people[wire.client].is_slow
            });
            if !is_slow {
                self.read(id, SPACE, closed);
            }
        }
    }

    /// Reads until nothing more is there. A read that does not fill its space
    /// took everything, unless the end is there, too.
    fn read(&mut self, id: usize, most: usize, closed: bool) {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let Some(wire) = &mut self.wires[id] else {
                self.buffer = buffer;
                return;
            };
            let start = wire.partial.len();
            if buffer.len() < start + SPACE {
                buffer.resize(start + SPACE, 0);
            }
            buffer[..start].copy_from_slice(&wire.partial);
            let took = wire.read(&mut buffer[start..start + most]);
            let mut goes_on = false;
            match took {
                Took::Bytes(count, more) => {
                    wire.partial.clear();
                    wire.heard = self.now;
                    self.tally.bytes_in += count as u64;
                    self.consume(id, &buffer[..start + count]);
                    goes_on = (more || closed) && most == SPACE;
                }
                Took::Nothing => wire.has_unread = false,
                Took::End => {
                    self.buffer = buffer;
                    return self.lost(id, "cut");
                }
            }
            self.buffer = buffer;
            if !goes_on {
                return;
            }
        }
    }

    /// A slow reader reads a little, and shows that it is alive: the ping that
    /// it should answer may lie far back in what it has not read.
    pub(super) fn sip(&mut self, who: usize) {
        let Some((_, per_second)) = self.shared.plan.slow_readers else {
            return;
        };
        let person = &self.people[who];
        let Some(id) = person.link.sockets[person.link.current].filter(|_| person.is_slow) else {
            return;
        };
        if let Some(wire) = &mut self.wires[id]
            && wire.alive_at <= self.now
        {
            wire.alive_at = self.now + ALIVE;
            frame::write(wire.queue(), Opcode::Pong, b"");
            self.flush(id);
        }
        if self.wires[id].as_ref().is_some_and(|wire| wire.has_unread) {
            let most = (per_second / SIPS_PER_SECOND).max(1) as usize;
            self.read(id, most.min(SPACE - 1), false);
        }
        let next = self.now + SECOND / u64::from(SIPS_PER_SECOND);
        self.at(next, who, Due::Sip);
    }

    /// Slow readers become fast ones.
    pub(super) fn read_all(&mut self) {
        for who in 0..self.people.len() {
            let person = &mut self.people[who];
            if !std::mem::take(&mut person.is_slow) {
                continue;
            }
            if let Some(id) = person.link.sockets[person.link.current] {
                self.read(id, SPACE, true);
            }
        }
    }
}
