//! Whatever the verifier lets in runs without a fault. `cargo xtask full soundness` runs the full lane.

motet_tests::promises! {
    soundness: verified_programs_do_not_fault;
}
