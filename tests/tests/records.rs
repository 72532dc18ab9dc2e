//! Records and replays.

motet_tests::promises! {
    records: replays_are_equal, replays_stop_where_told, changed_events_are_found, changed_ends_are_found,
        changed_answers_are_found, payloads_in_flight_are_state, digests_tell_runs_apart, changed_bytes_are_found,
        damage_is_placed, forged_waves_are_refused, forged_windows_are_refused, cut_records_replay_as_far_as_they_go;
}
