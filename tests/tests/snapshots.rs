//! Roots, snapshots, parked sessions and proofs.

motet_tests::promises! {
    snapshots: roots_are_kept, trees_grow_and_shrink, trees_grow_past_what_has_changed,
        snapshots_go_on_as_if_nothing_had_happened, snapshots_are_of_no_executor, snapshots_begin_between_waves;
    forgeries: changed_snapshots_are_refused, forged_snapshots_do_no_harm, forged_sessions_are_named,
        forged_waits_are_refused, parked_bytes_are_held_to, proofs_show_what_is_in_flight;
}
