//! Whatever the verifier lets in runs without a fault, and whatever bytes come in are read or refused.

use crate::dice::Dice;
use crate::generate::{Size, candidate, wild};
use crate::lane::Lane;
use crate::mutant::{mutate, scramble};
use crate::scribble::scribble;
use crate::witness::{Witness, choices_are_obeyed};
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{BackpressurePolicy, BufferConfig, BufferMode, CodeImage, ProtocolMachineConfig, TraceMode};
use motet_runtime::{GuestRuntime, RunStatus, Schedule, SeededHost};
use motet_types::{Fault, FaultClass, ImageParts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Programs made from one protocol before the next is drawn.
const LITTER: u64 = 25;
/// Steps after which a program has run long enough.
const STEPS: u64 = 160;

/// What a lane has seen.
#[derive(Debug, Default)]
struct Seen {
    programs: AtomicU64,
    verified: AtomicU64,
    scribbled: AtomicU64,
    scribbles_verified: AtomicU64,
    scrambled_verified: AtomicU64,
    runs: AtomicU64,
    completed: AtomicU64,
    messages: AtomicU64,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// Runs a verified image with hosts that answer well: there must be no fault, and nobody may wait for ever.
fn sound(dice: &mut Dice, image: &Arc<CodeImage>, seen: &Seen) -> Result<(), String> {
    for _ in 0..2 {
        let lossless = [BackpressurePolicy::Block, BackpressurePolicy::Resize { max: 1000 }];
        let lossy = [BackpressurePolicy::Drop, BackpressurePolicy::Error];
        let loses = dice.one_in(6);
        let policy = *dice.pick(if loses { &lossy } else { &lossless });
        let mode = if dice.one_in(4) { BufferMode::LatestValue } else { BufferMode::Fifo };
        let buffer = BufferConfig { mode, capacity: *dice.pick(&[1, 1, 2, 5]), policy };
        let config = ProtocolMachineConfig { buffer, trace: TraceMode::Disabled, ..ProtocolMachineConfig::default() };
        let fuel = *dice.pick(&[1, 3, 256]);
        let schedule = Schedule { wave: 4, fuel, ..Schedule::default() };
        let mut runtime = GuestRuntime::new(config, schedule).map_err(|error| error.to_string())?;
        let id = runtime.load(Arc::clone(image)).map_err(|error| error.to_string())?;
        runtime.open(id).map_err(|error| error.to_string())?;
        runtime.limit_steps(STEPS);
        let host = Witness::new(SeededHost::new(dice.word()));
        let status = runtime.run(&host).map_err(|error| error.to_string())?;
        if !loses {
            choices_are_obeyed(&host.take())?;
        }
        add(&seen.runs, 1);
        add(&seen.messages, runtime.machine().tally().messages);
        for report in runtime.faults() {
            // Text that is no evidence does not release a guard: the types do not know, and the machine does.
            let class = report.fault.class();
            let evidence = matches!(report.fault, Fault::Evidence { .. });
            ensure!(
                evidence || loses && class == FaultClass::Buffer,
                "{mode:?} {policy:?}: a verified program faults: {report:?}"
            );
        }
        match status {
            RunStatus::Completed => add(&seen.completed, 1),
            RunStatus::MaxSteps | RunStatus::Faulted => {}
            RunStatus::Stuck | RunStatus::Waiting => {
                return Err(format!("{buffer:?}: a verified program is {}", status.name()));
            }
        }
    }
    Ok(())
}

/// The parts of a random protocol; its roles may even not be able to follow it.
fn protocol(dice: &mut Dice) -> ImageParts {
    let size = Size {
        min_roles: 2,
        max_roles: 2 + dice.below(4) as u16,
        messages: 1 + dice.below(8),
        depth: 1 + dice.below(2),
        parallel: dice.one_in(3),
        endless: dice.one_in(2),
        careless: 0,
    };
    loop {
        let global = if dice.one_in(3) { wild(dice.rng(), &size) } else { candidate(dice.rng(), &size) };
        if let Ok(parts) = compile_with(&global, EmitOptions { step_hooks: dice.one_in(4) }) {
            return parts;
        }
    }
}

/// One litter of programs from one protocol, and as many scribbles as make up for a third of all.
fn litter(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let origin = protocol(&mut dice);
    for at in 0..LITTER {
        let scribbled = at % 3 == 2;
        let mut parts = if scribbled { scribble(&mut dice) } else { origin.clone() };
        let mut scrambled = false;
        match dice.below(10) {
            0 if !scribbled => {
                scramble(&mut dice, &mut parts);
                scrambled = true;
            }
            throw => {
                let mutations = if scribbled { throw / 5 } else { 1 + throw / 4 };
                (0..mutations).for_each(|_| mutate(&mut dice, &mut parts));
            }
        }
        add(&seen.programs, 1);
        add(&seen.scribbled, u64::from(scribbled));
        if let Ok(image) = CodeImage::verify(parts.clone()) {
            add(&seen.verified, 1);
            add(&seen.scribbles_verified, u64::from(scribbled));
            add(&seen.scrambled_verified, u64::from(scrambled));
            let image = Arc::new(image);
            let told = |why| format!("program {at} of the litter: {why}; {parts:?}");
            sound(&mut dice, &image, seen).map_err(told)?;
        }
    }
    Ok(())
}

fn lane(programs: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    let litters = programs.per(LITTER);
    litters.run(|seed| litter(seed, &seen))?;
    let counts = [
        &seen.programs,
        &seen.verified,
        &seen.scribbled,
        &seen.scribbles_verified,
        &seen.scrambled_verified,
        &seen.runs,
        &seen.completed,
        &seen.messages,
    ];
    let counts = counts.map(|count| count.load(Ordering::Relaxed));
    let [programs, verified, scribbled, scribbles, scrambled, runs, completed, messages] = counts;
    println!(
        "{programs} programs, {verified} verified (of {scribbled} with random tables {scribbles}; with random code \
         {scrambled}); {runs} runs, {completed} of them to the end, {messages} messages; no fault, nobody stuck"
    );
    ensure!(verified * 10 >= programs, "only {verified} of {programs} programs verify: the lane sees too little");
    ensure!(scribbles * 20 >= scribbled, "only {scribbles} of {scribbled} random tables verify");
    Ok(())
}

/// The soundness lane.
pub fn verified_programs_do_not_fault() -> Result<(), String> {
    lane(&Lane::new("soundness", 20_000))
}

/// A small share of the soundness lane, for the mutation test.
pub fn verified_programs_do_not_fault_in_small() -> Result<(), String> {
    lane(&Lane::fixed("soundness", 5_000))
}

/// Runs a verified image of unknown origin as the lane does.
pub fn runs_soundly(dice: &mut Dice, image: &Arc<CodeImage>) -> Result<(), String> {
    sound(dice, image, &Seen::default())
}
