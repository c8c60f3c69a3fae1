//! The first stage of the start, before the service manager: `README.md` in this folder has the picture.

mod data;
pub mod devices;
pub mod disk;
pub(crate) mod durable;
mod etc;
pub mod first;
pub mod identity;
mod import;
mod limit;
pub mod links;
pub mod medium;
pub mod place;
pub mod report;
mod survey;
mod work;

pub use place::Place;
pub use work::run;
