//! Subtyping of local types against all runs of small ones.

motet_tests::promises! {
    subtyping: the_conservative_mode_keeps_phases, all_continuations_count, payloads_count, loops_are_their_own_subtypes,
        sends_go_ahead, nothing_is_put_off_for_ever, what_is_not_decided_is_said, questions_start_anywhere,
        tables_are_checked, all_small_lines_agree_with_their_runs, small_choices_agree_with_their_runs,
        small_choices_of_two_partners_agree_with_their_runs, random_types_agree_with_their_runs, yes_is_transitive,
        everything_goes_wrong_somewhere;
}
