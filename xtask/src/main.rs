//! `cargo xtask`: builds, boots, measures and packages Linnet.

fn main() {}
