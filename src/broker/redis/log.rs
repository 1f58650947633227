//! The rooms' logs in Redis.

use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{ScriptInvocation, Value};

use super::{
    RedisBroker,
    keys::Keys,
    link::{Ask, Live},
    scripts,
};
use crate::{
    broker::{
        Appended, BrokerError, BrokerSettings, Change, Draft, Page, RoomLog, RoomState, RoomStatus,
        clock::whole_ms,
        look::{Look, PAGE_BYTES},
    },
    protocol::{
        entry::{Entry, Fields, Kind},
        name::RoomName,
        position::Position,
    },
};

/// How many rooms are asked for their head in one go.
const AT_ONCE: usize = 200;

#[async_trait]
impl RoomLog for RedisBroker {
    async fn append(&self, room: &RoomName, draft: Draft) -> Result<Appended, BrokerError> {
        let appended = self.appends.append(room, draft, None).await?;
        if !appended.duplicate {
            self.list(room, appended.at).await;
        }
        Ok(appended)
    }

    async fn change(&self, room: &RoomName, change: Change) -> Result<Appended, BrokerError> {
        let draft = change.draft();
        let appended = self.appends.append(room, draft, Some(change)).await?;
        if !appended.duplicate {
            self.list(room, appended.at).await;
        }
        Ok(appended)
    }

    async fn status(&self, room: &RoomName) -> Result<RoomStatus, BrokerError> {
        let live = self.link.live()?;
        let script = self.on_log(&scripts::STATUS, room, &live);
        let (head, title, state): (String, String, String) = live.run(Ask::Read, &script).await?;
        Ok(RoomStatus {
            head: parse(&head)?,
            title,
            state: match state.as_str() {
                "closed" => RoomState::Closed,
                "absent" if *room != RoomName::lobby() => RoomState::Absent,
                _ => RoomState::Open,
            },
        })
    }

    async fn heads(&self, rooms: &[RoomName]) -> Result<Vec<Position>, BrokerError> {
        let mut heads = Vec::with_capacity(rooms.len());
        for some in rooms.chunks(AT_ONCE) {
            let live = self.link.live()?;
            let mut pipe = redis::pipe();
            for room in some {
                pipe.cmd("EVALSHA").arg(scripts::STATUS.get_hash());
                let keys = self.keys.log(room);
                pipe.arg(keys.len()).arg(&keys);
                pipe.arg(&live.server)
                    .arg(self.keys.channel(room))
                    .arg(whole_ms(self.settings.room_ttl));
            }
            let answers: Vec<(String, String, String)> = live.pipe(Ask::Read, &pipe).await?;
            for (head, _, _) in answers {
                heads.push(parse(&head)?);
            }
        }
        Ok(heads)
    }

    async fn read_after(
        &self,
        room: &RoomName,
        after: Position,
        limit: usize,
    ) -> Result<Page, BrokerError> {
        // Redis refuses an open end at the last position there can be, after
        // which nothing comes anyway.
        let limit = if is_reachable(after) { limit } else { 0 };
        self.page(room, "after", after.to_string(), limit).await
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page, BrokerError> {
        let limit = if before == Some(Position::ZERO) {
            0
        } else {
            limit
        };
        let before = before.filter(|before| is_reachable(*before));
        let position = before.map_or_else(String::new, |before| before.to_string());
        let mut page = self.page(room, "before", position, limit).await?;
        page.entries.reverse();
        Ok(page)
    }

    async fn open(&self, room: &RoomName, title: &str) -> Result<bool, BrokerError> {
        if *room == RoomName::lobby() || room.is_private() {
            return Ok(false);
        }
        let live = self.link.live()?;
        let mut script = self.on_log(&scripts::OPEN, room, &live);
        let at: String = live.run(Ask::Write, script.arg(title)).await?;
        let at = parse(&at)?;
        if at > 0 {
            // Another instance may have closed it, and its line is gone then.
            self.listed.remove(room);
            self.list(room, at).await;
        }
        Ok(at > 0)
    }

    async fn close(&self, room: &RoomName) -> Result<bool, BrokerError> {
        if *room == RoomName::lobby() || room.is_control() {
            return Ok(false);
        }
        let live = self.link.live()?;
        let mut script = self.on_log(&scripts::CLOSE, room, &live);
        let closed: bool = live
            .run(Ask::Write, script.arg(self.settings.history))
            .await?;
        self.listed.remove(room);
        let mut unlist = redis::cmd("ZREM");
        unlist.arg(self.keys.directory()).arg(room.as_str());
        // A line that stays is left out when the directory is read.
        let _ = live.command::<u64>(Ask::Write, &unlist).await;
        Ok(closed)
    }
}

/// Whether a room can ever come to this position.
fn is_reachable(position: Position) -> bool {
    i64::try_from(position.epoch).is_ok()
}

pub(super) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, BrokerError> {
    text.parse()
        .map_err(|_| BrokerError::Unexpected(format!("{text:?} where a number belongs")))
}

/// A script on a room's log, with what they all take.
pub(super) fn on_log<'a>(
    script: &'a redis::Script,
    keys: &Keys,
    settings: &BrokerSettings,
    room: &RoomName,
    live: &Live,
) -> ScriptInvocation<'a> {
    let mut call = script.prepare_invoke();
    for key in keys.log(room) {
        call.key(key);
    }
    call.arg(&live.server)
        .arg(keys.channel(room))
        .arg(whole_ms(settings.room_ttl));
    call
}

