//! What the process tells about itself: log lines, metrics, its load. No line
//! contains a token, a cookie or a query string.

pub mod count;
pub mod load;

mod metrics;

use std::{env, io, io::IsTerminal};

use anyhow::{Context, bail};
use axum::http::Request;
use tracing::{Span, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, LogSettings};

pub use self::count::*;

/// Libraries that would log an error for each request while a store is away
/// (we say it once), or commands with session ids in them. Directives of the
/// operator for the same target win.
const QUIET: &str = "tower_sessions=off,tower_sessions_core=off,fred=off";

/// Starts the log, on standard error. Call it once.
pub fn start_log(settings: &LogSettings) -> anyhow::Result<()> {
    let (source, filter) = match env::var("RUST_LOG") {
        Ok(filter) if !filter.trim().is_empty() => ("RUST_LOG", filter),
        _ => ("log.filter", settings.filter.clone()),
    };
    let filter = parse_filter(&filter).with_context(|| format!("{source} is {filter:?}"))?;
    let is_terminal = io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(filter);
    let for_people = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    if for_people {
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(is_terminal);
        registry.with(lines.with_target(false)).try_init()?;
    } else {
        let lines = fmt::layer().json().flatten_event(true);
        registry.with(lines.with_writer(io::stderr)).try_init()?;
    }
    Ok(())
}

/// The library takes any single word for a module to log in full: a level with
/// a typing error would silence everything else.
fn parse_filter(filter: &str) -> anyhow::Result<EnvFilter> {
    for directive in filter.split(',').map(str::trim) {
        let level = directive
            .rsplit_once('=')
            .map_or(directive, |(_, level)| level);
        if !level.is_empty() && level.parse::<LevelFilter>().is_err() {
            bail!(
                "{level:?} is no level; write off, error, warn, info, debug or trace, or module=level"
            );
        }
    }
    Ok(EnvFilter::builder().parse(format!("{QUIET},{filter}"))?)
}

/// The span of one request: method and path. Never the query, which may hold a
/// token, and no header.
pub fn request_span<B>(request: &Request<B>) -> Span {
    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[test]
    fn a_filter_is_a_level_or_directives() {
        for filter in ["info", "debug", "info,hubbub::broker=trace", "fred=debug"] {
            assert!(parse_filter(filter).is_ok(), "{filter}");
        }
        for filter in ["loud", "inof,hubbub=debug", "hubbub=loud", "a=b=c"] {
            assert!(parse_filter(filter).is_err(), "{filter}");
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_span_of_a_request_holds_no_token() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let request = Request::get("/ws?token=sesame").header("cookie", "sesame");
            let span = request_span(&request.body(()).unwrap());
            span.in_scope(|| tracing::info!("hello"));
        });
        let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8(lines.clone()).unwrap();
        assert!(text.contains("\"path\":\"/ws\""), "{text}");
        assert!(!text.contains("sesame"), "{text}");
    }
}
