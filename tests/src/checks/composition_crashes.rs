//! Compositions whose runs are in a log, on a disk that crashes: every change of one is found whole or not at all, and what is
//! not of the log is told again and held against it.

use super::composition::{OPEN_POLICY, add, at, beside, connect, one, own, place};
use super::durable::options;
use motet_log::sim::{SimDisk, Survival};
use motet_machine::{NoHost, ProtocolMachineConfig, RunId, TraceMode};
use motet_runtime::{
    Durable, DurableComposition, DurableCompositionError, Inline, MemoryBudget, Placement, ProtocolBundle,
    ReconfigurationPlan, ReconfigurationPolicy, Schedule, Transport, Turn, log_record, replay,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::{Arc, Mutex};

type Composed = DurableComposition<Inline>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The bundles of the composition, as many as there are of them.
fn bundles(count: usize) -> Result<Vec<ProtocolBundle>, String> {
    let mut all: Vec<ProtocolBundle> = Vec::new();
    for (name, roles) in [("One", ["A", "B"]), ("Other", ["B", "C"]), ("Last", ["C", "D"])] {
        let bundle = ProtocolBundle::link(one(name, roles)?, &all, None, OPEN_POLICY).map_err(text)?;
        all.push(bundle);
    }
    all.truncate(count);
    Ok(all)
}

fn resumed(run: Durable<Inline>, bundles: Vec<ProtocolBundle>) -> Result<Composed, DurableCompositionError> {
    DurableComposition::resume(run, bundles, MemoryBudget::UNBOUNDED)
}

/// A composition of two bundles with a session of each, acknowledged.
fn begin(disk: &SimDisk) -> Result<Composed, String> {
    let (run_id, trace) = (RunId([5; 16]), TraceMode::Full);
    let config = ProtocolMachineConfig { record: true, trace, run_id, ..ProtocolMachineConfig::default() };
    let storage = Arc::new(disk.clone());
    let mut run = Durable::create(storage, options(0), config, Schedule::default(), Inline::default()).map_err(text)?;
    let _admission = run.hold_to(own()).map_err(text)?;
    let mut composed = resumed(run, Vec::new()).map_err(text)?;
    for bundle in bundles(2)? {
        composed.admit_bundle(bundle).map_err(text)?;
    }
    for name in ["One", "Other"] {
        composed.open(name).map_err(text)?;
    }
    composed.run_mut().sync().map_err(text)?;
    Ok(composed)
}

/// The composition of a log, with its bundles told again.
fn recovered(disk: SimDisk) -> Result<Composed, String> {
    let (mut run, _) = Durable::recover(Arc::new(disk), options(0)).map_err(|error| format!("recovery: {error}"))?;
    let _admission = run.hold_to(own()).map_err(text)?;
    let count = run.runtime().composition().bundles().len();
    resumed(run, bundles(count)?).map_err(text)
}

/// A composition, and the run that it is of.
fn seen(composed: &Composed) -> [String; 3] {
    let composition = composed.composition();
    let bundles = composition.bundles().len().to_string();
    [composition.topology().digest().to_string(), bundles, composed.run().runtime().state_root().to_string()]
}

const CHANGES: usize = 4;

/// The changes of the composition, one after another. The first plan is longer than a record of the log may be.
fn change(composed: &mut Composed, which: usize) -> Result<(), String> {
    let plan = |epoch, steps| ReconfigurationPlan { epoch, steps };
    match which {
        0 => {
            let mut steps: Vec<_> = (0..80).map(|number| add(&format!("member {number:050}"))).collect();
            steps.extend([add("x"), place("A", at("x")), place("C", beside("A"))]);
            steps.push(connect("A", "C", Transport::SharedMemory));
            composed.apply(&plan(0, steps)).map(drop).map_err(text)?;
        }
        1 => drop(composed.crash_member("x").map_err(text)?),
        2 => {
            let steps = vec![add("y"), place("B", at("y")), connect("B", "A", Transport::Network)];
            composed.apply(&plan(1, steps)).map(drop).map_err(text)?;
        }
        _ => {
            let last = bundles(3)?.pop().ok_or("there is no third")?;
            composed.admit_bundle(last).map(drop).map_err(text)?;
        }
    }
    Ok(())
}

fn to_the_end(composed: &mut Composed) -> Result<[String; 3], String> {
    while composed.turn(&NoHost).map_err(text)? != Turn::Idle {}
    Ok(seen(composed))
}

/// A crash at every I/O call of plans, a member that fails and a bundle that comes: the composition and its run are as they were
/// behind one of the changes, and behind every one that was acknowledged; the rest of them comes to the same.
pub fn changes_are_recovered_whole() -> Result<(), String> {
    let (mut dice, mut found) = (ChaCha8Rng::seed_from_u64(9), [0_u64; CHANGES + 1]);
    for checkpointed in [None, Some(0), Some(2)] {
        let disk = SimDisk::new();
        let mut composed = begin(&disk)?;
        let mut states = vec![seen(&composed)];
        let (points, done) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (into, acknowledged) = (Arc::clone(&points), Arc::clone(&done));
        disk.observe(move |_, call, platter| {
            if call.changes() {
                let done = *acknowledged.lock().expect("one thread");
                into.lock().expect("one thread").push((platter.clone(), done));
            }
        });
        for which in 0..CHANGES {
            change(&mut composed, which)?;
            *done.lock().expect("one thread") = which + 1;
            states.push(seen(&composed));
            if checkpointed == Some(which) {
                composed.run_mut().checkpoint().map_err(text)?;
            }
        }
        disk.look_away();
        let end = to_the_end(&mut composed)?;
        composed.run_mut().sync().map_err(text)?;
        drop(composed);
        ensure!(seen(&recovered(disk.clone())?) == end, "the end is not found again");
        if checkpointed.is_none() {
            let record = log_record(Arc::new(disk), &options(0)).map_err(text)?;
            let again = replay(&record, None, |_| {}).map_err(text)?.runtime;
            let digest = again.composition().topology().digest().to_string();
            ensure!(digest == end[0] && again.state_root().to_string() == end[2], "the replay ends elsewhere");
        }
        let points = std::mem::take(&mut *points.lock().expect("one thread"));
        for (call, (platter, done)) in points.iter().enumerate() {
            let chance = Survival::Chance((dice.next_u32() % 256) as u8);
            for survival in [Survival::Nothing, Survival::Everything, chance] {
                let image = platter.crash(survival, &mut || dice.next_u32() as u8);
                let told = |why: String| format!("checkpoint {checkpointed:?}, call {call}, {survival:?}: {why}");
                let mut composed = recovered(SimDisk::from_image(&image)).map_err(told)?;
                let stands = seen(&composed);
                let behind = states.iter().position(|state| *state == stands);
                let behind = behind.ok_or_else(|| told(String::from("something between two changes")))?;
                ensure!(behind >= *done, "{}", told(format!("{done} changes were acknowledged, {behind} are there")));
                found[behind] += 1;
                for which in behind..CHANGES {
                    change(&mut composed, which).map_err(told)?;
                    ensure!(seen(&composed) == states[which + 1], "{}", told(format!("change {which} differs")));
                }
                ensure!(to_the_end(&mut composed).map_err(told)? == end, "{}", told("it ends otherwise".into()));
            }
        }
    }
    ensure!(found.iter().all(|count| *count > 0), "not every change was crashed behind: {found:?}");
    println!("crashes around changes of a composition: {found:?} behind each");
    Ok(())
}

/// Who recovers a composition tells its bundles again: the same ones, in their order, with the policies that the log has. A plan
/// that is refused is not in the log.
pub fn bundles_are_told_again() -> Result<(), String> {
    let disk = SimDisk::new();
    let mut composed = begin(&disk)?;
    change(&mut composed, 0)?;
    let before = seen(&composed);
    let plan = ReconfigurationPlan { epoch: 1, steps: vec![place("A", Placement::Local), place("Z", at("x"))] };
    let refused = composed.apply(&plan);
    ensure!(matches!(refused, Err(DurableCompositionError::Plan(_))), "{refused:?}");
    composed.run_mut().sync().map_err(text)?;
    drop(composed);
    ensure!(seen(&recovered(disk.clone())?) == before, "a refused plan was found");
    let told = |bundles: Vec<ProtocolBundle>| -> Result<_, String> {
        let (run, _) = Durable::recover(Arc::new(disk.clone()), options(0)).map_err(text)?;
        Ok(resumed(run, bundles).map(drop))
    };
    let other = |told: &Result<(), DurableCompositionError>, which: usize| matches!(told, Err(DurableCompositionError::OtherBundle { at, .. }) if *at == which);
    let found = told(bundles(1)?)?;
    ensure!(other(&found, 1), "{found:?}");
    let found = told(bundles(3)?)?;
    ensure!(other(&found, 2), "{found:?}");
    let found = told(bundles(2)?.into_iter().rev().collect())?;
    ensure!(other(&found, 0), "{found:?}");
    let mut changed = bundles(2)?;
    changed[1].reconfiguration_policy = ReconfigurationPolicy { dynamic_membership: false, ..OPEN_POLICY };
    let found = told(changed)?;
    let policy = matches!(&found, Err(DurableCompositionError::OtherPolicy { bundle }) if bundle == "Other");
    ensure!(policy, "{found:?}");
    let mut forged = bundles(2)?;
    forged[0].certificate.artifact_id = "00".repeat(32);
    let found = told(forged)?;
    ensure!(matches!(found, Err(DurableCompositionError::Link(_))), "{found:?}");
    Ok(())
}
