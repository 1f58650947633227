//! The directory of rooms, the names in use and the clients that poll, in
//! Redis.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisBroker, link::Ask, scripts};
use crate::{
    broker::{BrokerError, Poller, Registry, RoomSummary, clock::whole_ms},
    protocol::name::RoomName,
};

/// What is looked up of a room for its line: title, closed, head, and how many
/// are there.
type Line = ((Option<String>, Option<String>, Option<String>), u64);

#[async_trait]
impl Registry for RedisBroker {
    async fn rooms(&self, limit: usize) -> Result<Vec<RoomSummary>, BrokerError> {
        let limit = limit.min(self.settings.directory);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let live = self.link.live()?;
        let mut newest = redis::cmd("ZREVRANGE");
        newest.arg(self.keys.directory()).arg(0).arg(limit);
        let listed: Vec<String> = live.command(Ask::Read, &newest).await?;
        let lobby = RoomName::lobby();
        let mut names = vec![lobby.clone()];
        let others = listed.iter().filter_map(|name| name.parse().ok());
        // An earlier release may have listed what is the name of a private room now.
        names.extend(others.filter(|name: &RoomName| *name != lobby && !name.is_private()));

        let mut pipe = redis::pipe();
        for name in &names {
            let [meta, ..] = self.keys.log(name);
            let [users, ..] = self.keys.roster(name);
            pipe.cmd("HMGET")
                .arg(meta)
                .arg(&["title", "closed", "head"]);
            pipe.cmd("HLEN").arg(users);
        }
        let answers: Vec<redis::Value> = live.pipe(Ask::Read, &pipe).await?;
        let mut rooms = Vec::with_capacity(limit);
        for (name, line) in names.into_iter().zip(answers.chunks(2)) {
            let ((title, closed, head), count): Line =
                redis::from_redis_value(redis::Value::Array(line.to_vec()))
                    .map_err(|error| BrokerError::Unexpected(error.to_string()))?;
            let exists = title.is_some() || head.is_some();
            if name == lobby || (exists && closed.is_none()) {
                rooms.push(RoomSummary {
                    name,
                    title: title.unwrap_or_default(),
                    count,
                });
            }
        }
        rooms.truncate(limit);
        Ok(rooms)
    }

    async fn claim_name(
        &self,
        skeleton: &str,
        user_id: &str,
        hold: Duration,
    ) -> Result<bool, BrokerError> {
        let live = self.link.live()?;
        let mut script = scripts::CLAIM.key(self.keys.name(skeleton));
        script.arg(user_id).arg(whole_ms(hold).max(1));
        live.run(Ask::Write, &script).await
    }

    async fn release_name(&self, skeleton: &str, user_id: &str) -> Result<(), BrokerError> {
        let live = self.link.live()?;
        let mut script = scripts::UNCLAIM.key(self.keys.name(skeleton));
        live.run(Ask::Write, script.arg(user_id)).await
    }

    async fn keep_poller(&self, connection: &str, poller: &Poller) -> Result<bool, BrokerError> {
        let text = serde_json::to_string(poller)
            .map_err(|error| BrokerError::Unexpected(error.to_string()))?;
        let period = self.settings.poll_deadline + self.settings.grace;
        let mut keep = scripts::KEEP.key(self.keys.poller(connection));
        keep.arg(poller.turn).arg(text).arg(whole_ms(period).max(1));
        self.link.live()?.run(Ask::Write, &keep).await
    }

    async fn poller(&self, connection: &str) -> Result<Option<Poller>, BrokerError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys.poller(connection));
        let text: Option<String> = self.link.live()?.command(Ask::Read, &get).await?;
        let Some(text) = text else {
            return Ok(None);
        };
        let (_turn, poller) = text.split_once(' ').unwrap_or_default();
        // What another release wrote in another form is nobody we know: the
        // client gets a fresh name, and everything goes on.
        Ok(serde_json::from_str(poller).ok())
    }
}
