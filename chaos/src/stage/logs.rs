//! The final logs, read from Redis itself: not through the program under test.

use std::net::SocketAddr;

use anyhow::Context as _;
use hubbub::{
    bench::check::{FinalEntry, FinalLogs, FinalRoom},
    client::text,
    protocol::position::Position,
};
use redis::streams::{StreamId, StreamRangeReply};
use serde_json::Value;

use crate::{
    client::mind::{digest_of, key_mark},
    fault::redis::connect,
};

const PAGE: usize = 1_000;

/// All that the logs of these rooms hold.
pub(super) async fn read(store: SocketAddr, rooms: &[String]) -> anyhow::Result<FinalLogs> {
    let mut logs = FinalLogs::default();
    for room in rooms {
        let log = read_room(store, room).await;
        logs.rooms
            .push(log.with_context(|| format!("reading the log of {room}"))?);
    }
    Ok(logs)
}

/// The last position of each room.
pub(super) async fn heads(store: SocketAddr, rooms: &[String]) -> anyhow::Result<Vec<Position>> {
    let mut connection = connect(store).await?;
    let mut heads = Vec::new();
    for room in rooms {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(key(room)).arg(&["+", "-", "COUNT", "1"]);
        let last: StreamRangeReply = command.query_async(&mut connection).await?;
        let head = last.ids.first().and_then(|entry| entry.id.parse().ok());
        heads.push(head.unwrap_or_default());
    }
    Ok(heads)
}

/// What the last entries of a room say, as far as they are messages.
pub(super) async fn tail(
    store: SocketAddr,
    room: &str,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let mut connection = connect(store).await?;
    let mut command = redis::cmd("XREVRANGE");
    command.arg(key(room)).arg(&["+", "-"]);
    command.arg("COUNT").arg(count);
    let last: StreamRangeReply = command.query_async(&mut connection).await?;
    let mut texts = Vec::new();
    for entry in last.ids.iter().rev() {
        texts.extend(frame(entry)?.map(|frame| text(&frame["text"]).to_owned()));
    }
    Ok(texts)
}

fn key(room: &str) -> String {
    format!("hubbub:1:{{{room}}}:log")
}

async fn read_room(store: SocketAddr, room: &str) -> anyhow::Result<FinalRoom> {
    let mut connection = connect(store).await?;
    let mut log = FinalRoom {
        name: room.to_owned(),
        ..FinalRoom::default()
    };
    let mut from = "-".to_owned();
    let mut is_first = true;
    loop {
        let mut command = redis::cmd("XRANGE");
        command.arg(key(room)).arg(&from).arg("+");
        command.arg("COUNT").arg(PAGE);
        let page: StreamRangeReply = command.query_async(&mut connection).await?;
        for entry in &page.ids {
            if std::mem::take(&mut is_first) {
                log.is_whole = field(entry, "p").as_deref() == Some("0-0");
            }
            log.entries.extend(message(entry)?);
        }
        match page.ids.last() {
            Some(last) if page.ids.len() == PAGE => from = format!("({}", last.id),
            _ => return Ok(log),
        }
    }
}

fn field(entry: &StreamId, name: &str) -> Option<String> {
    entry.get(name)
}

/// The frame of an entry, if it is a message.
fn frame(entry: &StreamId) -> anyhow::Result<Option<Value>> {
    if field(entry, "k").as_deref() != Some("message") {
        return Ok(None);
    }
    let fields = field(entry, "f").unwrap_or_default();
    let frame = serde_json::from_str(&format!("{{{fields}}}"));
    Ok(Some(
        frame.with_context(|| format!("{} is no message", entry.id))?,
    ))
}

fn message(entry: &StreamId) -> anyhow::Result<Option<FinalEntry>> {
    let Some(frame) = frame(entry)? else {
        return Ok(None);
    };
    Ok(Some(FinalEntry {
        position: entry.id.parse()?,
        key: key_mark(text(&frame["from"]["id"]), text(&frame["key"])),
        digest: digest_of(&frame),
    }))
}
