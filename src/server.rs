//! Puts the parts together and runs them until the process is told to end.

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use crate::config::Config;

/// Serves until a signal or the admin API ends the process.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let address = config.http.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("http.listen: {address} cannot be listened on"))?;
    bail!("this build serves nothing on {}", listener.local_addr()?);
}
