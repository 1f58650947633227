//! What every request can reach.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use dashmap::DashMap;
use secrecy::SecretString;
use tower_sessions::Session;

use crate::{
    broker::Health,
    chat::{
        connection::{Lease, Pass, TokenPass, VerifyToken},
        hub::Hub,
        limits::SignInPace,
        refusal::Refusal,
    },
    config::Config,
    protocol::{code::ErrorCode, name::UserName, user::User},
    session::{SessionError, SessionKey, Sessions, token},
    shutdown::{Phase, Shutdown},
};

/// A name is held anew only once this part of its time has passed, so that a
/// reconnect and a poll cost the broker nothing for it.
const HOLD_PART: u32 = 20;
/// For so long at most: the broker may lose what it holds.
const HELD_UNSEEN: Duration = Duration::from_secs(30);
/// Of how many names at most it is remembered when they were held.
const MOST_NAMES: usize = 50_000;

/// What every request can reach.
pub struct App {
    /// Rooms and connections.
    pub hub: Arc<Hub>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// The settings in force.
    pub config: Arc<Config>,
    /// When everything is to end.
    pub shutdown: Shutdown,
    /// When the instance started.
    pub started: Instant,
    /// How often one address signs in.
    pub sign_ins: SignInPace,
    was_ready: AtomicBool,
    /// When a name was last held for a user, by this instance.
    names: DashMap<Arc<str>, Instant>,
    /// Reads connect tokens, if this server takes any.
    verify: Option<Arc<VerifyToken>>,
}

/// Looks after the session of a connection that stays open.
struct SessionWatch {
    app: Arc<App>,
    key: SessionKey,
    user: User,
}

/// Whether the instance takes traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// No probe through the broker has come back yet.
    Starting,
    /// It does, whatever the broker does.
    Ready,
    /// It does not want any more.
    Draining,
}

impl App {
    /// Joins the pieces.
    pub fn new(hub: Arc<Hub>, sessions: Sessions, config: Arc<Config>, shutdown: Shutdown) -> Self {
        let verify = config.token.secret.clone().map(|secret| {
            let verify: Arc<VerifyToken> = Arc::new(move |text| verify(&secret, text));
            verify
        });
        Self {
            sign_ins: SignInPace::new(config.limits.sign_ins),
            hub,
            sessions,
            config,
            shutdown,
            verify,
            started: Instant::now(),
            was_ready: AtomicBool::new(false),
            names: DashMap::new(),
        }
    }

    /// Whether the instance takes traffic. Once it was ready, an outage of the
    /// broker does not make it unready: that would be all instances at once,
    /// and the balancer would cut every socket.
    pub fn readiness(&self) -> Readiness {
        if !self.is_accepting() {
            return Readiness::Draining;
        }
        if self.hub.broker.health() == Health::Up && self.hub.hears_control() {
            self.was_ready.store(true, Ordering::Relaxed);
        }
        if self.was_ready.load(Ordering::Relaxed) {
            Readiness::Ready
        } else {
            Readiness::Starting
        }
    }

    /// Whether new work is taken.
    pub fn is_accepting(&self) -> bool {
        self.hub.is_accepting() && self.shutdown.phase() == Phase::Accepting
    }

    /// Who holds this token.
    pub fn pass_by_token(&self, text: &str) -> Result<Pass, Refusal> {
        let verify = self.verify.as_ref().ok_or_else(|| {
            Refusal::new(ErrorCode::NoSession, "this server takes no connect tokens")
        })?;
        let (user, exp) = verify(text)?;
        let token = TokenPass {
            expires: Arc::new(AtomicU64::new(exp)),
            verify: Arc::clone(verify),
        };
        Ok(Pass {
            session: format!("token:{}", user.id).into(),
            user,
            token: Some(token),
            lease: None,
        })
    }

    /// Who holds this session; `None` if nobody is signed in.
    pub async fn pass_by_session(
        self: &Arc<Self>,
        session: &Session,
    ) -> Result<Option<Pass>, Refusal> {
        let Some(user) = self.sessions.current(session).await? else {
            return Ok(None);
        };
        let Some(key) = self.sessions.key(session).await? else {
            return Ok(None);
        };
        Ok(Some(Pass {
            session: key.digest().into(),
            user: user.clone(),
            token: None,
            lease: Some(Arc::new(SessionWatch {
                app: Arc::clone(self),
                key,
                user,
            })),
        }))
    }

    /// Holds the name of a user who is here, for a while longer. Returns false
    /// if somebody else took it in the meantime. A broker that does not answer
    /// takes nobody's name away.
    pub async fn hold_name(&self, user: &User) -> bool {
        let Ok(name) = user.name.parse::<UserName>() else {
            return true;
        };
        let (name, hold) = (name.skeleton(), self.config.session.name_hold);
        let age = self.names.get(&user.id).map(|since| since.elapsed());
        if age.is_some_and(|age| age < (hold / HOLD_PART).min(HELD_UNSEEN)) {
            return true;
        }
        let claimed = self.hub.broker.claim_name(&name, &user.id, hold).await;
        if claimed == Ok(true) {
            if self.names.len() >= MOST_NAMES {
                // They are held all the same; only the memory of it is gone.
                self.names.clear();
            }
            self.names.insert(Arc::clone(&user.id), Instant::now());
        }
        claimed.unwrap_or(true)
    }
}

#[async_trait]
impl Lease for SessionWatch {
    async fn is_alive(&self) -> bool {
        let lives = self.app.sessions.check(&self.key).await;
        lives.unwrap_or(true) && self.app.hold_name(&self.user).await
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        Self::later(error.code(), error.to_string(), 1_000)
    }
}

fn verify(secret: &SecretString, text: &str) -> Result<(User, u64), Refusal> {
    let now = SystemTime::now();
    let (user, end) = token::verify(secret, text, now)
        .map_err(|error| Refusal::new(ErrorCode::NoSession, error.to_string()))?;
    let end = end
        .duration_since(UNIX_EPOCH)
        .map_or(0, |end| end.as_secs());
    Ok((user, end))
}
