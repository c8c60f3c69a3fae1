//! The development commands, as a library: the tests of the tiers `netns` and `vm` and the demonstration bring pairs up
//! with [`lab::Pair`] and [`vm::Pair`].
//!
//! Every verb shows a progress line for each long step on stderr, its result on stdout, exits non-zero when what it
//! shows fails, and then says in its last line what to do.

pub mod check;
pub mod demo;
pub mod failure;
pub mod image;
pub mod lab;
pub mod namespace;
pub mod packages;
pub mod peers;
pub mod process;
pub mod progress;
pub mod python;
pub mod test;
pub mod vm;
pub mod wait;
pub mod workspace;

pub use workspace::Workspace;
