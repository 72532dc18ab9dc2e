//! Whatever the verifier lets in runs without a fault, and whatever bytes come in are read or refused.
//! `cargo xtask full soundness` runs the full lane.

motet_tests::promises! {
    soundness: verified_programs_do_not_fault;
    bytes: images_are_read_or_refused, records_are_read_or_refused;
}
