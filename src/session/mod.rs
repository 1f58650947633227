//! Who somebody is, from one request to the next: a session under a random id
//! that the server made, in a cookie that no script can read.
//!
//! * **A store that does not answer is not a missing session.** Whatever needs
//!   the store then fails with [`SessionError`], which is a 504, so that nobody
//!   is signed out by an outage.
//! * **A new id at each sign-in.** An id that somebody else planted or saw
//!   before is worth nothing afterwards.
//! * **Over is over.** Saving changes a session that exists and never brings
//!   one back, so a request that was under way while its user signed out
//!   changes nothing.

pub mod token;

mod cookie;
mod memory;
mod redis;
mod store;

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore, cookie::SameSite, session::Id,
};
use tower_sessions_redis_store::RedisStore;

use self::{memory::MemoryStore, store::Store};
use crate::{
    config::Config,
    protocol::{code::ErrorCode, user::User},
};

const USER: &str = "user";
const TOUCHED: &str = "touched";
/// A session's end is put off only once this part of its life has passed, so
/// that being online costs the store almost no writes.
const TOUCH_PART: u32 = 50;

/// The sessions of all users.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Arc<Store>,
    ttl: Duration,
    cookie_name: &'static str,
    is_secure: bool,
}

impl Sessions {
    /// Sessions as configured: in Redis, or in this process. A Redis that is
    /// away is no error; it is asked again until it answers. Needs a Tokio
    /// runtime.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let store = match &config.redis.session_url {
            Some(url) => {
                let (pool, watchers) =
                    redis::connect(url, config.redis.patience).map_err(|error| {
                        anyhow::anyhow!("sessions cannot be kept in {url}: {}", error.details())
                    })?;
                Store::watched(RedisStore::new(pool), watchers, config.redis.patience)
            }
            None => Store::new(MemoryStore::new()),
        };
        let public_url = config.http.public_url.as_ref();
        let is_secure = public_url.is_some_and(crate::config::origin::Origin::is_https);
        Ok(Self::with_store(store, config.session.ttl, is_secure))
    }

    fn with_store(store: Store, ttl: Duration, is_secure: bool) -> Self {
        Self {
            store: Arc::new(store),
            ttl,
            cookie_name: if is_secure {
                // The prefix makes browsers refuse the cookie from anybody but
                // this very host over TLS.
                "__Host-hubbub_session"
            } else {
                "hubbub_session"
            },
            is_secure,
        }
    }

    /// Gives the routes the [`Session`] extension. Nothing is loaded before a
    /// route asks, and nothing is stored before somebody signs in.
    pub fn attach(&self, router: Router) -> Router {
        let expiry = Expiry::OnInactivity(time_duration(self.ttl));
        let sessions = SessionManagerLayer::new(Shared(Arc::clone(&self.store)))
            .with_name(self.cookie_name)
            .with_http_only(true)
            .with_same_site(SameSite::Lax)
            .with_secure(self.is_secure)
            .with_path("/")
            .with_expiry(expiry);
        router
            .layer(middleware::from_fn(cookie::mark_answered))
            .layer(sessions)
            .layer(middleware::from_fn_with_state(self.clone(), cookie::finish))
    }

    /// Who this is; none = nobody has signed in.
    pub async fn current(&self, session: &Session) -> Result<Option<User>, SessionError> {
        match session.get::<User>(USER).await {
            Ok(user) => Ok(user),
            // An entry of another shape: whoever holds it signs in again.
            Err(tower_sessions::session::Error::SerdeJson(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes this the session of a user, under a new id. What was stored under
    /// the old one is gone. The session is written, and the cookie set, when
    /// the response leaves with any status below 500.
    pub async fn sign_in(&self, session: &Session, user: &User) -> Result<(), SessionError> {
        // Loading drops an id that the store does not know. One that it does
        // know is replaced here: emptying the session alone would keep it.
        session.get_value(USER).await?;
        if session.id().is_some() {
            session.cycle_id().await?;
            session.clear().await;
        }
        session.insert(USER, user).await?;
        session.insert(TOUCHED, now()).await?;
        Ok(())
    }

    /// Ends this session everywhere and takes the cookie back. Safe to repeat.
    pub async fn sign_out(&self, session: &Session) -> Result<(), SessionError> {
        if session.id().is_some() {
            session.flush().await?;
        }
        Ok(())
    }

    /// Puts off the end of this session and of its cookie, if it is time to.
    /// For requests that a browser makes by itself when somebody is there:
    /// opening the page, polling.
    pub async fn touch(&self, session: &Session) -> Result<(), SessionError> {
        let Some(touched) = session.get_value(TOUCHED).await? else {
            return Ok(());
        };
        let age = now().saturating_sub(touched.as_i64().unwrap_or(0));
        if u128::from(age.unsigned_abs()) * 1_000 >= self.touch_after().as_millis() {
            session.insert(TOUCHED, now()).await?;
        }
        Ok(())
    }

    /// What refers to this session for as long as a connection lives; none
    /// without a signed-in user, and in the very request that signs in, whose
    /// session gets its id when the response leaves.
    pub async fn key(&self, session: &Session) -> Result<Option<SessionKey>, SessionError> {
        let is_signed_in = session.get_value(USER).await?.is_some();
        Ok(session.id().filter(|_| is_signed_in).map(SessionKey))
    }

    /// Whether a session still lives; if so, puts off its end.
    pub async fn check(&self, key: &SessionKey) -> Result<bool, SessionError> {
        let Some(mut record) = self.store.load(&key.0).await? else {
            return Ok(false);
        };
        if !record.data.contains_key(USER) {
            return Ok(false);
        }
        let end = OffsetDateTime::now_utc().saturating_add(time_duration(self.ttl));
        if end - record.expiry_date >= time_duration(self.touch_after()) {
            record.expiry_date = end;
            self.store.save(&record).await?;
        }
        Ok(true)
    }

    /// Ends a session that is known by its key, as after a ban.
    pub async fn end(&self, key: &SessionKey) -> Result<(), SessionError> {
        Ok(self.store.delete(&key.0).await?)
    }

    /// The name of the session cookie.
    pub fn cookie_name(&self) -> &'static str {
        self.cookie_name
    }

    fn touch_after(&self) -> Duration {
        self.ttl / TOUCH_PART
    }
}

/// Refers to a session. It is as good as the cookie, so it can neither be
/// printed nor sent; [`SessionKey::digest`] can.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(Id);

impl SessionKey {
    /// A text that stands for the session without opening it: 64 hex digits.
    pub fn digest(&self) -> String {
        let hash = Sha256::digest(self.0.to_string());
        hash.iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// The session store did not answer. It says nothing about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store does not answer, try again in a moment")]
pub struct SessionError;

impl SessionError {
    /// The code under which clients hear of it.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::Unavailable
    }
}

impl From<tower_sessions::session::Error> for SessionError {
    fn from(_: tower_sessions::session::Error) -> Self {
        // The store has logged what it is.
        Self
    }
}

impl From<tower_sessions::session_store::Error> for SessionError {
    fn from(_: tower_sessions::session_store::Error) -> Self {
        Self
    }
}

/// The store, as tower-sessions wants to own it.
#[derive(Clone, Debug)]
struct Shared(Arc<Store>);

#[async_trait::async_trait]
impl SessionStore for Shared {
    async fn create(
        &self,
        record: &mut tower_sessions::session::Record,
    ) -> tower_sessions::session_store::Result<()> {
        self.0.create(record).await
    }

    async fn save(
        &self,
        record: &tower_sessions::session::Record,
    ) -> tower_sessions::session_store::Result<()> {
        self.0.save(record).await
    }

    async fn load(
        &self,
        id: &Id,
    ) -> tower_sessions::session_store::Result<Option<tower_sessions::session::Record>> {
        self.0.load(id).await
    }

    async fn delete(&self, id: &Id) -> tower_sessions::session_store::Result<()> {
        self.0.delete(id).await
    }
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn time_duration(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

#[cfg(test)]
mod tests;
