//! The text screen of a box.

fn main() {}
