//! The motet command line.
fn main() {}
