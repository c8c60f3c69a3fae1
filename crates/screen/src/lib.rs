//! The text screen of a box, on its first virtual terminal and its serial port: who it is, how it is, how to reach it,
//! and what an installer may do there.
//!
//! [`state`] is a pure state machine, [`facts`] and [`view`] are pure functions of it; `shell` gives it a terminal, a
//! clock and the bus. README.md has the picture.

mod bus;
pub mod facts;
pub mod sample;
mod shell;
mod size;
pub mod state;
pub mod terminal;
pub mod view;
pub mod words;

pub use shell::serve;
pub use size::Size;
