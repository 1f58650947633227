//! `POST /api/v1/frames`: what a client that polls has to say.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    broker::{Departure, Poller, Seat},
    chat::{
        connection::{Connection, Pass},
        hub::Hub,
        refusal::Refusal,
    },
    protocol::{client_frame::ClientFrame, code::ErrorCode, name::RoomName},
};

use super::{Held, client::known_poller, raw};

/// The most frames one request carries.
const FRAMES: usize = 100;
/// The most bytes of replies in one answer; one reply more may go beyond it.
const REPLIES_BYTES: usize = 256 * 1024;

/// The body of `POST /api/v1/frames`.
#[derive(Debug, Deserialize)]
pub struct FramesRequest {
    connection: Option<String>,
    frames: Vec<Value>,
}

/// The answer to a request that carries frames.
#[derive(Debug, Serialize)]
pub struct FramesAnswer {
    frames: Vec<Box<RawValue>>,
}

/// Answers `POST /api/v1/frames`: one reply per frame, in order.
pub async fn frames(
    hub: &Arc<Hub>,
    pass: Pass,
    request: FramesRequest,
) -> Result<FramesAnswer, Refusal> {
    if request.frames.len() > FRAMES {
        let message = format!("one request carries at most {FRAMES} frames");
        return Err(Refusal::new(ErrorCode::BadField, message));
    }
    let known = known_poller(hub, &pass, request.connection.as_deref()).await?;
    let rooms = known.as_ref().map(|poller| poller.rooms.clone());
    let held = Held(Arc::new(Connection::for_request(hub, pass, rooms)));
    let mut client = request.connection.zip(known);
    let mut replies = Vec::with_capacity(request.frames.len());
    let mut bytes = 0;
    for value in request.frames {
        let reply = match ClientFrame::from_value(value) {
            Ok((id, _)) if bytes > REPLIES_BYTES => {
                let message = "the answer is full; ask this again in another request";
                Refusal::later(ErrorCode::RateLimited, message, 1)
                    .frame(id)
                    .text()
            }
            Ok((id, frame)) => {
                let change = room_change(&frame);
                let reply = held.0.answer(id, frame).await;
                if let (Some(change), Some((name, poller))) = (change, &mut client) {
                    change_seat(hub, name, poller, change, &held.0).await;
                }
                reply
            }
            Err(bad) => {
                let id = bad.id.clone();
                Refusal::from(bad).frame(id).text()
            }
        };
        bytes += reply.len();
        replies.push(reply);
    }
    Ok(FramesAnswer {
        frames: raw(replies),
    })
}

enum RoomChange {
    Joined(RoomName),
    Left(RoomName),
}

fn room_change(frame: &ClientFrame) -> Option<RoomChange> {
    match frame {
        ClientFrame::Join { room, .. } => Some(RoomChange::Joined(room.clone())),
        ClientFrame::Leave { room } => Some(RoomChange::Left(room.clone())),
        // Of a room that is open to everybody, it is refused.
        ClientFrame::Forget { room } if room.is_private() => Some(RoomChange::Left(room.clone())),
        _ => None,
    }
}

/// A polling client joined or left by a frame: its next poll says the same, and
/// until then this does.
async fn change_seat(
    hub: &Hub,
    name: &str,
    poller: &mut Poller,
    change: RoomChange,
    connection: &Connection,
) {
    let seat = Seat::Poll(name.into());
    match change {
        RoomChange::Joined(room) if connection.is_in(&room) => {
            if !poller.rooms.contains(&room) {
                poller.rooms.push(room.clone());
            }
            // If a later poll was here, it has said what it wants.
            if let Ok(true) = hub.broker.keep_poller(name, poller).await {
                let _ = hub.broker.enter(&room, &poller.user, &seat).await;
            }
        }
        RoomChange::Joined(_) => {}
        RoomChange::Left(room) => {
            poller.rooms.retain(|held| *held != room);
            connection.forget_polled(&room);
            let _ = hub.broker.keep_poller(name, poller).await;
            hub.broker
                .leave(&room, &poller.user, &seat, Departure::Now)
                .await;
        }
    }
}
