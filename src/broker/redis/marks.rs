//! How far everybody has read, in Redis.

use async_trait::async_trait;

use super::{RedisBroker, link::Ask, log::parse, scripts};
use crate::{
    broker::{
        BrokerError, Marks, RosterHead,
        clock::whole_ms,
        people::{MARKS, MARKS_KEPT},
    },
    protocol::{name::RoomName, position::Position},
};

#[async_trait]
impl Marks for RedisBroker {
    async fn mark_read(
        &self,
        room: &RoomName,
        user_id: &str,
        position: Position,
    ) -> Result<bool, BrokerError> {
        let live = self.link.live()?;
        let mut script = scripts::MARK.key(self.keys.marks(user_id));
        script
            .arg(room.as_str())
            .arg(position.to_string())
            .arg(MARKS)
            .arg(whole_ms(MARKS_KEPT));
        live.run(Ask::Write, &script).await
    }

    async fn read_mark(&self, room: &RoomName, user_id: &str) -> Result<Position, BrokerError> {
        let mut ask = redis::cmd("HGET");
        ask.arg(self.keys.marks(user_id)).arg(room.as_str());
        let mark: Option<String> = self.link.live()?.command(Ask::Read, &ask).await?;
        read(mark.as_deref())
    }

    async fn arrival(
        &self,
        room: &RoomName,
        user_id: &str,
    ) -> Result<(RosterHead, Position), BrokerError> {
        let [users, .., version] = self.keys.roster(room);
        let mut pipe = redis::pipe();
        pipe.cmd("EVALSHA")
            .arg(scripts::MEMBERS.get_hash())
            .arg(2)
            .arg(users)
            .arg(version)
            .arg(0);
        pipe.cmd("HGET")
            .arg(self.keys.marks(user_id))
            .arg(room.as_str());
        let ((version, count, _), mark): ((u64, u64, Vec<String>), Option<String>) =
            self.link.live()?.pipe(Ask::Read, &pipe).await?;
        let head = RosterHead { version, count };
        Ok((head, read(mark.as_deref())?))
    }
}

/// A mark is a position and when it was set.
fn read(mark: Option<&str>) -> Result<Position, BrokerError> {
    let position = mark.and_then(|mark| mark.split(' ').next());
    position.map_or(Ok(Position::ZERO), parse)
}
