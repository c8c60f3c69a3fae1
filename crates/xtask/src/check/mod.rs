//! placeholder
#[derive(Debug, clap::Args)]
pub struct Arguments {}
pub fn run(_a: &Arguments) -> anyhow::Result<()> {
    Ok(())
}
