//! The lab's root file system, from Debian packages.

use super::{Build, Image};
use crate::Workspace;

pub(super) fn build(_workspace: &Workspace, _wish: &Build) -> anyhow::Result<Image> {
    anyhow::bail!("not yet")
}
