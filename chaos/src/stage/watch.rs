//! Real browsers in a row: they come in before anything is broken, and are
//! looked at when everybody has caught up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Setup, Stage, logs};
use crate::{
    browser::{Seen, Watcher, judge},
    wait::until,
};

/// The room in which they sit; a third of the talkers talk there.
const ROOM: &str = "room-0";
/// More than a page shows.
const TAIL: usize = 500;
/// How long a page may take to draw what it has.
const DRAW_LIMIT: Duration = Duration::from_secs(10);

impl Stage {
    /// Lets two people with browsers in, if the row wants them.
    pub(super) async fn let_browsers_in(&mut self, setup: &Setup) -> anyhow::Result<()> {
        let Some(script) = &setup.watcher else {
            return Ok(());
        };
        let mut watcher = Watcher::enter(script, &self.url, ROOM).await?;
        let is_there = |room: &String| room == ROOM;
        let clients = self.clients.iter();
        let talkers = clients.filter(|client| client.mind().room_names().iter().any(is_there));
        watcher.begin(talkers.count() + watcher.people).await?;
        self.watcher = Some(watcher);
        Ok(())
    }

    /// Looks at what stands on the pages in the end and at what they showed on
    /// the way, and closes them.
    pub(super) async fn look_at_pages(&mut self) -> anyhow::Result<Option<Seen>> {
        let Some(mut watcher) = self.watcher.take() else {
            return Ok(None);
        };
        let log = logs::tail(self.store, ROOM, TAIL).await?;
        let mut pages = watcher.shown().await?;
        // Not an error of ours if it never comes to be so: it is counted below.
        let _ = until("the pages show the end", DRAW_LIMIT, async || {
            if let Ok(now) = watcher.shown().await {
                pages = now;
            }
            pages
                .iter()
                .all(|shown| crate::browser::is_end_of(shown, &log))
        })
        .await;
        let began = self.began_at();
        let mut seen = judge(&watcher.sightings(), began, &self.expect);
        for (page, shown) in pages.iter().enumerate() {
            seen.compare(page, shown, &log);
        }
        watcher.end().await?;
        Ok(Some(seen))
    }

    /// When the row began, in ms by the clock of the machine.
    fn began_at(&self) -> u64 {
        let began = SystemTime::now()
            .checked_sub(self.epoch.elapsed())
            .and_then(|began| began.duration_since(UNIX_EPOCH).ok());
        began.map_or(0, |began| {
            u64::try_from(began.as_millis()).unwrap_or(u64::MAX)
        })
    }
}
