//! How every instruction conducts itself: what it waits for, how it faults, what it tells, and which checks show each of
//! that. `docs/isa.md` has it, and the [model](crate::model) holds it against what instructions were seen to do.

use crate::checks;
use motet_types::{EventKind, FaultClass, OPCODES};
use std::collections::BTreeSet;

/// One thing that an instruction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// It does what it says, and execution goes on, or the coroutine ends.
    Does,
    /// It waits.
    Waits(Wait),
    /// It faults with a class, by its code.
    Faults(&'static str),
    /// It tells an event, by its name.
    Tells(&'static str),
}

/// What a coroutine may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// For a message on its edge.
    Message,
    /// For room on its edge, whose policy is to block.
    Room,
    /// For a link that is whole.
    Link,
    /// For its next turn: the host put the send off.
    Turn,
    /// For the host's answer to an operation that may block, or its grant of a guard.
    Answer,
}

impl Cell {
    /// How it stands in the table.
    fn text(self) -> String {
        match self {
            Self::Does => "does as it says".into(),
            Self::Waits(Wait::Message) => "waits for a message".into(),
            Self::Waits(Wait::Room) => "waits for room".into(),
            Self::Waits(Wait::Link) => "waits for its link".into(),
            Self::Waits(Wait::Turn) => "waits for its next turn".into(),
            Self::Waits(Wait::Answer) => "waits for the host".into(),
            Self::Faults(code) => format!("faults: `{code}`"),
            Self::Tells(name) => format!("tells `{name}`"),
        }
    }

    /// The cell of a fault.
    pub const fn fault(class: FaultClass) -> Self {
        Self::Faults(class.code())
    }

    /// The cell of an event.
    pub const fn event(kind: EventKind) -> Self {
        Self::Tells(kind.name())
    }
}

/// A check that shows a cell, by its name.
type Shown = (&'static str, crate::Check);

/// A row: an instruction's cells, each with the checks that show it.
#[derive(Clone, Copy)]
pub struct Conduct {
    /// The instruction.
    pub instr: &'static str,
    /// Its cells.
    pub cells: &'static [(Cell, &'static [Shown])],
}

macro_rules! conduct {
    ($($instr:ident { $($cell:expr => [$($module:ident::$check:ident),+],)+ })+) => {
        /// The table.
        pub const CONDUCT: &[Conduct] = &[$(Conduct {
            instr: stringify!($instr),
            cells: &[$(($cell, &[$((
                concat!(stringify!($module), "::", stringify!($check)),
                checks::$module::$check as crate::Check,
            )),+])),+],
        }),+];
    };
}

const DOES: Cell = Cell::Does;
const MESSAGE: Cell = Cell::Waits(Wait::Message);
const ROOM: Cell = Cell::Waits(Wait::Room);
const LINK: Cell = Cell::Waits(Wait::Link);
const TURN: Cell = Cell::Waits(Wait::Turn);
const ANSWER: Cell = Cell::Waits(Wait::Answer);

const fn fault(class: FaultClass) -> Cell {
    Cell::fault(class)
}

const fn tells(kind: EventKind) -> Cell {
    Cell::event(kind)
}

