//! Faults of the machine that the differential lane must find by itself: each is planted in a process of its own, and the
//! protocol that shows it is shrunk and printed.

use motet_types::Planted;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many cases a fault may hide from.
const CASES: &str = "2000";
/// The test that a child runs; `MOTET_PLANT` names its fault.
const LANE: &str = "the_lane_with_its_fault";
/// Names the child's fault; without it there is none.
const PLANT: &str = "MOTET_PLANT";

/// Faults in what both sides do: the step, its edges, its host, bursts and commits, guards, sites and links,
/// opened sessions, owners.
const FOUND: &[Planted] = &[
    Planted::StepOverflowFront,
    Planted::StepNoWake,
    Planted::StepDropAdvances,
    Planted::StepSendKeepsState,
    Planted::StepWrongArm,
    Planted::StepCounterStays,
    Planted::EdgeNeverGrows,
    Planted::EdgeOverwritesAny,
    Planted::StepFullFaults,
    Planted::StepOneTooMany,
    Planted::StepDropIgnored,
    Planted::StepDeferIgnored,
    Planted::StepReplacementUnused,
    Planted::StepOfferUntold,
    Planted::StepOverwritesOn,
    Planted::StepRoomWakesNobody,
    Planted::StepPayloadUnwritten,
    Planted::StepReceiveKeepsState,
    Planted::StepChoiceUntold,
    Planted::StepHaltUntold,
    Planted::StepFirstChosen,
    Planted::BurstKeepsTurn,
    Planted::BurstFailureUntold,
    Planted::BurstForgetsCurrent,
    Planted::CommitFaultUncounted,
    Planted::CommitForgetsReady,
    Planted::CommitReversesReady,
    Planted::CommitReversesTrace,
    Planted::CommitTickStays,
    Planted::PlannerTwice,
    Planted::PlannerForgets,
    Planted::StepAnswerUnwritten,
    Planted::GuardReleaseKeeps,
    Planted::GuardAnyLayer,
    Planted::GuardCounterStays,
    Planted::TopologyCutsBothWays,
    Planted::TopologyHealWakesNobody,
    Planted::OpenWithoutLimit,
    Planted::GuestAnyOwner,
    Planted::CloseNeverDrains,
    Planted::TopologyOpensCrashed,
    Planted::GuestEventsOfMain,
    Planted::CloseTheMain,
    Planted::OwnershipHidesRejected,
    Planted::OwnershipAnyOwner,
    Planted::OwnershipAnyGeneration,
    Planted::OwnershipNarrowMoves,
    Planted::OwnershipAnyReceipt,
    Planted::OwnershipKeepsWitnesses,
    Planted::OwnershipIssuesTwice,
    Planted::OwnershipEndsSilently,
    Planted::OwnershipCancelsBackwards,
    Planted::InvalidatesBeyondScope,
    Planted::SemanticsTransportAll,
    Planted::SemanticsForgetLate,
];

/// The child's half; without a fault it is nothing.
#[test]
fn the_lane_with_its_fault() {
    if std::env::var_os(PLANT).is_some() {
        motet_tests::keep("differential", motet_tests::reference::differential);
    }
}

/// What the lane said of one fault; nothing when it found none.
fn found(fault: Planted) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().expect("a test has a path"));
    child.args([LANE, "--exact", "--nocapture", "--test-threads=1"]).env(PLANT, fault.name());
    child.env("MOTET_CASES", CASES).env("RUST_BACKTRACE", "0").stdout(Stdio::null()).stderr(Stdio::piped());
    let output = child.output().expect("the test runs itself");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

/// The `.tell` file with both traces, out of what a child said.
fn shown(said: &str) -> Option<&str> {
    let from = said.find("-- The machine and the reference differ")?;
    let rest = &said[from..];
    let shown = rest.find("\nnote: ").map_or(rest, |end| &rest[..end]);
    ["protocol ", "-- the machine (", "-- the reference ("].iter().all(|part| shown.contains(part)).then_some(shown)
}

#[test]
#[ignore = "needs the reference: cargo xtask full differential-faults"]
fn the_lane_finds_planted_faults() {
    assert!(FOUND.len() >= 30, "only {} faults", FOUND.len());
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(fault) = FOUND.get(next.fetch_add(1, Ordering::Relaxed)) {
            let said = found(*fault);
            match said.as_deref().and_then(shown) {
                Some(shown) => println!("==== {}\n{shown}", fault.name()),
                None => missed.lock().unwrap().push((fault.name(), said)),
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not found, or not shown: {missed:?}");
    println!("{} planted faults, each found by the differential lane", FOUND.len());
}
