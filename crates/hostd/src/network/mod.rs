//! The network of this node: what it should be, and that it is.
//!
//! [`plan`] says what a configuration or a person at the box wants, [`steps`] what is missing for it; both are pure.
//! [`keeper`] is the one task that owns the state and changes the kernel's.

pub mod keeper;
pub mod plan;
pub mod report;
pub mod steps;
