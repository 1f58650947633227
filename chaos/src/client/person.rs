//! Somebody with a browser: an address to go to, and a cookie or a token.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};
use hubbub::client::{Door, handshake, text};
use reqwest::{Response, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::client::Request;

/// Longer than any run.
const TOKEN_TTL: Duration = Duration::from_secs(4 * 3600);
/// A poll is held for at most 10 s by us.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);

/// A person who is known to the server.
#[derive(Clone)]
pub(crate) struct Person {
    /// Where they go, without a slash at the end.
    pub(crate) base: String,
    /// Their id.
    pub(crate) id: String,
    pass: Pass,
    http: reqwest::Client,
}

#[derive(Clone)]
enum Pass {
    Token(String),
    Cookies(Arc<Mutex<BTreeMap<String, String>>>),
}

impl Person {
    /// Signs somebody in, as the page does.
    pub(crate) async fn sign_in(base: &str, name: &str) -> anyhow::Result<Self> {
        let mut person = Self {
            base: base.to_owned(),
            id: String::new(),
            pass: Pass::Cookies(Arc::default()),
            http: browser()?,
        };
        let answer = person.post("/api/v1/session", &json!({"name": name})).await;
        let (status, body) = answer.context("signing in")?;
        if status != 201 {
            bail!("signing in as {name}: {status} {body}");
        }
        text(&body["user"]["id"]).clone_into(&mut person.id);
        Ok(person)
    }

    /// Somebody with a token, known without asking the server.
    pub(crate) fn with_token(
        base: &str,
        secret: &SecretString,
        name: &str,
    ) -> anyhow::Result<Self> {
        let id = format!("t-{name}");
        let name = name.parse().map_err(|_| anyhow::anyhow!("a bad name"))?;
        let token = hubbub::session::token::mint(secret, &name, TOKEN_TTL, &id)?;
        Ok(Self {
            base: base.to_owned(),
            id,
            pass: Pass::Token(token),
            http: browser()?,
        })
    }

    fn cookies(&self) -> Option<String> {
        let Pass::Cookies(jar) = &self.pass else {
            return None;
        };
        let jar = jar.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<_> = jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Some(pairs.join("; "))
    }

    /// Posts JSON and returns the status and the answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> reqwest::Result<(u16, Value)> {
        let mut request = self
            .http
            .post(format!("{}{path}", self.base))
            .header(header::ORIGIN, &self.base)
            .json(body);
        match &self.pass {
            Pass::Token(token) => request = request.bearer_auth(token),
            Pass::Cookies(_) => {
                if let Some(cookies) = self.cookies().filter(|all| !all.is_empty()) {
                    request = request.header(header::COOKIE, cookies);
                }
            }
        }
        let response = request.send().await?;
        self.keep_cookies(&response);
        let status = response.status().as_u16();
        // What is no JSON came from no instance; the status says it all.
        Ok((status, response.json().await.unwrap_or_default()))
    }

    fn keep_cookies(&self, response: &Response) {
        let Pass::Cookies(jar) = &self.pass else {
            return;
        };
        let mut jar = jar.lock().unwrap_or_else(PoisonError::into_inner);
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap_or_default();
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Door for Person {
    fn request(&self) -> Option<Request> {
        let url = format!("{}/ws", self.base.replacen("http", "ws", 1));
        match &self.pass {
            Pass::Token(token) => handshake(&self.base, &format!("{url}?token={token}"), None),
            Pass::Cookies(_) => handshake(&self.base, &url, self.cookies().as_deref()),
        }
    }
}

fn browser() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().timeout(REQUEST_LIMIT).no_proxy();
    Ok(builder.build()?)
}
