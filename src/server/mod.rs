//! From settings to a running instance, and to its end.

mod drain;
mod held;
mod links;
mod listener;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    app::App,
    broker::{Broker, embedded::EmbeddedBroker, redis::RedisBroker},
    chat::{hub::Hub, limits::ChatSettings},
    config::{Config, RoomCreation, descriptors},
    session::Sessions,
    shutdown::Shutdown,
    transport::pulse,
    web::{self, admin::Controls, assets::Assets},
};

use self::drain::Ending;

/// How long a room without followers stays subscribed: longer than the pause
/// between two polls of a hidden tab.
const LINGER: Duration = Duration::from_secs(60);

/// Runs an instance until it is told to end.
pub async fn run(config: Config) -> anyhow::Result<()> {
    start(config, |broker| broker, |_| Router::new()).await
}

/// Runs an instance whose broker is wrapped in something. The chaos run plants
/// faults this way, to see that its checker finds them.
pub async fn run_with(
    config: Config,
    wrap: impl FnOnce(Arc<dyn Broker>) -> Arc<dyn Broker>,
) -> anyhow::Result<()> {
    start(config, wrap, |_| Router::new()).await
}

/// Runs an instance with public routes beside its own. The conformance run adds
/// one that echoes, so that the program itself needs none.
pub async fn run_with_routes(
    config: Config,
    routes: impl FnOnce(&Arc<App>) -> Router,
) -> anyhow::Result<()> {
    start(config, |broker| broker, routes).await
}

async fn start(
    config: Config,
    wrap: impl FnOnce(Arc<dyn Broker>) -> Arc<dyn Broker>,
    routes: impl FnOnce(&Arc<App>) -> Router,
) -> anyhow::Result<()> {
    let descriptors = descriptors::raise_limit();
    for (key, least) in config.weak_secrets() {
        tracing::warn!(
            "{key} is shorter than {least} characters: somebody may guess it; \
             `openssl rand -hex 32` makes a good one"
        );
    }
    let config = Arc::new(config);
    let assets = Arc::new(Assets::embedded()?);
    let shutdown = Shutdown::new();
    let listener = bind(config.http.listen, "http.listen")?;
    let broker = wrap(connect(&config)?);
    let settings = chat_settings(&config, &assets, descriptors);
    let hub = Hub::start(broker, settings, &shutdown);
    let sessions = Sessions::open(&config)?;
    let app = Arc::new(App::new(
        hub,
        sessions,
        Arc::clone(&config),
        shutdown.clone(),
    ));

    let (ending, asked) = watch::channel(Ending::None);
    drain::watch_signals(ending.clone(), config.redis.url.is_some())?;
    let public = web::router(&app, &assets).merge(routes(&app));
    let address = listener.local_addr()?;
    shutdown.spawn_until_stopped(listener::serve(listener, public, shutdown.clone()));
    if config.admin.key.is_some() {
        let listener = bind(config.admin.listen, "admin.listen")?;
        let admin_address = listener.local_addr()?;
        let admin = web::admin::router(&app, controls(&ending));
        shutdown.spawn_until_stopped(listener::serve(listener, admin, shutdown.clone()));
        tracing::info!("operators: http://{admin_address}/api/v1/ (X-API-Key)");
    }
    announce(&config, address);
    watch_links(&app, ending);
    take_pulse(&app);
    drain::until_ended(&app, asked).await;
    Ok(())
}

fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    listener::listen(address).with_context(|| {
        format!(
            "cannot listen on {address}: end what listens there, or set {key} to another address"
        )
    })
}

fn connect(config: &Config) -> anyhow::Result<Arc<dyn Broker>> {
    let settings = config.broker_settings();
    Ok(match &config.redis.url {
        None => EmbeddedBroker::new(settings),
        Some(url) => RedisBroker::connect(url.expose(), &config.redis.prefix, settings)
            .with_context(|| format!("redis.url is {url}"))?,
    })
}

fn chat_settings(config: &Config, assets: &Assets, descriptors: u64) -> ChatSettings {
    let limits = &config.limits;
    ChatSettings {
        build: assets.build().into(),
        instance: config.instance.name.as_str().into(),
        heartbeat_ms: config.timing.heartbeat_ms,
        frame_bytes: limits.frame_bytes,
        text_chars: limits.text_chars,
        text_bytes: limits.text_bytes,
        rooms_per_connection: limits.rooms_per_connection,
        connections_per_user: limits.connections_per_user,
        connections: descriptors::connections(limits.connections, descriptors),
        sends: limits.sends,
        per: Duration::from_millis(limits.sends_per_ms),
        room_sends: limits.room_sends,
        outbox_bytes: limits.outbox_bytes,
        joins_create: config.rooms.create == RoomCreation::Any,
        linger: LINGER,
    }
}

fn controls(ending: &watch::Sender<Ending>) -> Controls {
    let (drain, shutdown) = (ending.clone(), ending.clone());
    Controls {
        drain: Arc::new(move || drain.send_modify(|ending| ending.raise(Ending::Drain))),
        shutdown: Arc::new(move || shutdown.send_modify(|ending| ending.raise(Ending::Now))),
    }
}

fn take_pulse(app: &Arc<App>) {
    let timing = &app.config.timing;
    let times = pulse::Times {
        heartbeat: Duration::from_millis(timing.heartbeat_ms),
        silence: Duration::from_millis(timing.silence_ms),
        stuck: timing.stuck_reader,
    };
    app.shutdown
        .spawn_until_stopped(pulse::take(Arc::clone(&app.hub), times));
}

/// Drains an instance that can do nothing for its clients.
fn watch_links(app: &Arc<App>, ending: watch::Sender<Ending>) {
    let watched = Arc::clone(app);
    app.shutdown.spawn_until_stopped(async move {
        links::until_broken(&watched).await;
        ending.send_modify(|ending| ending.raise(Ending::Drain));
    });
}

fn announce(config: &Config, address: std::net::SocketAddr) {
    let rooms = match &config.redis.url {
        None => "in this process (no redis.url is set)".to_owned(),
        Some(url) => format!("in Redis at {url}"),
    };
    tracing::info!(
        instance = %config.instance.name,
        "hubbub {} is at http://{address}/ and keeps its rooms {rooms}",
        env!("CARGO_PKG_VERSION"),
    );
}
