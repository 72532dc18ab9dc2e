//! What steps, edges and hosts do, on images put together by hand.

motet_tests::promises! {
    buffers: order_is_kept, block_waits_for_room, error_faults_when_full, resize_grows,
        drop_leaves_out_what_types_cannot_tell, latest_value_overwrites, host_drops_advance_nothing,
        wakes_go_by_edge, room_goes_by_edge, owned_payloads_arrive, owned_payloads_are_let_go, numbers_arrive;
}
