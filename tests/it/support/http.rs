//! A browser's HTTP side: a person, their cookies, and requests.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, Response, header};
use serde_json::{Value, json};

use super::{cluster::LOOSE_HOST, until::PATIENCE};

/// Somebody with a browser.
#[derive(Clone)]
pub(crate) struct Person {
    /// Where they go, without a slash at the end.
    pub(crate) base: String,
    pub(crate) id: String,
    pub(crate) name: String,
    jar: Arc<Mutex<BTreeMap<String, String>>>,
    sticky: bool,
    /// In place of a session, for who comes by a connect token.
    pub(crate) token: Option<String>,
    http: reqwest::Client,
}

impl Person {
    /// Opens a browser and does not sign in.
    pub(crate) fn stranger(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(40))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without options that can fail");
        Self {
            base: base.to_owned(),
            id: String::new(),
            name: String::new(),
            jar: Arc::default(),
            sticky: !base.contains(LOOSE_HOST),
            token: None,
            http,
        }
    }

    /// Opens a browser and signs in under a name that nobody else has, later if
    /// the server says so.
    pub(crate) async fn sign_in(base: &str, name: &str) -> Self {
        let mut person = Self::stranger(base);
        let started = Instant::now();
        loop {
            // Another one each time: the one before may be held.
            let name = format!("{name} {}", unique());
            let (status, answer) = person.try_sign_in(&name).await;
            if status == 201 {
                return person;
            }
            let later = answer["error"]["retry_after_ms"].as_u64();
            let is_busy = matches!(status, 503 | 504) && started.elapsed() < PATIENCE;
            assert!(is_busy, "sign-in: {status} {answer}");
            tokio::time::sleep(Duration::from_millis(later.unwrap_or(100))).await;
        }
    }

    /// Somebody who comes by a connect token. Who that is, `hello` says.
    pub(crate) fn with_token(base: &str, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..Self::stranger(base)
        }
    }

    /// Signs in under exactly this name.
    pub(crate) async fn try_sign_in(&mut self, name: &str) -> (u16, Value) {
        let (status, body) = self.post("/api/v1/session", &json!({"name": name})).await;
        if status == 201 {
            self.id = text(&body["user"]["id"]);
            self.name = text(&body["user"]["name"]);
        }
        (status, body)
    }

    /// The same person, whose browser never sends the balancer's cookie.
    pub(crate) fn without_sticky_cookie(mut self) -> Self {
        self.sticky = false;
        self
    }

    /// The same person and session, on another address.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// What the browser sends as cookies.
    pub(crate) fn cookies(&self) -> String {
        let jar = self.jar.lock().expect("no test panics with the jar");
        jar.iter()
            .filter(|(name, _)| self.sticky || *name != "SRV")
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let jar = self.jar.lock().expect("no test panics with the jar");
        jar.get(name).cloned()
    }

    /// Puts a cookie into the browser.
    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        let mut jar = self.jar.lock().expect("no test panics with the jar");
        jar.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path, None).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::POST, path, Some(body)).await).await
    }

    /// Posts with headers of one's own, and without cookies.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        read(request.send().await).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::DELETE, path, None).await).await
    }

    /// One request, with cookies and the origin that a page of this site has.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(header::ORIGIN, &self.base);
        let cookies = self.cookies();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        self.keep_cookies(&response);
        Ok(response)
    }

    fn keep_cookies(&self, response: &Response) {
        let mut jar = self.jar.lock().expect("no test panics with the jar");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap_or_default();
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if cookie.contains("Max-Age=0") || value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The status and the JSON body; status 0 if there was no answer.
async fn read(response: reqwest::Result<Response>) -> (u16, Value) {
    match response {
        Ok(response) => {
            let status = response.status().as_u16();
            (status, response.json().await.unwrap_or(Value::Null))
        }
        Err(error) => (0, json!({"failed": error.to_string()})),
    }
}

/// A text out of JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A short text that no other test of this run, and no run before, used.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}

/// A room that no other test uses.
pub(crate) fn fresh_room(what: &str) -> String {
    format!("{what}-{}", unique())
}
