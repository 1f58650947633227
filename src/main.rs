//! The `hubbub` program.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    hubbub::server::run(hubbub::config::Config::read()?).await
}
