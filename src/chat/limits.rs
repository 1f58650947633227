//! How much one user may do, and what `hello` says about it.

mod invitations;

pub use invitations::InvitePace;

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock, QuantaInstant},
};
use rand::Rng as _;

use crate::{
    broker::RoomState,
    protocol::{code::ErrorCode, name::RoomName, server_frame::HelloLimits},
    telemetry,
};

use super::refusal::Refusal;

/// The clock of all measures. Making one asks the processor what it is, which
/// in a virtual machine costs as much as answering a handshake.
static CLOCK: LazyLock<DefaultClock> = LazyLock::new(DefaultClock::default);

/// What is said to whoever does anything too often.
const TOO_FAST: &str = "you are faster than anybody reads";
/// What many may come of at once, and few after that, comes back over so many
/// times the time of the sends.
const MUCH_SLOWER: u32 = 60;
/// All of a measure comes back within that time, whatever the settings say:
/// measures count in nanoseconds, and these are to fit.
const LONGEST: Duration = Duration::from_secs(30 * 366 * 24 * 3_600);

/// What the chat is told about its work.
#[derive(Clone, Debug)]
pub struct ChatSettings {
    /// Names the build of the browser app.
    pub build: Arc<str>,
    /// Names this instance.
    pub instance: Arc<str>,
    /// After how much own silence the server pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// The most bytes of one client frame.
    pub frame_bytes: usize,
    /// The most characters of one text.
    pub text_chars: usize,
    /// The most UTF-8 bytes of one text.
    pub text_bytes: usize,
    /// The most rooms per connection.
    pub rooms_per_connection: usize,
    /// The most connections per user on this instance.
    pub connections_per_user: usize,
    /// The most connections on this instance.
    pub connections: usize,
    /// The most sends …
    pub sends: u32,
    /// … in this time, per user.
    pub per: Duration,
    /// The most sends in a second to one room, through this instance.
    pub room_sends: u32,
    /// The most bytes of room frames that wait for one client.
    pub outbox_bytes: usize,
    /// Whether a join creates an absent room.
    pub joins_create: bool,
    /// How long a room without followers stays subscribed.
    pub linger: Duration,
}

