//! From which address a request comes, also behind proxies that we trust.

use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};

use crate::config::HttpSettings;

/// The client's address. A proxy adds the address it was called from at the end
/// of `X-Forwarded-For`; only what a trusted one added is believed.
pub(super) fn client_address(parts: &Parts, settings: &HttpSettings) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
    let mut address = peer.to_canonical();
    let headers = parts.headers.get_all("x-forwarded-for");
    let named: Vec<&str> = headers
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for text in named.into_iter().rev() {
        if !settings.trusts(address) {
            break;
        }
        let Ok(caller) = text.trim().parse::<IpAddr>() else {
            break;
        };
        address = caller.to_canonical();
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use axum::http::Request;

    use super::*;
    use crate::config::{Config, Sources};

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let trusted = "HUBBUB__HTTP__TRUSTED_PROXIES".to_owned();
        let sources = Sources {
            environment: [(trusted, "127.0.0.1,10.0.0.0/8".to_owned())].into(),
            folder: PathBuf::from("/nonexistent"),
        };
        let (config, _) = Config::read_from(&sources).unwrap();
        let mut request = Request::new(());
        let peer = SocketAddr::new(peer.parse().unwrap(), 4_711);
        request.extensions_mut().insert(ConnectInfo(peer));
        for value in forwarded {
            let headers = request.headers_mut();
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let (parts, ()) = request.into_parts();
        client_address(&parts, &config.http).unwrap().to_string()
    }

    #[test]
    fn a_client_is_where_the_last_trusted_proxy_saw_it() {
        assert_eq!(address("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(address("::ffff:127.0.0.1", &["2001:db8::7"]), "2001:db8::7");
        let chain = ["198.51.100.1, 203.0.113.7", "10.0.0.5"];
        assert_eq!(address("127.0.0.1", &chain), "203.0.113.7");
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(address("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(address("127.0.0.1", &["198.51.100.1, x"]), "127.0.0.1");
        assert_eq!(address("10.0.0.5", &[]), "10.0.0.5");
    }
}
