//! Which check catches which planted fault. The mutation test walks this table.

use crate::{Check, checks};
use motet_types::Planted;

/// A planted fault and the check that must fail with it.
#[derive(Clone, Copy, Debug)]
pub struct Catch {
    /// The fault.
    pub fault: Planted,
    /// The check's name: module and function in [`checks`].
    pub name: &'static str,
    /// The check.
    pub check: Check,
}

macro_rules! catches {
    ($($fault:ident => $module:ident::$check:ident,)*) => {
        /// The table: every fault, in the order in which they are declared.
        pub const CATCHES: &[Catch] = &[$(Catch {
            fault: Planted::$fault,
            name: concat!(stringify!($module), "::", stringify!($check)),
            check: checks::$module::$check,
        },)*];
    };
}

catches! {
    ImageDigestSkipsCode => verifier::digest_covers_everything,
    VerifyRegisterBound => verifier::registers_in_range,
    VerifyJumpRange => verifier::jumps_stay_inside,
    VerifyOperandRange => verifier::operands_in_range,
    VerifyFitReceiver => verifier::receivers_fit,
    VerifyFitFirstBranchOnly => verifier::every_branch_is_followed,
    VerifyFitTurns => verifier::bystanders_of_loops_do_nothing,
    VerifyJoinState => verifier::paths_meet_in_one_state,
    VerifyJoinRegisters => verifier::paths_meet_with_what_both_know,
    VerifyReceiveManyBranches => verifier::receive_needs_one_label,
    VerifyTableComplete => verifier::jump_tables_are_complete,
    VerifyHaltEarly => verifier::halt_stands_at_the_end,
    VerifyTableRegister => verifier::jump_tables_write_to_registers,
    VerifyDecision => verifier::host_decisions_are_obeyed,
    VerifyEndpoint => verifier::messages_need_the_endpoint,
    VerifyPayloadSort => verifier::payloads_have_their_sort,
    StepOverflowFront => buffers::order_is_kept,
    StepNoWake => steps::messages_wake_their_receiver,
    StepDropAdvances => buffers::drop_leaves_out_what_types_cannot_tell,
    StepSendKeepsState => buffers::order_is_kept,
    StepWrongArm => steps::labels_choose_the_way,
    StepCounterStays => hosts::effect_ids_tell_effects_apart,
    StepHostSort => hosts::host_values_have_their_sort,
    BurstForgetsCurrent => steps::order_does_not_depend_on_fuel,
    TraceChainSkipsArena => records::digests_tell_runs_apart,
    CommitFaultUncounted => steps::faults_end_their_session_only,
    RootSkipsPayloads => records::payloads_in_flight_are_state,
    RootForgetsWave => snapshots::roots_are_kept_in_small,
    RootForgetsAnswer => snapshots::roots_are_kept_in_small,
    RootKeepsEnded => snapshots::trees_grow_and_shrink,
    TreeKeepsTop => snapshots::trees_grow_past_what_has_changed,
    ProofAnyPlace => snapshots::proofs_show_what_is_in_flight,
    SnapshotCopiesLate => snapshots::snapshots_go_on_in_small,
    SnapshotSkipsEvents => snapshots::snapshots_go_on_in_small,
    SnapshotSortsQueue => snapshots::snapshots_go_on_in_small,
    SnapshotForgetsAsked => snapshots::snapshots_go_on_in_small,
    SealUnchecked => snapshots::changed_snapshots_are_refused,
    RestoreTrustsRegisters => snapshots::forged_sessions_are_named,
    RestoreTrustsStanding => snapshots::forged_waits_are_refused,
    ParkTrustsBytes => snapshots::parked_bytes_are_held_to,
    PlannerTwice => scheduling::plans_are_certified_as_they_are,
    PlannerForgets => scheduling::plans_are_certified_as_they_are,
    PlannerIgnoresLimit => scheduling::limits_are_exact,
    CertifierTrustsWave => scheduling::every_word_of_a_certificate_is_checked,
    CertifierTrustsStep => scheduling::every_word_of_a_certificate_is_checked,
    CertifierTrustsBoundary => scheduling::every_word_of_a_certificate_is_checked,
    CertifierTrustsFootprint => scheduling::every_word_of_a_certificate_is_checked,
    CertifierTrustsReadiness => scheduling::wrong_plans_are_refused,
    CertifierKeepsRefused => scheduling::wrong_plans_are_refused,
    JoinUnsorted => scheduling::completion_order_changes_nothing,
    JoinTrustsCount => scheduling::lost_chunks_are_noticed,
    ExecutorNewestFirst => scheduling::windows_depend_on_commits_alone,
    ExecutorLosesChunk => scheduling::completion_order_changes_nothing,
    CommitReversesReady => scheduling::cooperative_takes_turns,
    CommitReversesTrace => scheduling::traces_stand_in_pick_order,
    CommitForgetsReady => scheduling::plans_are_certified_as_they_are,
    CommitTickStays => scheduling::traces_stand_in_pick_order,
    CommitKeepsPending => invoking::answers_for_the_dead_are_refused,
    WavesOverlap => records::forged_windows_are_refused,
    TapeForgetsOpen => records::replays_are_equal,
    ReplayTrustsQuestions => invoking::replay_asks_the_recorded_questions,
    ReplayTrustsEvents => records::changed_events_are_found,
    ReplayTrustsRoot => records::changed_ends_are_found,
    WavesTwice => records::forged_waves_are_refused,
    WavesWaiting => records::forged_waves_are_refused,
    RecordUnchecked => records::changed_bytes_are_found,
    CheckAllowsLabelTwice => compiling::labels_stand_once,
    CheckAllowsSharedRole => compiling::parts_share_no_role,
    MergeUnionDropsBranch => compiling::receives_merge_to_all_labels,
    MergeSendIgnoresLabels => compiling::sends_need_one_label,
    MergeEndAbsorbed => compiling::ends_merge_with_ends_only,
    MergeIgnoresSort => compiling::shared_labels_carry_one_sort,
    MergeIgnoresPartner => compiling::merged_messages_have_one_partner,
    ProjectReceiverAsOther => compiling::messages_have_two_ends,
    ProjectFirstBranchOnly => compiling::sends_need_one_label,
    ProjectParDropsNext => compiling::parts_are_followed,
    ProjectRecDropsBinder => compiling::loops_go_back_to_their_binder,
    EmitWrongLabel => compiling::labels_and_payloads_belong_together,
    EmitSwapsRows => compiling::labels_and_payloads_belong_together,
    EmitWrongRegister => compiling::labels_and_payloads_belong_together,
    EmitSkipsPrologue => compiling::first_payloads_are_plain,
    EmitJumpsToEntry => compiling::jumps_go_to_their_loop,
}
