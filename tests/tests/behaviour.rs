//! What steps, edges and hosts do, on images put together by hand.

motet_tests::promises! {
    buffers: order_is_kept, block_waits_for_room, error_faults_when_full, resize_grows,
        drop_leaves_out_what_types_cannot_tell, latest_value_overwrites, host_drops_advance_nothing,
        wakes_go_by_edge, room_goes_by_edge, owned_payloads_arrive, owned_payloads_are_let_go, numbers_arrive;
    steps: messages_wake_their_receiver, labels_choose_the_way, choices_are_on_offer, host_values_have_their_sort,
        faults_end_their_session_only, failed_steps_leave_nothing_behind, deferred_sends_change_nothing,
        deferral_does_not_depend_on_fuel, order_does_not_depend_on_fuel, control_instructions_do_as_they_say,
        yield_lets_others_run, effect_ids_tell_effects_apart, requests_tell_the_truth;
}
