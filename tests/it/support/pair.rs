//! Two instances over one broker, of either kind.

use std::{sync::Arc, time::Duration};

use hubbub::{
    broker::{
        Broker, BrokerError, BrokerSettings, Health, embedded::EmbeddedBroker, redis::RedisBroker,
    },
    protocol::name::RoomName,
};

use super::{redis::RedisServer, until::until};

/// Two instances that share their rooms. The embedded broker serves only one,
/// which then stands on both sides.
pub(crate) struct Pair {
    pub(crate) one: Arc<dyn Broker>,
    pub(crate) other: Arc<dyn Broker>,
    pub(crate) server: Option<RedisServer>,
    /// Clears up after the two.
    _janitor: Option<Arc<RedisBroker>>,
}

/// A pair over the embedded broker.
pub(crate) fn embedded(settings: BrokerSettings) -> Pair {
    let broker = EmbeddedBroker::new(settings);
    Pair {
        one: broker.clone(),
        other: broker,
        server: None,
        _janitor: None,
    }
}

/// A pair over a Redis of its own. Neither of the two is ever taken for dead,
/// however long this machine stops; so a third one, which has nobody, clears up
/// as soon as the settings say.
pub(crate) async fn redis(settings: BrokerSettings) -> Pair {
    let server = RedisServer::start();
    let janitor = instance(&server, settings.clone()).await;
    let settings = BrokerSettings {
        lease: Duration::from_secs(600),
        ..settings
    };
    Pair {
        one: instance(&server, settings.clone()).await,
        other: instance(&server, settings).await,
        server: Some(server),
        _janitor: Some(janitor),
    }
}

/// An instance over a running Redis.
pub(crate) async fn instance(server: &RedisServer, settings: BrokerSettings) -> Arc<RedisBroker> {
    let broker = RedisBroker::connect(&server.url(), "test:", settings).unwrap();
    wait_until_up(&*broker).await;
    broker
}

/// Waits until a probe came back through the broker.
pub(crate) async fn wait_until_up(broker: &dyn Broker) {
    until("the broker is up", async || {
        (broker.health() == Health::Up).then_some(())
    })
    .await;
}

/// Waits until the broker has noticed that Redis is away.
pub(crate) async fn wait_until_away(broker: &dyn Broker) {
    until("the broker notices that Redis is away", async || {
        let status = broker.status(&RoomName::lobby()).await;
        (status == Err(BrokerError::Unavailable)).then_some(())
    })
    .await;
}
