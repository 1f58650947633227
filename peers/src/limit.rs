//! The limit: the least that a server can do per delivery. One thread, one
//! epoll, no ids, no log, no Redis. A text of a member goes to all members of
//! its room as one finished frame, by one `send` for each.
//!
//! With coalescing, what a room says within one turn of the loop goes out
//! together, by one `send` per member.

use std::{collections::HashMap, net::SocketAddr};

use anyhow::{Context as _, Result};
use rustix::{
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, listen,
        recv, send, socket_with, sockopt,
    },
};

use crate::frame;

const BUFFER: usize = 256 * 1024;
const EVENTS: usize = 1_024;
const BACKLOG: i32 = 4_096;
const LISTENER: u64 = u64::MAX;
/// Whoever lets more than this wait is cut: the limit has no log to read from.
const MOST_WAITING: usize = 16 * 1024 * 1024;

/// Serves until it is ended by a signal.
pub(crate) fn serve(port: u16, coalesces: bool) -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &address).with_context(|| format!("{address} cannot be had"))?;
    listen(&listener, BACKLOG)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut server = Server {
        poll,
        listener,
        coalesces,
        guests: Vec::new(),
        free: Vec::new(),
        rooms: HashMap::new(),
        talking: Vec::new(),
        leaving: Vec::new(),
    };
    let mut events = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER];
    loop {
        events.clear();
        match epoll::wait(
            &server.poll,
            rustix::buffer::spare_capacity(&mut events),
            None,
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            server.turn(*event, &mut buffer)?;
        }
        server.flush_rooms();
        server.let_go();
    }
}

struct Server {
    poll: OwnedFd,
    listener: OwnedFd,
    coalesces: bool,
    guests: Vec<Option<Guest>>,
    free: Vec<usize>,
    rooms: HashMap<String, Room>,
    /// Rooms with something to coalesce.
    talking: Vec<String>,
    /// Connections that are over, closed at the end of the turn.
    leaving: Vec<usize>,
}

struct Guest {
    socket: OwnedFd,
    /// None until the handshake.
    room: Option<String>,
    /// The beginning of something whose rest is to come.
    partial: Vec<u8>,
    /// What the socket did not take.
    waiting: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    said: Vec<u8>,
}

impl Server {
    fn turn(&mut self, event: Event, buffer: &mut [u8]) -> Result<()> {
        let (data, flags) = (event.data, event.flags);
        if data.u64() == LISTENER {
            return self.accept();
        }
        let who = usize::try_from(data.u64())?;
        if flags.contains(EventFlags::OUT) {
            self.flush(who);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.read(who, buffer);
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // One that cannot be accepted (no descriptor left, say) waits in the backlog.
        while let Ok(socket) = accept_with(&self.listener, flags) {
            sockopt::set_tcp_nodelay(&socket, true)?;
            let who = self.free.pop().unwrap_or_else(|| {
                self.guests.push(None);
                self.guests.len() - 1
            });
            let data = EventData::new_u64(who as u64);
            epoll::add(&self.poll, &socket, data, EventFlags::IN)?;
            self.guests[who] = Some(Guest {
                socket,
                room: None,
                partial: Vec::new(),
                waiting: Vec::new(),
            });
        }
        Ok(())
    }

    fn read(&mut self, who: usize, buffer: &mut [u8]) {
        let Some(guest) = &mut self.guests[who] else {
            return;
        };
        let kept = guest.partial.len();
        if kept >= BUFFER / 2 {
            self.leaving.push(who);
            return;
        }
        buffer[..kept].copy_from_slice(&guest.partial);
        guest.partial.clear();
        match recv(&guest.socket, &mut buffer[kept..], RecvFlags::empty()) {
            Ok((0, _)) => self.leaving.push(who),
            Ok((count, _)) => self.heard(who, &mut buffer[..kept + count]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.leaving.push(who),
        }
    }

    fn heard(&mut self, who: usize, bytes: &mut [u8]) {
        let mut at = 0;
        let mut room = self.guests[who]
            .as_mut()
            .and_then(|guest| guest.room.take());
        if room.is_none()
            && let Some((name, answer, end)) = handshake(bytes)
        {
            self.write(who, answer.as_bytes());
            let entered = self.rooms.entry(name.clone()).or_default();
            entered.members.push(who);
            room = Some(name);
            at = end;
        }
        if let Some(room) = &room {
            while let Some(head) = frame::first(&bytes[at..]) {
                let payload = &mut bytes[at + head.start..at + head.end];
                if let Some(mask) = head.mask {
                    unmask(payload, mask);
                }
                match head.opcode {
                    frame::TEXT => self.say(room, payload),
                    frame::CLOSE => self.leaving.push(who),
                    _ => {}
                }
                at += head.end;
            }
        }
        if let Some(guest) = &mut self.guests[who] {
            guest.room = room;
            guest.partial.extend_from_slice(&bytes[at..]);
        }
    }

    fn say(&mut self, name: &str, text: &[u8]) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        if self.coalesces {
            if room.said.is_empty() {
                self.talking.push(name.to_owned());
            }
            frame::write(&mut room.said, frame::TEXT, text);
        } else {
            let mut said = std::mem::take(&mut room.said);
            said.clear();
            frame::write(&mut said, frame::TEXT, text);
            self.deliver(name, said);
        }
    }

    fn flush_rooms(&mut self) {
        while let Some(name) = self.talking.pop() {
            if let Some(room) = self.rooms.get_mut(&name) {
                let said = std::mem::take(&mut room.said);
                self.deliver(&name, said);
            }
        }
    }

    /// Writes to every member, and gives the room its buffer back.
    fn deliver(&mut self, name: &str, mut said: Vec<u8>) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let members = std::mem::take(&mut room.members);
        for who in &members {
            self.write(*who, &said);
        }
        said.clear();
        if let Some(room) = self.rooms.get_mut(name) {
            room.members = members;
            room.said = said;
        }
    }

