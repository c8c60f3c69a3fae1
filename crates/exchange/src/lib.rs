//! placeholder
mod io;
pub use io::*;