impl ChatSettings {
    /// What `hello` says.
    pub fn hello_limits(&self) -> HelloLimits {
        HelloLimits {
            frame_bytes: self.frame_bytes,
            text_chars: self.text_chars,
            text_bytes: self.text_bytes,
            rooms: self.rooms_per_connection,
            sends: self.sends,
            per_ms: u64::try_from(self.per.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Checks whether a room may be followed.
    pub fn check_room(&self, room: &RoomName, state: RoomState) -> Result<(), Refusal> {
        let allowed = match state {
            RoomState::Open => true,
            RoomState::Absent => self.joins_create && !room.is_private(),
            RoomState::Closed => false,
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::no_such_room(room))
        }
    }

    /// Checks what somebody wants to say.
    pub fn check_text(&self, text: &str) -> Result<(), Refusal> {
        if text.trim().is_empty() {
            return Err(Refusal::new(ErrorCode::BadField, "`text` says nothing"));
        }
        if text.len() > self.text_bytes || text.chars().count() > self.text_chars {
            return Err(Refusal::new(
                ErrorCode::TextTooLong,
                format!(
                    "a text has at most {} characters and {} bytes",
                    self.text_chars, self.text_bytes
                ),
            ));
        }
        Ok(())
    }
}

/// Counts the sends of each user, and those to each room.
pub struct SendPace {
    users: DefaultKeyedRateLimiter<Arc<str>>,
    rooms: DefaultKeyedRateLimiter<RoomName>,
}

impl SendPace {
    /// As many sends in that time as the settings say.
    pub fn new(settings: &ChatSettings) -> Self {
        Self::with(settings.sends, settings.per, settings.room_sends)
    }

    fn with(sends: u32, per: Duration, room_sends: u32) -> Self {
        let user = NonZeroU32::new(sends).unwrap_or(NonZeroU32::MIN);
        let room = NonZeroU32::new(room_sends).unwrap_or(NonZeroU32::MIN);
        Self {
            users: RateLimiter::keyed(quota(user, per)),
            rooms: RateLimiter::keyed(quota(room, Duration::from_secs(1))),
        }
    }

    /// Takes one send of this user to this room, or says when to try again.
    pub fn check(&self, user_id: &Arc<str>, room: &RoomName) -> Result<(), Refusal> {
        self.check_user(user_id)?;
        self.rooms
            .check_key(room)
            .map_err(|wait| too_fast(wait, "this room is busier than anybody reads"))
    }

    /// Takes what counts as a send of this user to no room in particular.
    pub fn check_user(&self, user_id: &Arc<str>) -> Result<(), Refusal> {
        self.users
            .check_key(user_id)
            .map_err(|wait| too_fast(wait, TOO_FAST))
    }

    /// Forgets users and rooms that were quiet lately.
    pub fn tidy(&self) {
        self.users.retain_recent();
        self.users.shrink_to_fit();
        self.rooms.retain_recent();
        self.rooms.shrink_to_fit();
    }
}

/// Counts the frames of one connection, so that no frame of any type comes
/// faster than people and honest programs need.
pub struct FramePace(DefaultDirectRateLimiter);

impl FramePace {
    /// A measure for one connection.
    pub fn new(settings: &ChatSettings) -> Self {
        Self(RateLimiter::direct_with_clock(
            frames_quota(settings),
            CLOCK.clone(),
        ))
    }

    /// Takes one frame, or says when to try again.
    pub fn check(&self) -> Result<(), Refusal> {
        self.0.check().map_err(|wait| too_fast(wait, TOO_FAST))
    }
}

/// Counts the requests of each user, and the frames in them.
pub struct RequestPace {
    users: DefaultKeyedRateLimiter<Arc<str>>,
    too_fast: &'static str,
}

impl RequestPace {
    /// For each user, as many searches as there may be sends.
    pub fn of_searches(settings: &ChatSettings) -> Self {
        let searches = NonZeroU32::new(settings.sends).unwrap_or(NonZeroU32::MIN);
        Self::with(quota(searches, settings.per), TOO_FAST)
    }

    /// Ten looks back for each send there may be: faster than anybody scrolls.
    pub fn of_looks_back(settings: &ChatSettings) -> Self {
        let looks = NonZeroU32::new(settings.sends.saturating_mul(10)).unwrap_or(NonZeroU32::MIN);
        Self::with(quota(looks, settings.per), TOO_FAST)
    }

    /// Five edits and reactions at once for each send there may be, and then few:
    /// an hour of toggling is hardly seen by anybody, but each is an entry that
    /// pushes an old one out of the room's log.
    pub fn of_changes(settings: &ChatSettings) -> Self {
        let changes = NonZeroU32::new(settings.sends.saturating_mul(5)).unwrap_or(NonZeroU32::MIN);
        let per = settings.per.saturating_mul(MUCH_SLOWER);
        let too_fast = "you edit and react more than anybody follows";
        Self::with(quota(changes, per), too_fast)
    }

    /// As much as one socket may say.
    pub fn new(settings: &ChatSettings) -> Self {
        Self::with(frames_quota(settings), TOO_FAST)
    }

    fn with(quota: Quota, too_fast: &'static str) -> Self {
        Self {
            users: RateLimiter::keyed(quota),
            too_fast,
        }
    }

    /// Takes one request or frame of this user, or says when to try again.
    pub fn check(&self, user_id: &Arc<str>) -> Result<(), Refusal> {
        self.users
            .check_key(user_id)
            .map_err(|wait| too_fast(wait, self.too_fast))
    }

    /// Forgets users who were quiet lately.
    pub fn tidy(&self) {
        self.users.retain_recent();
        self.users.shrink_to_fit();
    }
}

/// Counts the sign-ins of each address, so that nobody takes all the names.
pub struct SignInPace {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    checks: AtomicU32,
}

/// So many seconds' worth of sign-ins may come at once.
const SIGN_IN_BURST: u32 = 5;
/// After so many sign-ins, addresses that were quiet lately are forgotten.
const SIGN_INS_PER_TIDYING: u32 = 1_024;
/// Over how much time those who share an address are told to come back, in
/// milliseconds.
const SIGN_IN_SPREAD_MS: u64 = 1_000;

impl SignInPace {
    /// So many a second from one address; 0 = any number.
    pub fn new(per_second: u32) -> Self {
        let burst = NonZeroU32::new(per_second.saturating_mul(SIGN_IN_BURST));
        let per = Duration::from_secs(SIGN_IN_BURST.into());
        Self {
            addresses: burst.map(|burst| RateLimiter::keyed(quota(burst, per))),
            checks: AtomicU32::new(0),
        }
    }

    /// Takes one sign-in from this address, or says when to try again. Whoever
    /// is on this very machine may do as they like.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let Some(addresses) = self.addresses.as_ref().filter(|_| !address.is_loopback()) else {
            return Ok(());
        };
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        if checks % SIGN_INS_PER_TIDYING == SIGN_INS_PER_TIDYING - 1 {
            addresses.retain_recent();
            addresses.shrink_to_fit();
        }
        addresses.check_key(&household(address)).map_err(|wait| {
            telemetry::rate_limited();
            let spread = rand::rng().random_range(0..=SIGN_IN_SPREAD_MS);
            let wait_ms = wait_ms(&wait) + spread;
            let seconds = wait_ms.div_ceil(1_000);
            Refusal::after(
                ErrorCode::RateLimited,
                format!("too many sign in from your address at once; try again in {seconds} s"),
                wait_ms,
            )
        })
    }
}

/// What counts as one address: a household has a whole /64 of IPv6.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Ten times the sends, plus what joining every room at once takes.
fn frames_quota(settings: &ChatSettings) -> Quota {
    let rooms = u32::try_from(settings.rooms_per_connection).unwrap_or(u32::MAX);
    let burst = settings
        .sends
        .saturating_mul(10)
        .saturating_add(rooms.saturating_mul(2));
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    quota(burst, settings.per)
}

