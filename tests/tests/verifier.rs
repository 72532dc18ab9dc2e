//! What the verifier refuses.

motet_tests::promises! {
    verifier: registers_in_range, jumps_stay_inside, falls_stay_inside, table_rows_stay_inside, operands_in_range,
        words_are_instructions, receivers_fit, senders_fit, every_branch_is_followed,
        bystanders_of_loops_do_nothing, small_images_stay_small, paths_meet_in_one_state, paths_meet_with_what_both_know,
        receive_needs_one_label, jump_tables_are_complete, halt_stands_at_the_end, jump_tables_write_to_registers,
        messages_need_the_endpoint, payloads_have_their_sort, digest_covers_everything, host_decisions_are_obeyed;
}
