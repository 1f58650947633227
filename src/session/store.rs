//! The one door to wherever sessions are kept: every call ends in time, and
//! the log says once that the store is away and once that it is back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// The longest that a request waits for a store in this process.
const LIMIT: Duration = Duration::from_millis(1_500);

/// A session store that always answers, if only with an error.
#[derive(Debug)]
pub(super) struct Store {
    inner: Box<dyn SessionStore>,
    is_away: AtomicBool,
    /// The longest that a request waits for the store.
    limit: Duration,
    /// Keep the store's links alive; they end with it.
    _watchers: JoinSet<()>,
}

impl Store {
    pub(super) fn new(inner: impl SessionStore) -> Self {
        Self {
            inner: Box::new(inner),
            is_away: AtomicBool::new(false),
            limit: LIMIT,
            _watchers: JoinSet::new(),
        }
    }

    /// A store whose links are kept alive by tasks, and whose commands take no
    /// longer than `patience`.
    pub(super) fn watched(
        inner: impl SessionStore,
        watchers: JoinSet<()>,
        patience: Duration,
    ) -> Self {
        Self {
            inner: Box::new(inner),
            is_away: AtomicBool::new(false),
            // A little more than what the Redis client itself allows, which
            // says more precisely what happened.
            limit: patience.mul_f64(1.5),
            _watchers: watchers,
        }
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let result = match tokio::time::timeout(self.limit, call).await {
            Ok(result) => result,
            Err(_) => Err(Error::Backend("no answer in time".to_owned())),
        };
        match &result {
            Ok(_) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the session store is back");
                }
            }
            // What cannot be read is no session of ours: the store is not away.
            Err(Error::Decode(error) | Error::Encode(error)) => {
                tracing::warn!(error, "a session could not be read or written");
            }
            Err(Error::Backend(error)) => {
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        error,
                        "the session store does not answer: nobody can sign in until it is back"
                    );
                }
            }
        }
        result
    }
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.in_time(self.inner.create(record)).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.in_time(self.inner.save(record)).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        match self.in_time(self.inner.load(id)).await {
            // An entry of a release that nobody speaks any more, or somebody
            // else's: whoever holds it signs in again.
            Err(Error::Decode(_)) => Ok(None),
            result => result,
        }
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.in_time(self.inner.delete(id)).await
    }
}
