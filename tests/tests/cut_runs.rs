//! Durable runs whose log is cut.

motet_tests::promises! {
    cut_runs: every_safe_cut_goes_on_the_same, fifty_compactions_in_sequence;
}
