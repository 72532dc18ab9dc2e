//! Random protocols follow their global type. `cargo xtask full protocols` runs the full lane.

motet_tests::promises! {
    protocols: follow_their_global_type;
}
