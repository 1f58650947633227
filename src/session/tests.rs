//! Sessions as a browser sees them, over the whole stack of layers.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower::ServiceExt;
use tower_sessions::{
    session::Record,
    session_store::{Error, Result as StoreResult},
};

use super::*;

const TTL: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A store that can be cut off.
#[derive(Clone, Debug)]
struct Cuttable {
    inner: Arc<MemoryStore>,
    reads: Arc<AtomicBool>,
    writes: Arc<AtomicBool>,
}

impl Cuttable {
    fn new() -> Self {
        Self {
            inner: Arc::new(MemoryStore::new()),
            reads: Arc::new(AtomicBool::new(true)),
            writes: Arc::new(AtomicBool::new(true)),
        }
    }

    fn set(&self, reads: bool, writes: bool) {
        self.reads.store(reads, Ordering::SeqCst);
        self.writes.store(writes, Ordering::SeqCst);
    }
}

fn pass(flag: &AtomicBool) -> StoreResult<()> {
    if flag.load(Ordering::SeqCst) {
        Ok(())
    } else {
        Err(Error::Backend("cut".to_owned()))
    }
}

#[async_trait::async_trait]
impl SessionStore for Cuttable {
    async fn create(&self, record: &mut Record) -> StoreResult<()> {
        pass(&self.writes)?;
        self.inner.create(record).await
    }

    async fn save(&self, record: &Record) -> StoreResult<()> {
        pass(&self.writes)?;
        self.inner.save(record).await
    }

    async fn load(&self, id: &Id) -> StoreResult<Option<Record>> {
        pass(&self.reads)?;
        self.inner.load(id).await
    }

    async fn delete(&self, id: &Id) -> StoreResult<()> {
        pass(&self.writes)?;
        self.inner.delete(id).await
    }
}

/// A server with sign-in, who-am-I and sign-out, and its store.
struct Site {
    store: Cuttable,
    sessions: Sessions,
    routes: Router,
}

impl Site {
    fn new() -> Self {
        Self::with(TTL, false)
    }

    fn with(ttl: Duration, is_secure: bool) -> Self {
        let store = Cuttable::new();
        let sessions = Sessions::with_store(Store::new(store.clone()), ttl, is_secure);
        let routes = Router::new()
            .route("/", get(|| async { "page" }))
            .route("/broken", post(broken))
            .route("/in/{name}", post(sign_in))
            .route("/me", get(me))
            .route("/out", post(sign_out))
            .with_state(sessions.clone());
        let routes = sessions.attach(routes);
        Self {
            store,
            sessions,
            routes,
        }
    }

    async fn ask(&self, method: &str, path: &str, cookie: Option<&str>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(Body::empty()).unwrap();
        self.routes.clone().oneshot(request).await.unwrap()
    }

