//! Running uncertified, running twice and committing what did not run are not refused but impossible: each file of
//! `compile_fail/` fails to compile, with the words beside it.
//!
//! `TRYBUILD=overwrite cargo test -p motet-runtime --test compile_fail` writes the words anew.

#[test]
fn nothing_runs_uncertified() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
