//! The first stage with real disks: file systems made by the tools that people use, and the program itself with mounts.

#![allow(clippy::unwrap_used)] // tests and their helpers

mod bench;
mod medium;
mod process_one;
mod recognition;
mod starts;
