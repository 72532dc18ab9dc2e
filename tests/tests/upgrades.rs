//! Sessions that move to another image.

motet_tests::promises! {
    upgrades: the_same_moves_anywhere, what_lies_behind_does_not_count, sends_may_go_ahead, loops_move_at_their_start,
        decisions_are_not_split, moves_are_no_jumps, registers_are_carried_by_sort, questions_go_along, questions_stay_the_same,
        messages_in_flight_are_kept, islands_are_whole, failures_stay, all_or_none, hosts_and_roles_stay,
        contracts_grant_moves, reasons_are_counted;
    staged: phases_follow_each_other, refused_upgrades_change_nothing, blocked_effects_are_treated_as_asked,
        published_truth_goes_along, cutovers_are_recovered_whole;
    composition: what_does_not_link_says_why, budgets_are_measured, refused_plans_change_nothing,
        members_fail_with_their_roles, plans_are_applied_whole_or_not_at_all;
    composition_crashes: changes_are_recovered_whole, bundles_are_told_again;
    upgrading: runs_that_move_are_runs;
    upgrade_crashes: crashes_leave_whole_images, crashes_leave_whole_cutovers, unused_images_are_in_nobodys_way;
}
