//! Sites and links that fail. `cargo xtask full topology` runs the full lane.

motet_tests::promises! {
    topology: every_way_of_sending_waits_for_its_link, corruption_is_met, crashed_roles_are_not_opened,
        crashes_end_who_was_there, timeouts_expire, orders_do_not_matter, sites_are_state,
        owners_are_at_their_endpoints_sites, crashes_reach_what_may_be_taken_back, answers_for_the_gone_are_refused,
        forged_failures_are_refused;
    perturbed: runs_with_failures_are_runs;
}