    fn write(&mut self, who: usize, bytes: &[u8]) {
        let Some(guest) = &mut self.guests[who] else {
            return;
        };
        let mut written = 0;
        if guest.waiting.is_empty() {
            match send(&guest.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => written = count,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return self.leaving.push(who),
            }
        }
        if written < bytes.len() {
            if guest.waiting.is_empty() {
                let data = EventData::new_u64(who as u64);
                let both = EventFlags::IN | EventFlags::OUT;
                // It fails only for a socket that is gone; reading will tell.
                let _ = epoll::modify(&self.poll, &guest.socket, data, both);
            }
            guest.waiting.extend_from_slice(&bytes[written..]);
            if guest.waiting.len() > MOST_WAITING {
                self.leaving.push(who);
            }
        }
    }

    fn flush(&mut self, who: usize) {
        let Some(guest) = &mut self.guests[who] else {
            return;
        };
        match send(&guest.socket, &guest.waiting, SendFlags::NOSIGNAL) {
            Ok(count) => drop(guest.waiting.drain(..count)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return self.leaving.push(who),
        }
        if guest.waiting.is_empty() {
            guest.waiting = Vec::new();
            let data = EventData::new_u64(who as u64);
            let _ = epoll::modify(&self.poll, &guest.socket, data, EventFlags::IN);
        }
    }

    fn let_go(&mut self) {
        while let Some(who) = self.leaving.pop() {
            // It may have been told twice.
            let Some(guest) = self.guests[who].take() else {
                continue;
            };
            self.free.push(who);
            let Some(name) = guest.room else {
                continue;
            };
            if let Some(room) = self.rooms.get_mut(&name) {
                room.members.retain(|member| *member != who);
                if room.members.is_empty() {
                    self.rooms.remove(&name);
                }
            }
        }
    }
}

/// The room that a handshake asks for, its answer, and where it ends.
fn handshake(bytes: &[u8]) -> Option<(String, String, usize)> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let room = head.strip_prefix("GET /room/")?.split(' ').next()?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then_some(value.trim())
    })?;
    let accept = frame::accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Some((room.to_owned(), answer, end))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    if mask != [0; 4] {
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_names_its_room() {
        let request = b"GET /room/7 HTTP/1.1\r\nHost: h\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nrest";
        let (room, answer, end) = handshake(request).unwrap();
        assert_eq!(room, "7");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        assert_eq!(&request[end..], b"rest");
        assert!(handshake(b"GET /room/7 HTTP/1.1\r\n").is_none());
        assert!(handshake(b"GET /else HTTP/1.1\r\n\r\n").is_none());
    }

    #[test]
    fn a_masked_payload_is_read() {
        let mut payload = *b"hello";
        unmask(&mut payload, [1, 2, 3, 4]);
        assert_ne!(&payload, b"hello");
        unmask(&mut payload, [1, 2, 3, 4]);
        assert_eq!(&payload, b"hello");
    }
}