conduct! {
    Send {
        DOES => [steps::messages_wake_their_receiver, buffers::owned_payloads_arrive],
        ROOM => [buffers::block_waits_for_room],
        LINK => [topology::every_way_of_sending_waits_for_its_link],
        TURN => [steps::deferred_sends_change_nothing],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types, rarely::own_endpoints_are_known],
        fault(FaultClass::Channel) => [opening::closing_closes_the_endpoints_session, spawning::transfers_are_held_to_owners],
        fault(FaultClass::Invoke) => [hosts::host_values_have_their_sort, steps::failed_steps_leave_nothing_behind],
        fault(FaultClass::Buffer) => [buffers::error_faults_when_full, buffers::host_drops_advance_nothing],
        tells(EventKind::Sent) => [opening::opened_endpoints_are_used],
    }
    Receive {
        DOES => [buffers::order_is_kept],
        MESSAGE => [buffers::wakes_go_by_edge],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types, topology::corruption_is_met],
        fault(FaultClass::Channel) => [opening::closing_closes_the_endpoints_session],
        fault(FaultClass::Verification) => [signing::spoilt_messages_are_found, replaying::messages_are_received_once],
        fault(FaultClass::Invoke) => [hosts::host_values_have_their_sort, steps::failed_steps_leave_nothing_behind],
        tells(EventKind::Received) => [opening::opened_endpoints_are_used],
        tells(EventKind::Closed) => [spawning::closing_drains_what_is_in_flight_for_others],
        tells(EventKind::SessionTerminal) => [spawning::closing_drains_what_is_in_flight_for_others],
        tells(EventKind::EpochAdvanced) => [spawning::closing_drains_what_is_in_flight_for_others],
    }
    Offer {
        DOES => [steps::labels_choose_the_way],
        ROOM => [buffers::block_waits_for_room],
        LINK => [topology::every_way_of_sending_waits_for_its_link],
        TURN => [steps::deferred_sends_change_nothing],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types],
        fault(FaultClass::Label) => [opening::endpoints_are_held_to_their_types],
        fault(FaultClass::Channel) => [opening::closing_closes_the_endpoints_session],
        fault(FaultClass::Invoke) => [hosts::host_values_have_their_sort],
        fault(FaultClass::Buffer) => [buffers::error_faults_when_full],
        tells(EventKind::Sent) => [opening::opened_endpoints_are_used],
        tells(EventKind::Offered) => [opening::opened_endpoints_are_used],
    }
    Choose {
        DOES => [steps::labels_choose_the_way],
        MESSAGE => [buffers::wakes_go_by_edge],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types, topology::corruption_is_met],
        fault(FaultClass::Channel) => [opening::closing_closes_the_endpoints_session],
        fault(FaultClass::Verification) => [signing::spoilt_messages_are_found, replaying::messages_are_received_once],
        fault(FaultClass::Invoke) => [hosts::host_values_have_their_sort],
        tells(EventKind::Received) => [opening::opened_endpoints_are_used],
        tells(EventKind::Chose) => [opening::opened_endpoints_are_used],
        tells(EventKind::Closed) => [rarely::choices_drain],
        tells(EventKind::SessionTerminal) => [opening::opened_endpoints_are_used],
        tells(EventKind::EpochAdvanced) => [rarely::choices_drain],
    }
    Decide {
        DOES => [steps::labels_choose_the_way, verifier::host_decisions_are_obeyed],
        fault(FaultClass::Type) => [rarely::decisions_are_held_to_types],
        fault(FaultClass::Channel) => [rarely::decisions_are_held_to_types],
        fault(FaultClass::Invoke) => [hosts::choices_are_on_offer, invoking::somebody_must_choose],
    }
    Invoke {
        DOES => [invoking::immediate_answers_are_used],
        ANSWER => [invoking::pending_answers_come_later, invoking::blocked_questions_are_asked_again],
        fault(FaultClass::Invoke) => [
            invoking::failures_are_faults,
            deadlines::what_is_not_answered_in_time_has_timed_out
        ],
        fault(FaultClass::Speculation) => [speculating::nobody_outside_is_asked],
        tells(EventKind::Invoked) => [invoking::immediate_answers_are_used],
    }
    Set { DOES => [steps::control_instructions_do_as_they_say], }
    Move { DOES => [steps::control_instructions_do_as_they_say], }
    Jump { DOES => [compiling::jumps_go_to_their_loop, model::the_machine_is_its_model_in_small], }
    Branch { DOES => [steps::control_instructions_do_as_they_say], }
    Yield { DOES => [steps::yield_lets_others_run], }
    Halt {
        DOES => [scheduling::empty_protocols_end],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types],
        tells(EventKind::Halted) => [opening::opened_endpoints_are_used],
        tells(EventKind::Closed) => [spawning::closing_drains_what_is_in_flight_for_others],
        tells(EventKind::SessionTerminal) => [spawning::closing_drains_what_is_in_flight_for_others],
        tells(EventKind::EpochAdvanced) => [spawning::closing_drains_what_is_in_flight_for_others],
    }
    Spawn {
        DOES => [spawning::children_act_for_what_they_own],
        fault(FaultClass::Speculation) => [spawning::spawning_has_a_limit],
    }
    Cast {
        DOES => [opening::opened_endpoints_are_used],
        fault(FaultClass::Type) => [opening::endpoints_are_held_to_their_types],
    }
    Open {
        DOES => [opening::opened_endpoints_are_used],
        fault(FaultClass::Close) => [opening::opening_has_a_limit, topology::crashed_roles_are_not_opened],
        tells(EventKind::Opened) => [opening::opened_endpoints_are_used],
    }
    Close {
        DOES => [opening::closing_closes_the_endpoints_session],
        fault(FaultClass::Channel) => [opening::closing_closes_the_endpoints_session, spawning::transfers_are_held_to_owners],
        fault(FaultClass::Close) => [rarely::speculations_end_and_release_nothing],
        tells(EventKind::Closed) => [opening::closing_closes_the_endpoints_session],
        tells(EventKind::SessionTerminal) => [opening::closing_closes_the_endpoints_session],
        tells(EventKind::EpochAdvanced) => [opening::closing_closes_the_endpoints_session],
    }
    Acquire {
        DOES => [guards::evidence_is_consumed_once, guards::ids_of_evidence_are_derived],
        ANSWER => [guards::hosts_grant_and_refuse],
        fault(FaultClass::Acquire) => [guards::hosts_grant_and_refuse, guards::layers_are_configured],
        fault(FaultClass::Speculation) => [rarely::speculations_end_and_release_nothing],
        tells(EventKind::Acquired) => [guards::evidence_is_consumed_once],
    }
    Release {
        DOES => [guards::evidence_is_consumed_once],
        fault(FaultClass::Acquire) => [guards::evidence_is_consumed_once, guards::evidence_is_of_its_session_and_layer],
        fault(FaultClass::Speculation) => [rarely::speculations_end_and_release_nothing],
        tells(EventKind::Released) => [guards::evidence_is_consumed_once],
    }
    Fork {
        DOES => [speculating::what_is_kept_is_done],
        fault(FaultClass::Speculation) => [speculating::nesting_has_a_limit, speculating::one_coroutine_speculates],
        tells(EventKind::Forked) => [speculating::what_is_kept_is_done],
    }
    Join {
        DOES => [speculating::what_is_kept_is_done],
        tells(EventKind::Joined) => [speculating::what_is_kept_is_done],
    }
    Abort {
        DOES => [speculating::what_is_undone_is_not],
        tells(EventKind::Aborted) => [speculating::what_is_undone_is_not],
    }
    Transfer {
        DOES => [spawning::transfers_have_receipts, knowledge::knowledge_goes_with_its_endpoint],
        fault(FaultClass::Type) => [rarely::own_endpoints_are_known],
        fault(FaultClass::Channel) => [spawning::transfers_are_held_to_owners],
        fault(FaultClass::Transfer) => [spawning::transfers_are_held_to_owners],
        fault(FaultClass::Flow) => [policies::knowledge_that_may_not_flow_stays],
        tells(EventKind::Transferred) => [spawning::children_act_for_what_they_own],
    }
    Tag {
        DOES => [knowledge::what_is_tagged_is_known],
        fault(FaultClass::Channel) => [knowledge::knowledge_ends_with_its_session],
        fault(FaultClass::Flow) => [knowledge::knowledge_has_limits],
        tells(EventKind::Tagged) => [knowledge::what_is_tagged_is_known],
    }
    Check {
        DOES => [knowledge::what_is_tagged_is_known, policies::bursts_ask_the_policy],
        fault(FaultClass::Flow) => [policies::predicates_that_panic_end_their_session],
        tells(EventKind::Checked) => [knowledge::what_is_tagged_is_known],
    }
}

