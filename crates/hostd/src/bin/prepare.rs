//! The first stage of the start, run by the kernel as `init`.

fn main() {}
