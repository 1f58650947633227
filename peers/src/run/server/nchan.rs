//! Nchan: nginx with a module, configured here. Rooms are channels in Redis, and
//! a member's WebSocket publishes and subscribes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use hubbub_cluster::find_program;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// Why it cannot take part, if it cannot.
pub(super) fn missing() -> Option<String> {
    if let Err(error) = find_program("nginx", "nginx") {
        return Some(error.to_string());
    }
    (!Path::new(MODULE).is_file())
        .then(|| "libnginx-mod-nchan is not installed (apt-get install it)".to_owned())
}

/// Its version and nginx's, as the package system tells them.
pub(super) fn version() -> String {
    let of = |package: &str| {
        let asked = Command::new("dpkg-query")
            .args(["-W", "-f", "${Version}", package])
            .output();
        let version = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        version.unwrap_or_default()
    };
    format!(
        "Nchan {}, nginx {}, one worker, storage mode distributed",
        of("libnginx-mod-nchan"),
        of("nginx")
    )
}

/// Writes the configuration, and tells what to start.
pub(super) fn command(
    dir: &Path,
    number: usize,
    port: u16,
    redis: &str,
) -> Result<(PathBuf, Vec<String>)> {
    let home = dir.join(format!("nginx-{number}"));
    fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
    let file = home.join("nginx.conf");
    fs::write(&file, configuration(port, redis))
        .with_context(|| format!("writing {}", file.display()))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let args = ["-p", &text(&home), "-c", &text(&file), "-e", "stderr"];
    let program = find_program("nginx", "nginx")?;
    Ok((program, args.map(str::to_owned).into()))
}

fn configuration(port: u16, redis: &str) -> String {
    // Paths are relative to the home directory that -p names. A directive for the
    // user would only warn where nginx is not started as root.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "load_module {MODULE};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log stderr warn;
events {{
    worker_connections 19000;
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream store {{
        nchan_redis_server redis://127.0.0.1:{redis};
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location ~ ^/room/(\\d+)$ {{
            nchan_pubsub websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
            nchan_redis_pass store;
            nchan_redis_storage_mode distributed;
        }}
    }}
}}
"
    )
}
