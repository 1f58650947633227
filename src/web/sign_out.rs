//! Signing out. What counts is that the session ends; that its sockets close and
//! its name is free is made good for a while when the broker is away, whether
//! the browser waits for it or not: who asks again has no session any more.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::json;
use tower_sessions::Session;

use crate::{
    app::App,
    broker::{BrokerError, Draft, insist::insist},
    chat::connection::Pass,
    protocol::{
        entry::{Fields, Kind},
        name::{RoomName, UserName},
        user::User,
    },
    session::SessionError,
};

use super::{error::ApiError, origin};

/// How long the answer waits for all to be told.
const PATIENCE: Duration = Duration::from_secs(2);

/// `DELETE`: signs out, everywhere this session is open.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
    request: Request<Body>,
) -> Result<StatusCode, ApiError> {
    let (parts, _) = request.into_parts();
    origin::check(&parts, &app.config)?;
    let Some(caller) = app.pass_by_session(&session).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    // A browser that hangs up drops this request, and not these tasks.
    let all = Arc::clone(&app);
    let ending = app.shutdown.spawn(async move {
        all.sessions.sign_out(&session).await?;
        let app = Arc::clone(&all);
        Ok(all.shutdown.spawn_until_stopped(async move {
            let telling = || tell_all(Arc::clone(&app), caller.clone());
            insist("somebody signed out", telling).await;
        }))
    });
    let ended = ending.await.unwrap_or(Err(SessionError));
    let _ = tokio::time::timeout(PATIENCE, ended?).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells everybody whom it concerns that somebody has signed out.
async fn tell_all(app: Arc<App>, caller: Pass) -> Result<(), BrokerError> {
    end_session(&app, &caller.session, false).await?;
    release_name(&app, &caller.user).await
}

/// Tells all instances that a session is over, so that its sockets close, and
/// whether its user comes back under another one, so that nobody sees them leave.
pub(super) async fn end_session(
    app: &App,
    session: &str,
    returns: bool,
) -> Result<(), BrokerError> {
    let draft = Draft {
        kind: Kind::SignedOut,
        fields: Fields::of(&json!({"session": session, "returns": returns})),
        key: None,
        may_create: true,
    };
    app.hub.broker.append(&RoomName::control(), draft).await?;
    Ok(())
}

/// Frees the name that somebody held. One that is not released is free when its
/// time is over.
pub(super) async fn release_name(app: &App, user: &User) -> Result<(), BrokerError> {
    match user.name.parse::<UserName>() {
        Ok(name) => {
            let broker = &app.hub.broker;
            broker.release_name(&name.skeleton(), &user.id).await
        }
        Err(_) => Ok(()),
    }
}
