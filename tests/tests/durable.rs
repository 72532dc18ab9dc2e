//! Durable runs on a disk that crashes.

motet_tests::promises! {
    durable: crashes_lose_nothing, closed_runs_are_found_whole, nobody_is_asked_before_the_log_is_synced,
        careless_worlds_do_things_twice, cut_logs_recover_the_same, checkpoints_hold_everything,
        wrong_states_are_found, unknown_records_are_refused;
    agreements: agreements_survive, gates_write_in_their_order;
    contracts: agreements_are_objects;
}
