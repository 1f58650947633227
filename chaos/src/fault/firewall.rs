//! A firewall that drops packets, in a network of our own.
//!
//! The run that uses it starts this program again inside a fresh network
//! namespace, so that no rule of it can reach anybody else on the machine.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// Says to the program that it runs inside a network of its own.
pub(crate) const INSIDE: &str = "HUBBUB_CHAOS_OWN_NETWORK";

/// Whether this process runs inside a network that was made for it.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Why a network of our own cannot be had here, if it cannot.
pub(crate) async fn why_not() -> Option<String> {
    let script = "ip link set lo up && iptables -A INPUT -p tcp --dport 9 -j DROP";
    let tried = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .output()
        .await;
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "it needs root and iptables ({})",
                said.lines().next().unwrap_or("refused").trim()
            ))
        }
        Err(error) => Some(format!("it needs unshare and iptables ({error})")),
    }
}

/// Drops every packet to and from a port while it lives.
pub(crate) struct BlackHole {
    port: String,
}

impl BlackHole {
    /// Begins to drop. Refuses outside a network of our own.
    pub(crate) async fn around(address: SocketAddr) -> anyhow::Result<Self> {
        if !is_inside() {
            bail!("packets are dropped only inside a network of our own");
        }
        let hole = Self {
            port: address.port().to_string(),
        };
        hole.change("-A").await?;
        Ok(hole)
    }

    /// Lets packets pass again.
    pub(crate) async fn heal(self) -> anyhow::Result<()> {
        self.change("-D").await
    }

    async fn change(&self, what: &str) -> anyhow::Result<()> {
        for side in ["--dport", "--sport"] {
            let rule = [what, "INPUT", "-p", "tcp", side, &self.port, "-j", "DROP"];
            let output = Command::new("iptables").args(rule).output().await;
            let output = output.context("starting iptables")?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("iptables {}: {}", rule.join(" "), said.trim());
            }
        }
        Ok(())
    }
}
