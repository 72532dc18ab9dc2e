//! What the predecessor's own survey found wrong with it, item by item: each test has the number of its section and item, and
//! calls the checks that would fail if Motet had the same defect.
//!
//! Section 14.7, semantics that are wrong or missing. 18, the registry of deviations, is held to its form in `tidy`.
//!
//! Section 14.5, the threaded backend, its gaps in order.

/// Tests by number.
macro_rules! regressions {
    ($($(#[$doc:meta])+ $test:ident: $($module:ident::$check:ident),+;)+) => {$(
        $(#[$doc])+
        #[test]
        fn $test() {
            $(motet_tests::keep(
                concat!(stringify!($module), "::", stringify!($check)),
                motet_tests::checks::$module::$check,
            );)+
        }
    )+};
}

regressions! {
    /// Sends of several labels took the first. The host's choice is the label that goes over the edge, labels are on the
    /// wire, and payloads belong to them.
    spec_14_7_01: steps::labels_choose_the_way, compiling::labels_and_payloads_belong_together,
        verifier::host_decisions_are_obeyed;
    /// A variable went to the innermost binder.
    spec_14_7_02: compiling::loops_go_back_to_their_binder, compiling::jumps_go_to_their_loop;
    /// The label of a choice was validated as its payload.
    spec_14_7_03: compiling::labels_and_payloads_belong_together, verifier::payloads_have_their_sort;
    /// What was dropped or put off advanced the type, and was told as sent.
    spec_14_7_04: buffers::host_drops_advance_nothing, buffers::drop_leaves_out_what_types_cannot_tell,
        steps::deferred_sends_change_nothing;
    /// One fault ended the run of all sessions, and left its own active.
    spec_14_7_05: steps::faults_end_their_session_only;
    /// Speculation saved and undid nothing.
    spec_14_7_06: speculating::what_is_undone_is_not, speculating::what_is_kept_is_done,
        speculating::nobody_outside_is_asked, opening::undone_sessions_were_never_there;
    /// States and faults that were documented never occurred. Of those, here: draining, and speculating as a state.
    spec_14_7_07: spawning::closing_drains_what_is_in_flight_for_others, rarely::choices_drain,
        snapshots::snapshots_go_on_in_small;
    /// Choices had no sequence numbers, were neither signed nor held against coming twice, went over links that were cut, and
    /// unchanged over corrupted ones. Every way of sending does and obeys all of that.
    spec_14_7_08: model::the_machine_is_its_model_in_small, replaying::messages_are_received_once,
        replaying::consumptions_are_chained, signing::spoilt_messages_are_found,
        topology::every_way_of_sending_waits_for_its_link, topology::corruption_is_met;
    /// Plans were cached by an image's address. They name images by digest.
    spec_14_7_09: opening::plans_name_loaded_images;
    /// `Open` looked at its registers when the session was there already. The verifier does, and a fault leaves nothing.
    spec_14_7_10: verifier::registers_in_range, model::the_machine_is_its_model_in_small;
    /// Without retention, an effect that waited for its answer was forgotten.
    spec_14_7_11: invoking::nothing_is_kept_and_answers_come;
    /// Images were not verified.
    spec_14_7_12: verifier::registers_in_range, verifier::jumps_stay_inside, verifier::senders_fit, verifier::receivers_fit,
        verifier::halt_stands_at_the_end, bytes::images_are_read_or_refused;
    /// Owned sessions could not be used through a runtime, least of all a threaded one.
    spec_14_7_13: ownership::owners_act_on_every_runtime;
    /// An effect that was out and one about to go out were told apart by different keys.
    spec_14_7_14: spawning::guards_of_a_role_are_asked_one_by_one;
    /// Asynchronous subtyping looked at one continuation, at no payload, and had no loop as its own subtype.
    spec_14_7_15: subtyping::all_continuations_count, subtyping::payloads_count, subtyping::loops_are_their_own_subtypes;
    /// Checkpoints were of one backend, and left out what handlers hid.
    spec_14_7_16: snapshots::snapshots_are_of_no_executor, snapshots::snapshots_go_on_in_small,
        pools::effects_that_are_held_are_not_taken_on_again;
    /// The heap was not connected to the machine.
    spec_14_7_17: heaps::runs_agree_on_the_heap, guards::evidence_is_consumed_once;

    /// Roots were hashed and artifacts kept whether anything was enforced or not: off keeps nothing.
    spec_14_2_09: replaying::off_keeps_nothing;
    /// The digest of an output was one constant.
    spec_14_4: outputs::outputs_are_checked;
    /// Anybody could sign, and a signature left out number, edge and label; roots were sums that could be forged.
    spec_14_6: signing::signatures_bind_everything, signing::spoilt_messages_are_found, signing::others_check_signatures,
        replaying::consumptions_are_chained, histories::histories_are_trees;

    /// Rules existed twice, and waves were single instructions behind a barrier: threads come to what one thread comes to.
    spec_14_5_01_two_engines: scheduling::completion_order_changes_nothing, threads::change_nothing_in_small;
    /// The certificate did not look at disjointness.
    spec_14_5_02_certificates: scheduling::every_word_of_a_certificate_is_checked, scheduling::wrong_plans_are_refused;
    /// A fault in a wave dropped the picks behind it.
    spec_14_5_03_faults_in_waves: steps::faults_end_their_session_only, scheduling::lost_chunks_are_noticed;
    /// `Close` closed the session that the coroutine ran in, and what `Open` gave could not be used.
    spec_14_5_04_endpoints: opening::closing_closes_the_endpoints_session, opening::opened_endpoints_are_used;
    /// After an advance, labels were looked up in a stale table.
    spec_14_5_05_stale_labels: opening::endpoints_are_held_to_their_types, steps::labels_choose_the_way;
    /// With one worker, events, witnesses and audits of failures were missing, and a guard that was denied was a fault.
    spec_14_5_06_one_worker: topology::crashes_end_who_was_there, topology::timeouts_expire, ownership::ends_are_told_in_order, opening::closing_closes_the_endpoints_session,
        guards::hosts_grant_and_refuse, steps::yield_lets_others_run;
    /// With several workers, tests could not fail: what threads do is compared byte for byte.
    spec_14_5_07_several_workers: threads::change_nothing_in_small;
}
