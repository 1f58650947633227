//! Sessions in this process, for an instance that runs without Redis.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::Result,
};

/// How often a new session sweeps out those that are over.
const SWEEP_EVERY: Duration = Duration::minutes(1);

/// Keeps sessions until they are over. It behaves as the Redis store does:
/// saving changes a session that exists and never brings one back.
#[derive(Debug)]
pub(super) struct MemoryStore(Mutex<Records>);

#[derive(Debug)]
struct Records {
    by_id: HashMap<Id, Record>,
    swept: OffsetDateTime,
}

impl MemoryStore {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Records {
            by_id: HashMap::new(),
            swept: OffsetDateTime::now_utc(),
        }))
    }

    /// How many sessions there are, those included that are over.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records().by_id.len()
    }

    /// No change of the map can panic half-way, so a poisoned lock is sound.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let now = OffsetDateTime::now_utc();
        let mut records = self.records();
        if now - records.swept >= SWEEP_EVERY {
            records.swept = now;
            records.by_id.retain(|_, record| record.expiry_date > now);
            records.by_id.shrink_to_fit();
        }
        while records.by_id.contains_key(&record.id) {
            record.id = Id::default();
        }
        records.by_id.insert(record.id, record.clone());
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        if let Entry::Occupied(mut entry) = self.records().by_id.entry(record.id) {
            entry.insert(record.clone());
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = OffsetDateTime::now_utc();
        let records = self.records();
        let record = records.by_id.get(id);
        Ok(record.filter(|record| record.expiry_date > now).cloned())
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.records().by_id.remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(lives: Duration) -> Record {
        Record {
            id: Id::default(),
            data: HashMap::new(),
            expiry_date: OffsetDateTime::now_utc() + lives,
        }
    }

    #[tokio::test]
    async fn a_deleted_session_is_not_brought_back_by_saving_it() {
        let store = MemoryStore::new();
        let mut record = record(Duration::HOUR);
        store.create(&mut record).await.unwrap();
        store.delete(&record.id).await.unwrap();
        store.save(&record).await.unwrap();
        assert_eq!(store.load(&record.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_session_that_is_over_is_not_found_and_later_swept_out() {
        let store = MemoryStore::new();
        let mut over = record(-Duration::SECOND);
        store.create(&mut over).await.unwrap();
        assert_eq!(store.load(&over.id).await.unwrap(), None);

        store.records().swept -= SWEEP_EVERY;
        store.create(&mut record(Duration::HOUR)).await.unwrap();
        assert_eq!(store.len(), 1);
    }

    #[tokio::test]
    async fn two_sessions_never_share_an_id() {
        let store = MemoryStore::new();
        let mut first = record(Duration::HOUR);
        store.create(&mut first).await.unwrap();
        let mut second = first.clone();
        store.create(&mut second).await.unwrap();
        assert_ne!(first.id, second.id);
    }
}
