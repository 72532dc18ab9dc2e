//! Determinism profiles. `cargo xtask full profiles` runs the full lane.

motet_tests::promises! {
    profiles: profiles_say_what_is_the_same, nothing_moves_past_what_is_of_no_session, differences_are_named,
        a_live_run_has_a_record;
    fragments: fragments_are_equal_to_the_byte, fragments_are_whole_or_refused;
}
