//! The machine, step by step beside a literal interpreter of the specification. `cargo xtask full model` runs the full
//! lane.

motet_tests::promises! {
    model: the_machine_is_its_model;
}
