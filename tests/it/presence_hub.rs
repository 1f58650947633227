//! Who is shown as present by a hub that does not hear everything in time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hubbub::{
    broker::{
        BrokerSettings, Departure, Draft, Listener, Presence, Relay, RoomLog, Seat,
        embedded::EmbeddedBroker,
    },
    chat::{
        connection::{Connection, ConnectionKind, Lease, Pass},
        hub::Hub,
        limits::ChatSettings,
    },
    protocol::{
        entry::{Fields, Kind},
        name::RoomName,
        server_frame::Text,
        user::User,
    },
    shutdown::Shutdown,
    transport::long_poll,
};
use serde_json::{Value, json};

use crate::{
    hub::{heard, live, settings},
    support::{
        chat::{ada, bob, room},
        until::until,
    },
};

/// A hub in which Ada and Bob are in the den, Ada by a socket.
struct Scene {
    broker: Arc<EmbeddedBroker>,
    hub: Arc<Hub>,
    den: RoomName,
    connection: Arc<Connection>,
    shutdown: Shutdown,
}

/// Nobody is gone in the end because of some time that passes.
fn patient() -> BrokerSettings {
    BrokerSettings {
        grace: Duration::from_secs(3_600),
        poll_deadline: Duration::from_secs(3_600),
        ..BrokerSettings::default()
    }
}

async fn scene(settings: ChatSettings) -> Scene {
    let broker = EmbeddedBroker::new(patient());
    let den = room("den");
    // Ada is there already, on another instance: that she comes changes nothing.
    for (user, instance) in [(ada(), "c1"), (bob(), "c2")] {
        let seat = Seat::Poll(instance.into());
        broker.enter(&den, &user, &seat).await.unwrap();
    }
    let shutdown = Shutdown::new();
    let hub = Hub::start(Arc::clone(&broker) as _, settings, &shutdown);
    let connection = live(&hub);
    connection.join(&den, None).await.unwrap();
    heard(&connection);
    Scene {
        broker,
        hub,
        den,
        connection,
        shutdown,
    }
}

impl Scene {
    async fn bob_leaves(&self) {
        let seat = Seat::Poll("c2".into());
        let departure = Departure::Now;
        self.broker.leave(&self.den, &bob(), &seat, departure).await;
    }

    async fn presence(&self) -> Value {
        until("it is told who is here", async || {
            let mut frames = heard(&self.connection).into_iter();
            frames.find(|frame| frame["type"] == "presence")
        })
        .await
    }

    /// What makes everybody ask who is here who does not know it.
    async fn reminder(&self) -> Value {
        let now = self.broker.count(&self.den).await.unwrap();
        json!({
            "type": "presence", "room": "den", "prev": now.version, "version": now.version,
            "joined": [], "left": [], "count": now.count,
        })
    }
}

