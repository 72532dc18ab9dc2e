//! What steps, edges and hosts do, on images put together by hand.

motet_tests::promises! {
    buffers: order_is_kept, block_waits_for_room, error_faults_when_full, resize_grows,
        drop_leaves_out_what_types_cannot_tell, latest_value_overwrites, host_drops_advance_nothing,
        wakes_go_by_edge, room_goes_by_edge, owned_payloads_arrive, owned_payloads_are_let_go, numbers_arrive;
    composing: compositions_come_to_what_their_policy_says, compositions_are_hosts, tiers_are_held_to_answers;
    credits: credits_are_exact, waiting_is_free, started_coroutines_have_their_own, credits_are_state;
    deadlines: what_is_not_answered_in_time_has_timed_out, blocked_effects_are_asked_until_they_time_out,
        timeouts_have_an_order, deadlines_go_with_their_sessions, deadlines_are_state,
        contracts_are_escalated;
    ended: ends_are_summarised, islands_end_whole;
    guards: evidence_is_consumed_once, evidence_is_of_its_session_and_layer, ids_of_evidence_are_derived,
        hosts_grant_and_refuse, layers_are_configured, guards_need_a_host, guarded_code_is_verified;
    heaps: runs_agree_on_the_heap, snapshots_have_the_heap, resources_are_proved;
    histories: histories_are_trees, sent_messages_are_proved, histories_end_with_their_sessions, forged_ledgers_are_named;
    hosts: choices_are_on_offer, host_values_have_their_sort, effect_ids_tell_effects_apart, requests_tell_the_truth;
    invoking: immediate_answers_are_used, pending_answers_come_later, nothing_is_kept_and_answers_come, blocked_questions_are_asked_again,
        failures_are_faults, answered_sessions_are_planned_once, answers_for_the_dead_are_refused,
        somebody_must_choose, somebody_must_answer, the_handler_stays, replay_asks_the_recorded_questions;
    knowledge: what_is_tagged_is_known, knowledge_is_a_state, knowledge_goes_with_its_endpoint,
        undone_knowledge_was_never_learnt, knowledge_ends_with_its_session, knowledge_has_limits, facts_are_verified,
        forged_knowledge_is_named, knowing_sessions_are_parked;
    opening: opened_endpoints_are_used, closing_closes_the_endpoints_session, endpoints_are_held_to_their_types,
        opening_has_a_limit, plans_name_loaded_images, registers_hold_endpoints, undone_sessions_were_never_there,
        opened_sessions_are_state, forged_guests_are_named;
    outputs: outputs_are_checked, refused_steps_leave_nothing, speculations_withhold_their_checks, hosts_name_conditions,
        policies_of_outputs_are_configuration;
    policies: policies_say_what_may_flow, bursts_ask_the_policy, knowledge_that_may_not_flow_stays,
        predicates_that_panic_end_their_session, policies_are_bytes;
    rarely: decisions_are_held_to_types, choices_drain, speculations_end_and_release_nothing, own_endpoints_are_known;
    replaying: off_keeps_nothing, messages_are_received_once, consumed_messages_are_proved, consumptions_are_chained,
        speculations_consume_when_joined;
    scheduling: wrong_plans_are_refused, every_word_of_a_certificate_is_checked, waves_are_committed_in_order,
        completion_order_changes_nothing, traces_stand_in_pick_order, windows_depend_on_commits_alone, waiting_islands_are_not_ready, lost_chunks_are_noticed,
        plans_are_certified_as_they_are, cooperative_takes_turns, priorities_are_kept,
        aging_lets_nobody_wait_for_ever, messages_in_flight_go_first, random_orders_have_seeds, limits_are_exact,
        senseless_settings_are_refused, empty_protocols_end;
    signing: signatures_bind_everything, spoilt_messages_are_found, signed_messages_arrive,
        overwritten_messages_stay_in_the_history, keys_are_needed, others_check_signatures;
    spawning: children_act_for_what_they_own, transfers_have_receipts, the_ended_ask_nothing_twice, transfers_are_held_to_owners,
        the_failed_are_given_nothing,
        spawning_has_a_limit, closing_drains_what_is_in_flight_for_others, undone_coroutines_were_never_there,
        children_are_verified, children_are_state, children_ask_the_host,
        guards_of_a_role_are_asked_one_by_one;
    speculating: what_is_kept_is_done, what_is_undone_is_not, traces_change_no_root, undone_effects_keep_their_ids,
        nesting_has_a_limit, nobody_outside_is_asked, one_coroutine_speculates, answers_are_not_undone,
        speculations_begin_and_end, aborts_take_the_type_back, paths_meet_in_the_same_speculation;
    steps: messages_wake_their_receiver, labels_choose_the_way,
        faults_end_their_session_only, failed_steps_leave_nothing_behind, deferred_sends_change_nothing,
        deferral_does_not_depend_on_fuel, order_does_not_depend_on_fuel, control_instructions_do_as_they_say,
        yield_lets_others_run;
}