impl RedisBroker {
    pub(super) fn on_log<'a>(
        &self,
        script: &'a redis::Script,
        room: &RoomName,
        live: &Live,
    ) -> ScriptInvocation<'a> {
        on_log(script, &self.keys, &self.settings, room, live)
    }

    async fn page(
        &self,
        room: &RoomName,
        direction: &str,
        position: String,
        limit: usize,
    ) -> Result<Page, BrokerError> {
        let live = self.link.live()?;
        let mut script = self.on_log(&scripts::READ, room, &live);
        script
            .arg(direction)
            .arg(position)
            .arg(limit)
            .arg(PAGE_BYTES);
        let (head, found, more, looks): Found = live.run(Ask::Read, &script).await?;
        let mut entries = found
            .into_iter()
            .map(entry)
            .collect::<Result<Vec<_>, BrokerError>>()?;
        for (entry, look) in entries.iter_mut().zip(looks) {
            // A line of another form is one of a later release.
            if let Some(look) = look.and_then(|line| Look::parse(&line)) {
                look.show(entry);
            }
        }
        Ok(Page {
            entries,
            head: parse(&head)?,
            more,
        })
    }

    /// Writes a room's line in the directory, at most once a minute. A private
    /// room has none; its people are kept for as long as its log is.
    async fn list(&self, room: &RoomName, at: u64) {
        let fresh = |listed: &Instant| listed.elapsed() < super::LIST_EVERY;
        if room.is_control() || self.listed.get(room).is_some_and(|listed| fresh(&listed)) {
            return;
        }
        self.listed.insert(room.clone(), Instant::now());
        if room.is_private() {
            if !self.keep_people(room).await {
                self.listed.remove(room);
            }
            return;
        }
        let key = self.keys.directory();
        let last = -1 - isize::try_from(self.settings.directory).unwrap_or(isize::MAX - 1);
        let mut pipe = redis::pipe();
        pipe.cmd("ZADD")
            .arg(&key)
            .arg("GT")
            .arg(at)
            .arg(room.as_str());
        pipe.cmd("ZREMRANGEBYRANK").arg(&key).arg(0).arg(last);
        pipe.cmd("PEXPIRE")
            .arg(&key)
            .arg(whole_ms(self.settings.room_ttl));
        let written = match self.link.live() {
            Ok(live) => live.pipe::<Value>(Ask::Write, &pipe).await.is_ok(),
            Err(_) => false,
        };
        if !written {
            self.listed.remove(room);
        }
    }
}

/// An entry as Redis hands it over.
type Stored = (String, Vec<Vec<u8>>);

/// A part of a log as Redis hands it over: the head, entries, whether there is
/// more, and how the entries look now, if any of the room changed.
type Found = (String, Vec<Stored>, bool, Vec<Option<String>>);

fn entry((position, fields): Stored) -> Result<Entry, BrokerError> {
    let mut kind = String::new();
    let (mut at, mut prev, mut inside) = (0, None, Bytes::new());
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match name.as_slice() {
            b"k" => kind = String::from_utf8_lossy(&value).into_owned(),
            b"a" => at = parse(&String::from_utf8_lossy(&value))?,
            b"p" => prev = String::from_utf8_lossy(&value).parse().ok(),
            b"f" => inside = Bytes::from(value),
            // A newer release may say more of an entry.
            _ => {}
        }
    }
    Ok(Entry {
        position: parse(&position)?,
        at,
        kind: Kind::parse(&kind, prev),
        fields: Fields::stored(inside),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_what_the_scripts_write_and_passes_over_the_rest() {
        let fields = ["k", "epoch", "a", "77", "p", "4-2", "f", "", "new", "x"];
        let stored = (
            "5-0".to_owned(),
            fields.map(|f| f.as_bytes().to_vec()).to_vec(),
        );
        let read = entry(stored).unwrap();
        assert_eq!(
            (read.position, read.at, read.kind),
            (
                Position::new(5, 0),
                77,
                Kind::Epoch {
                    prev: Position::new(4, 2)
                }
            )
        );
        assert!(entry(("x".to_owned(), Vec::new())).is_err());
    }
}