#[tokio::test]
async fn who_left_unheard_is_not_shown_for_good() {
    let scene = scene(settings()).await;
    scene.broker.unsubscribe(&scene.den).await;
    scene.bob_leaves().await;
    scene.broker.subscribe(&scene.den).await.unwrap();
    let told = scene.presence().await;
    assert_eq!(told, scene.reminder().await);
    scene.shutdown.finish(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn who_left_while_an_outbox_was_full_is_not_shown_for_good() {
    let mut settings = settings();
    settings.outbox_bytes = 1_000;
    let scene = scene(settings).await;
    let outbox = &scene.connection.outbox;
    outbox.push(Text::from("x".repeat(1_000)));
    scene.bob_leaves().await;
    let waiting = outbox.take().frames;
    assert_eq!(waiting.len(), 1, "there was no room for it: {waiting:?}");
    let told = scene.presence().await;
    assert_eq!(told, scene.reminder().await);
    scene.shutdown.finish(Duration::from_secs(5)).await;
}

/// A session that nobody ends but its owner.
struct Session;

#[async_trait]
impl Lease for Session {
    async fn is_alive(&self) -> bool {
        true
    }
}

impl Scene {
    /// A socket in the den, under a session.
    async fn comes(&self, user: User, session: &str) -> Arc<Connection> {
        let pass = Pass {
            user,
            session: session.into(),
            token: None,
            lease: Some(Arc::new(Session)),
        };
        let connection = Connection::open(&self.hub, pass, ConnectionKind::Live).unwrap();
        connection.join(&self.den, None).await.unwrap();
        connection
    }

    /// Another instance is told that a session is over.
    async fn sign_out(&self, session: &str, returns: bool) {
        let over = Draft {
            kind: Kind::SignedOut,
            fields: Fields::of(&json!({"session": session, "returns": returns})),
            key: None,
            may_create: true,
        };
        let control = RoomName::control();
        self.broker.append(&control, over).await.unwrap();
    }

    /// This instance hears nothing of that for a while.
    async fn is_cut_off(&self) {
        until("sign-outs are heard", async || {
            self.hub.hears_control().then_some(())
        })
        .await;
        self.broker.unsubscribe(&RoomName::control()).await;
    }

    async fn hears_again(&self) {
        self.broker.subscribe(&RoomName::control()).await.unwrap();
        self.hub.on_restored();
    }

    async fn comes_to(&self, names: &[&str]) {
        until("those are here who should", async || {
            let roster = self.broker.members(&self.den).await.unwrap();
            let here = roster.members.iter().map(|user| &*user.name);
            here.eq(names.iter().copied()).then_some(())
        })
        .await;
    }
}

/// The page closes its socket itself, which may be heard before its sign-out is.
#[tokio::test]
async fn who_signs_out_is_gone_also_where_the_socket_closed_before_that_was_heard() {
    let scene = scene(settings()).await;
    let user = |name: &str| User::new(name, name);
    scene.is_cut_off().await;
    let mut open = Vec::new();
    for (name, session) in [
        ("Gone", "gone"),
        ("Lost", "lost"),
        ("Moved", "moved"),
        ("Other", "other"),
    ] {
        open.push(scene.comes(user(name), session).await);
    }
    for connection in &open {
        connection.end().await;
    }
    // One of them is here again, under another session.
    let _back = scene.comes(user("Other"), "another").await;
    scene.sign_out("moved", true).await;
    scene.sign_out("other", false).await;
    scene.sign_out("gone", false).await;
    let bob = bob().name;
    scene
        .comes_to(&["Ada", &bob, "Gone", "Lost", "Moved", "Other"])
        .await;
    scene.hears_again().await;
    scene
        .comes_to(&["Ada", &bob, "Lost", "Moved", "Other"])
        .await;
    scene.shutdown.finish(Duration::from_secs(5)).await;
}

/// The page says goodbye by one poll, which may come to an instance that has not
/// heard of the sign-out yet, nor of any other.
#[tokio::test]
async fn who_signs_out_is_gone_with_a_poll_that_comes_before_that_was_heard() {
    let scene = scene(settings()).await;
    let (hub, shutdown) = (&scene.hub, &scene.shutdown);
    let mut goodbyes = Vec::new();
    for (name, session) in [("Gone", "gone"), ("Here", "here")] {
        let pass = Pass {
            user: User::new(name, name),
            session: session.into(),
            token: None,
            lease: Some(Arc::new(Session)),
        };
        let request = json!({"rooms": {"den": null}, "hold_ms": 0});
        let request = serde_json::from_value(request).unwrap();
        let longest = Duration::from_secs(10);
        let answer = long_poll::poll(hub, pass, request, longest, shutdown).await;
        let answer = serde_json::to_value(answer.unwrap()).unwrap();
        let connection = &answer["frames"][0]["connection"];
        goodbyes.push(json!({"connection": connection, "rooms": {}}));
    }
    let bob = bob().name;
    scene.comes_to(&["Ada", &bob, "Gone", "Here"]).await;
    scene.is_cut_off().await;
    scene.sign_out("gone", false).await;
    // A stranger gains nothing by the name of somebody who is still signed in.
    for goodbye in goodbyes.into_iter().rev() {
        let read = async { serde_json::from_value(goodbye).ok() };
        long_poll::see_off(hub, read, shutdown).await;
    }
    scene.comes_to(&["Ada", &bob, "Here"]).await;
    scene.shutdown.finish(Duration::from_secs(5)).await;
}