fn quota(burst: NonZeroU32, per: Duration) -> Quota {
    let each = (per / burst.get()).max(Duration::from_nanos(1));
    Quota::with_period(each)
        .unwrap_or_else(|| Quota::per_second(burst))
        .allow_burst(burst)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the limiter's error, as `map_err` hands it over"
)]
fn too_fast(not_until: NotUntil<QuantaInstant>, what: &str) -> Refusal {
    too_fast_for(wait_ms(&not_until), what)
}

fn too_fast_for(wait_ms: u64, what: &str) -> Refusal {
    telemetry::rate_limited();
    Refusal::after(
        ErrorCode::RateLimited,
        format!("{what}; try again in {}", in_words(wait_ms)),
        wait_ms,
    )
}

/// A time as people say it; never less than it is.
fn in_words(wait_ms: u64) -> String {
    match wait_ms {
        ..1_000 => format!("{wait_ms} ms"),
        1_000..120_000 => format!("{} s", wait_ms.div_ceil(1_000)),
        _ => format!("{} min", wait_ms.div_ceil(60_000)),
    }
}

fn wait_ms(not_until: &NotUntil<QuantaInstant>) -> u64 {
    let wait = not_until.wait_time_from(CLOCK.now());
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::user::User;

    pub(super) fn settings(sends: u32, per_ms: u64) -> ChatSettings {
        ChatSettings {
            build: "test".into(),
            instance: "test".into(),
            heartbeat_ms: 1_000,
            frame_bytes: 32_768,
            text_chars: 4_000,
            text_bytes: 16_000,
            rooms_per_connection: 100_000,
            connections_per_user: 100,
            connections: 1_000,
            sends,
            per: Duration::from_millis(per_ms),
            room_sends: sends,
            outbox_bytes: 1 << 20,
            joins_create: true,
            linger: Duration::ZERO,
        }
    }

    #[test]
    fn every_measure_holds_for_all_settings_that_are_allowed() {
        let (ada, ben) = (User::new("u1", "Ada"), User::new("u2", "Ben"));
        for sends in [1, 2, 3, 20, 10_000, 1_000_000_000] {
            for per_ms in [1, 10_000, 86_400_000] {
                let settings = settings(sends, per_ms);
                let lobby = RoomName::lobby();
                SendPace::new(&settings).check(&ada.id, &lobby).unwrap();
                FramePace::new(&settings).check().unwrap();
                for pace in [
                    RequestPace::new(&settings),
                    RequestPace::of_searches(&settings),
                    RequestPace::of_looks_back(&settings),
                    RequestPace::of_changes(&settings),
                ] {
                    pace.check(&ada.id).unwrap();
                }
                let invites = InvitePace::new(&settings);
                invites.take(&ada, std::slice::from_ref(&ben)).unwrap();
                if sends <= 3 && per_ms > 1 {
                    let refused = invites.check_one(&ada, &ben).unwrap_err();
                    let wait = u128::from(refused.retry_after_ms.unwrap());
                    let per = u128::from(per_ms) * 60;
                    assert!(
                        (per / 2..=per).contains(&wait),
                        "{sends} in {per_ms}: {wait}"
                    );
                }
            }
        }
        // Nobody gets so many days' worth of it that the years do not suffice.
        let invites = InvitePace::new(&settings(10_000, 86_400_000));
        let taken = (0..10_000).take_while(|_| invites.check_one(&ada, &ben).is_ok());
        assert!((100..500).contains(&taken.count()));
    }

    #[test]
    fn an_address_signs_in_so_often_and_the_machine_itself_as_it_likes() {
        let pace = SignInPace::new(2);
        let at = |text: &str| pace.check(text.parse().unwrap());
        for _ in 0..10 {
            at("203.0.113.7").unwrap();
        }
        let refused = at("203.0.113.7").unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!((1..=1_500).contains(&refused.retry_after_ms.unwrap()));
        at("203.0.113.8").unwrap();
        for _ in 0..100 {
            at("127.0.0.1").unwrap();
            at("::1").unwrap();
        }
        for host in 0..10 {
            at(&format!("2001:db8::{host}")).unwrap();
        }
        assert!(at("2001:db8::ffff").is_err(), "of the same /64");
        at("2001:db8:0:1::1").unwrap();
        let pace = SignInPace::new(0);
        for _ in 0..1_000 {
            pace.check("203.0.113.7".parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn a_user_and_a_room_each_have_their_own_measure() {
        let pace = SendPace::with(2, Duration::from_secs(10), 3);
        let room = RoomName::lobby();
        let user = |id: &str| Arc::<str>::from(id);
        assert!(pace.check(&user("ada"), &room).is_ok());
        assert!(pace.check(&user("ada"), &room).is_ok());
        let refused = pace.check(&user("ada"), &room).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!(refused.retry_after_ms.is_some_and(|wait| wait <= 5_000));
        assert!(pace.check(&user("ben"), &room).is_ok());
        let refused = pace.check(&user("ben"), &room).unwrap_err();
        assert!(refused.message.contains("room"), "{refused}");
        let other: RoomName = "other".parse().unwrap();
        assert!(pace.check(&user("cleo"), &other).is_ok());
    }
}