    /// Signs in and returns the cookie as a browser sends it back.
    async fn sign_in(&self, name: &str, cookie: Option<&str>) -> String {
        let response = self.ask("POST", &format!("/in/{name}"), cookie).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let set = set_cookie(&response).unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    async fn status_of(&self, method: &str, path: &str, cookie: &str) -> StatusCode {
        self.ask(method, path, Some(cookie)).await.status()
    }

    async fn record(&self, cookie: &str) -> Option<Record> {
        self.store.inner.load(&id_of(cookie)).await.unwrap()
    }
}

async fn sign_in(
    State(sessions): State<Sessions>,
    session: Session,
    Path(name): Path<String>,
) -> Result<StatusCode, SessionError> {
    let user = User::new(format!("id-{name}"), name);
    sessions.sign_in(&session, &user).await?;
    Ok(StatusCode::CREATED)
}

async fn broken(State(sessions): State<Sessions>, session: Session) -> Response {
    let signed_in = sessions.sign_in(&session, &User::new("id", "name")).await;
    assert!(signed_in.is_ok());
    (StatusCode::INTERNAL_SERVER_ERROR, "a bug of ours").into_response()
}

async fn me(State(sessions): State<Sessions>, session: Session) -> Result<Response, SessionError> {
    sessions.touch(&session).await?;
    Ok(match sessions.current(&session).await? {
        Some(user) => user.name.to_string().into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    })
}

async fn sign_out(
    State(sessions): State<Sessions>,
    session: Session,
) -> Result<StatusCode, SessionError> {
    sessions.sign_out(&session).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn set_cookie(response: &Response) -> Option<String> {
    let value = response.headers().get(header::SET_COOKIE)?;
    Some(value.to_str().unwrap().to_owned())
}

fn id_of(cookie: &str) -> Id {
    cookie.split_once('=').unwrap().1.parse().unwrap()
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn nothing_is_stored_for_a_visitor() {
    let site = Site::new();
    let response = site.ask("GET", "/", None).await;
    assert_eq!(set_cookie(&response), None);
    assert_eq!(
        site.status_of("GET", "/me", "").await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(site.store.inner.len(), 0);
}

#[tokio::test]
async fn who_signed_in_is_known_until_they_sign_out() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    let response = site.ask("GET", "/me", Some(&cookie)).await;
    assert_eq!(body(response).await, "Ada");

    let response = site.ask("POST", "/out", Some(&cookie)).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let removal = set_cookie(&response).unwrap();
    assert!(removal.starts_with("hubbub_session=;"), "{removal}");
    assert!(
        removal.contains("Max-Age=0") && removal.contains("Path=/"),
        "{removal}"
    );
    let response = site.ask("GET", "/me", Some(&cookie)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    // A request that comes late must not cost the browser its next session.
    assert_eq!(set_cookie(&response), None);
    assert_eq!(site.store.inner.len(), 0);
}

#[tokio::test]
async fn the_cookie_is_for_the_browser_alone() {
    let site = Site::new();
    let set = set_cookie(&site.ask("POST", "/in/Ada", None).await).unwrap();
    assert!(set.starts_with("hubbub_session="), "{set}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("Domain"), "{set}");
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_the_host_and_can_be_taken_back() {
    let site = Site::with(TTL, true);
    let set = set_cookie(&site.ask("POST", "/in/Ada", None).await).unwrap();
    assert!(set.starts_with("__Host-hubbub_session="), "{set}");
    assert!(set.contains("Secure") && set.contains("Path=/"), "{set}");
    assert!(!set.contains("Domain"), "{set}");

    let cookie = set.split(';').next().unwrap();
    let removal = set_cookie(&site.ask("POST", "/out", Some(cookie)).await).unwrap();
    assert!(removal.starts_with("__Host-hubbub_session=;"), "{removal}");
    assert!(removal.contains("Secure"), "{removal}");
}

#[tokio::test]
async fn an_id_from_outside_is_never_taken_over() {
    let site = Site::new();
    let planted = format!("hubbub_session={}", Id::default());
    let cookie = site.sign_in("Ada", Some(&planted)).await;
    assert_ne!(cookie, planted);
    assert!(site.record(&planted).await.is_none());
    for nonsense in ["hubbub_session=x", "hubbub_session=", "hubbub_session"] {
        let status = site.status_of("GET", "/me", nonsense).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn signing_in_again_replaces_the_id_and_all_that_was_stored() {
    let site = Site::new();
    let first = site.sign_in("Ada", None).await;
    let second = site.sign_in("Ida", Some(&first)).await;
    assert_ne!(first, second);
    assert!(site.record(&first).await.is_none());
    let status = site.status_of("GET", "/me", &first).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let response = site.ask("GET", "/me", Some(&second)).await;
    assert_eq!(body(response).await, "Ida");
    assert_eq!(site.store.inner.len(), 1);
}

#[tokio::test]
async fn a_failed_request_signs_nobody_in() {
    let site = Site::new();
    let response = site.ask("POST", "/broken", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(set_cookie(&response), None);
    assert_eq!(body(response).await, "a bug of ours");
}

#[tokio::test]
async fn a_store_that_is_away_is_a_504_and_the_cookie_stays() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    site.store.set(false, false);
    for (method, path) in [("GET", "/me"), ("POST", "/in/Ada"), ("POST", "/out")] {
        let response = site.ask(method, path, Some(&cookie)).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT, "{path}");
        assert_eq!(set_cookie(&response), None, "{path}");
        assert!(body(response).await.contains("\"unavailable\""), "{path}");
    }
    assert_eq!(site.status_of("GET", "/", &cookie).await, StatusCode::OK);

    site.store.set(true, true);
    assert_eq!(site.status_of("GET", "/me", &cookie).await, StatusCode::OK);
}

#[tokio::test]
async fn a_session_that_cannot_be_written_is_a_504() {
    let site = Site::new();
    site.store.set(true, false);
    let response = site.ask("POST", "/in/Ada", None).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(set_cookie(&response), None);
    assert!(body(response).await.contains("\"unavailable\""));
}

#[tokio::test]
async fn a_sign_out_that_failed_can_be_repeated() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    site.store.set(true, false);
    let status = site.status_of("POST", "/out", &cookie).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    site.store.set(true, true);
    assert_eq!(site.status_of("GET", "/me", &cookie).await, StatusCode::OK);
    let status = site.status_of("POST", "/out", &cookie).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(site.record(&cookie).await.is_none());
}

#[tokio::test]
async fn a_request_under_way_does_not_undo_a_sign_out() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    // Another request of the same browser, stopped between reading the session
    // and writing it.
    let expiry = Expiry::OnInactivity(time_duration(TTL));
    let store = Arc::new(Shared(Arc::clone(&site.sessions.store)));
    let slow = Session::new(Some(id_of(&cookie)), store, Some(expiry));
    assert!(site.sessions.current(&slow).await.unwrap().is_some());
    slow.insert(TOUCHED, 0).await.unwrap();

    site.ask("POST", "/out", Some(&cookie)).await;
    slow.save().await.unwrap();
    assert!(site.record(&cookie).await.is_none());
    let status = site.status_of("GET", "/me", &cookie).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn using_a_session_puts_off_its_end_and_that_of_its_cookie() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    let fresh = site.ask("GET", "/me", Some(&cookie)).await;
    assert_eq!(
        set_cookie(&fresh),
        None,
        "a fresh session is not written again"
    );

    let mut record = site.record(&cookie).await.unwrap();
    record.data.insert(TOUCHED.to_owned(), 0.into());
    record.expiry_date = OffsetDateTime::now_utc() + time::Duration::HOUR;
    site.store.inner.save(&record).await.unwrap();
    let later = site.ask("GET", "/me", Some(&cookie)).await;
    assert!(set_cookie(&later).unwrap().starts_with(&cookie));
    let end = site.record(&cookie).await.unwrap().expiry_date;
    assert!(end > OffsetDateTime::now_utc() + time::Duration::days(6));
}

#[tokio::test]
async fn a_live_connection_keeps_its_session_alive_and_learns_of_its_end() {
    let site = Site::new();
    let cookie = site.sign_in("Ada", None).await;
    let key = SessionKey(id_of(&cookie));
    let mut record = site.record(&cookie).await.unwrap();
    record.expiry_date = OffsetDateTime::now_utc() + time::Duration::HOUR;
    site.store.inner.save(&record).await.unwrap();

    assert_eq!(site.sessions.check(&key).await, Ok(true));
    let end = site.record(&cookie).await.unwrap().expiry_date;
    assert!(end > OffsetDateTime::now_utc() + time::Duration::days(6));

    site.store.set(false, false);
    assert_eq!(site.sessions.check(&key).await, Err(SessionError));
    site.store.set(true, true);
    site.sessions.end(&key).await.unwrap();
    assert_eq!(site.sessions.check(&key).await, Ok(false));
    let status = site.status_of("GET", "/me", &cookie).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_digest_tells_sessions_apart_and_opens_none() {
    let (a, b) = (SessionKey(Id(1)), SessionKey(Id(2)));
    assert_eq!(a.digest(), a.clone().digest());
    assert_ne!(a.digest(), b.digest());
    assert_eq!(a.digest().len(), 64);
    assert!(!format!("{a:?}{}", a.digest()).contains(&Id(1).to_string()));
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up() {
    #[derive(Debug)]
    struct Silent;

    #[async_trait::async_trait]
    impl SessionStore for Silent {
        async fn save(&self, _: &Record) -> StoreResult<()> {
            std::future::pending().await
        }

        async fn load(&self, _: &Id) -> StoreResult<Option<Record>> {
            std::future::pending().await
        }

        async fn delete(&self, _: &Id) -> StoreResult<()> {
            std::future::pending().await
        }
    }

    let sessions = Sessions::with_store(Store::new(Silent), TTL, false);
    assert_eq!(sessions.check(&SessionKey(Id(1))).await, Err(SessionError));
}
