//! Where a Redis is. The address may carry a password, so it is never printed
//! as it is.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

/// The address of a Redis server.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// The whole address, password included: for the client library only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The same server, one database further.
    #[must_use]
    pub fn next_database(&self) -> Self {
        let text = self.expose();
        let (base, query) = match text.split_once('?') {
            Some((base, query)) => (base, format!("?{query}")),
            None => (text, String::new()),
        };
        let authority = base.find("://").map_or(0, |at| at + 3);
        let (server, database) = match base.get(authority..).and_then(|rest| rest.find('/')) {
            Some(slash) => base.split_at(authority + slash),
            None => (base, ""),
        };
        let database: u32 = database.trim_matches('/').parse().unwrap_or(0);
        let next = database.saturating_add(1);
        Self(format!("{server}/{next}{query}").into())
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.expose()))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// The address without its password.
pub(super) fn redacted(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // Whatever it is, it is no address, and may be a password.
        return "***".to_owned();
    };
    // A password may hold a slash or an @ that nobody escaped: what lies before
    // the last @ is hidden as a whole.
    match rest.rsplit_once('@') {
        Some((credentials, server)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{server}"),
            None => format!("{scheme}://***@{server}"),
        },
        None => text.to_owned(),
    }
}

/// The text is no address of a Redis server. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// No scheme that we speak.
    #[error(
        "expected redis:// or rediss://, a host and a database, such as redis://127.0.0.1:6379/0"
    )]
    Scheme,
    /// No host.
    #[error("the address names no host")]
    Host,
    /// The path is no number.
    #[error(
        "the path of the address is the number of a database, such as /0; escape a / in the password as %2F"
    )]
    Database,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let rest = text
            .strip_prefix("redis://")
            .or_else(|| text.strip_prefix("rediss://"))
            .ok_or(RedisUrlError::Scheme)?;
        let rest = rest.split_once('?').map_or(rest, |(base, _)| base);
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        if host.is_empty() || host.starts_with(':') {
            return Err(RedisUrlError::Host);
        }
        if !database.is_empty() && database.parse::<u16>().is_err() {
            return Err(RedisUrlError::Database);
        }
        Ok(Self(text.to_owned().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let url: RedisUrl = "redis://ann:sesame@db:6379/2".parse().unwrap();
        assert_eq!(url.to_string(), "redis://ann:***@db:6379/2");
        assert!(!format!("{url:?}").contains("sesame"));
        assert_eq!(redacted("redis://:p@ss@db"), "redis://:***@db");
        assert_eq!(redacted("redis://token@db"), "redis://***@db");
        assert_eq!(redacted("sesame"), "***");
    }

    #[test]
    fn the_next_database_is_on_the_same_server() {
        for (text, next) in [
            ("redis://db:6379", "redis://db:6379/1"),
            ("redis://db:6379/", "redis://db:6379/1"),
            ("redis://:pw@db:6379/4", "redis://:pw@db:6379/5"),
            ("redis://db/0?protocol=resp3", "redis://db/1?protocol=resp3"),
        ] {
            assert_eq!(
                text.parse::<RedisUrl>().unwrap().next_database().expose(),
                next
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "db:6379",
            "http://db",
            "redis://",
            "redis://:6379",
            "redis://db/x",
        ] {
            assert!(text.parse::<RedisUrl>().is_err(), "{text:?}");
        }
    }
}