/// An instruction's row, when it has one.
pub fn of(instr: &str) -> Option<&'static Conduct> {
    CONDUCT.iter().find(|row| row.instr == instr)
}

/// Whether the table says that an instruction may do so.
pub fn knows(instr: &str, cell: Cell) -> bool {
    of(instr).is_some_and(|row| row.cells.iter().any(|(known, _)| *known == cell))
}

/// What stands in `docs/isa.md` behind the instructions.
pub fn section() -> String {
    let mut text = String::from(
        "## Conduct\n\n\
         What each instruction may do, and the checks that show it (`tests/src/checks`). What it waits for leaves everything as\n\
         it was, and so does a fault, which then ends the island: behind the instruction's own events stand\n\
         `failure_branch_entered`, `faulted` and the sessions' `session_terminal`. The last message of a session that instructions\n\
         opened ends it, and the last that was in flight in one that is closing closes it; so those events are a\n\
         communication's. In a speculation nothing is told before its outermost `Join`. Where the configuration asks for it, any\n\
         instruction may fault for want of credits (`configuration.md`), and behind whatever tells something stands\n\
         `output_condition_checked`, or it is refused (`output-conditions.md`); the table does not repeat that. That this is all\n\
         that happens is held against what every instruction was seen to do in the lane `model`.\n\n\
         | instruction | what | shown by |\n|---|---|---|\n",
    );
    for row in CONDUCT {
        for (at, (cell, shown)) in row.cells.iter().enumerate() {
            let instr = if at == 0 { format!("`{}`", row.instr) } else { String::new() };
            let shown: Vec<String> = shown.iter().map(|(name, _)| format!("`{name}`")).collect();
            text += &format!("| {instr} | {} | {} |\n", cell.text(), shown.join(", "));
        }
    }
    text
}

/// Every instruction has its row, and every check that the table names is run by the tests.
pub fn complete() -> Result<(), String> {
    let rows: BTreeSet<&str> = CONDUCT.iter().map(|row| row.instr).collect();
    let executed: BTreeSet<&str> = OPCODES.iter().map(|(_, row)| row.name).collect();
    ensure!(rows == executed, "rows for {rows:?}, instructions are {executed:?}");
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = std::fs::read_dir(tests).map_err(|error| error.to_string())?;
    let run: String =
        files.filter_map(Result::ok).filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    for (name, _) in CONDUCT.iter().flat_map(|row| row.cells).flat_map(|(_, shown)| *shown) {
        let check = name.rsplit("::").next().unwrap_or(name).trim_end_matches("_in_small");
        ensure!(run.contains(check), "no test runs {name}");
    }
    Ok(())
}
