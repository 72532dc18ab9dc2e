//! Ownership of sessions. `cargo xtask full ownership` runs the full lane, and looks at more states.

motet_tests::promises! {
    ownership: every_state_is_as_it_must_be, owners_act_on_every_runtime, ends_are_told_in_order,
        nonsense_leaves_no_trace, hosts_are_told_the_owners_handlers, roots_snapshots_and_parks_have_owners, forged_ownership_is_refused,
        runs_with_owners_are_runs, owners_try_everything;
    handing_over: what_is_pending_is_invalidated, late_results_are_on_record;
}
