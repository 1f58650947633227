//! Web origins: scheme, host and port, in the one form browsers send.

use std::{fmt, str::FromStr};

/// A web origin such as `https://chat.example.org`, in lower case and without
/// the port that its scheme implies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin as browsers write it in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// The text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected http:// or https:// and a host, without a path, such as https://chat.example.org"
)]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").ok_or(OriginError)?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(OriginError),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let (host, port) = split_port(authority).ok_or(OriginError)?;
        let host_is_plain = if let Some(address) = host.strip_prefix('[') {
            address
                .strip_suffix(']')
                .is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok())
        } else {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_')
        };
        if !host_is_plain || port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(OriginError);
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }
}

/// Splits host and port, minding the colons of an address in brackets.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let tail = authority.get(host_end..)?;
    Some(match tail.find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(host_end + colon);
            (host, port.get(1..))
        }
        None => (authority, None),
    })
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_form() {
        for (text, form) in [
            ("https://Chat.Example.org", "https://chat.example.org"),
            ("https://chat.example.org:443/", "https://chat.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), form);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://user@a",
            "https://a:b",
            "https://a:99999",
            "https://[::1",
            "*",
            "null",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text:?}");
        }
    }
}
