//! stub
use anyhow::Result;
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {}
#[derive(Debug, clap::Args)]
pub(crate) struct StraceArgs {}
pub(crate) fn run(_: &RunArgs) -> Result<bool> {
    Ok(true)
}
pub(crate) fn strace(_: &StraceArgs) -> Result<()> {
    Ok(())
}
