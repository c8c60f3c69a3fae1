//! The appliance itself: network, disks, time, reboot; and the first stage of its start.

pub mod network_file;
pub mod prepare;
pub mod setup;

/// Serves until told to end.
///
/// # Errors
/// The bus cannot be used.
pub async fn serve(_identity: daemon::NodeIdentity) -> anyhow::Result<()> {
    Ok(())
}
