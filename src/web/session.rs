//! `/api/v1/session`: sign in, who am I; [signing out](super::sign_out) is apart.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rand::Rng as _;
use serde::Deserialize;
use serde_json::json;
use tower_sessions::Session;

use crate::{
    app::App,
    chat::connection::Pass,
    protocol::{
        code::ErrorCode,
        name::{UserName, UserNameError},
        user::User,
    },
    telemetry,
};

use super::{
    body, caller,
    caller::Route,
    client_address::client_address,
    error::ApiError,
    origin,
    sign_out::{end_session, release_name},
};

#[derive(Deserialize)]
struct SignIn {
    name: String,
}

/// `POST`: signs in under a name that nobody else uses now.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, rest) = request.into_parts();
    origin::check(&parts, &app.config)?;
    if let Some(address) = client_address(&parts, &app.config.http) {
        app.sign_ins.check(address)?;
    }
    let request = Request::from_parts(parts, rest);
    let wanted: SignIn = body::read_json(request, app.config.limits.frame_bytes).await?;
    let name: UserName = wanted
        .name
        .parse()
        .map_err(|error: UserNameError| ApiError::new(ErrorCode::BadName, error.to_string()))?;
    let before = app.pass_by_session(&session).await?;
    let user = User::new(fresh_id(), name.as_str());
    // The answer may never arrive; the first request holds the name for longer.
    let holds = &app.config.session;
    let hold = holds.first_hold.min(holds.name_hold);
    let broker = &app.hub.broker;
    // Whoever signs in again under the same name is still the same person, and
    // so is whoever has to take another one because theirs went to somebody
    // else: their rooms and messages are theirs.
    let user = match &before {
        Some(caller) if is_same_name(&caller.user, &name) || !app.hold_name(&caller.user).await => {
            User::new(Arc::clone(&caller.user.id), name.as_str())
        }
        _ => user,
    };
    if !broker.claim_name(&name.skeleton(), &user.id, hold).await? {
        return Err(ApiError::new(
            ErrorCode::NameTaken,
            format!(
                "somebody is called {} already; take another name",
                name.as_str()
            ),
        ));
    }
    let begun = begin_session(&app, &session, before.as_ref(), &user).await;
    if let Err(error) = begun {
        if before.is_none_or(|before| before.user.id != user.id) {
            let _ = release_name(&app, &user).await;
        }
        return Err(error);
    }
    app.hub.note_name(&user).await;
    telemetry::sign_in();
    Ok((StatusCode::CREATED, Json(json!({"user": user}))).into_response())
}

/// Ends what this browser was signed in to, and signs it in anew.
async fn begin_session(
    app: &App,
    session: &Session,
    before: Option<&Pass>,
    user: &User,
) -> Result<(), ApiError> {
    if let Some(before) = before {
        let returns = before.user.id == user.id;
        end_session(app, &before.session, returns).await?;
        if !returns {
            let _ = release_name(app, &before.user).await;
        }
    }
    Ok(app.sessions.sign_in(session, user).await?)
}

/// `GET`: who am I?
pub(super) async fn current(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Session>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let caller = caller::identify(&app, &parts, Route::Request).await?;
    if caller.lease.is_some() {
        if !app.hold_name(&caller.user).await {
            // The name went to somebody else while this session slept. It stays,
            // so that whoever takes another name is still who they were.
            return Err(ApiError::no_session());
        }
        app.hub.note_name(&caller.user).await;
        app.sessions.touch(&session).await?;
    }
    Ok(Json(json!({"user": caller.user})).into_response())
}

fn is_same_name(user: &User, name: &UserName) -> bool {
    let held = user.name.parse::<UserName>();
    held.is_ok_and(|held| held.skeleton() == name.skeleton())
}

/// 96 random bits: nobody can choose or guess another user's id.
fn fresh_id() -> String {
    format!("u{:024x}", rand::rng().random::<u128>() >> 32)
}
