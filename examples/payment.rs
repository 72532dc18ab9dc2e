//! A payment that awaits approval while fifty thousand other effects go by, in a process that is killed again and again
//! and whose log is cut every few thousand records. It is charged exactly once.
//!
//! `cargo run -p motet-runtime --example payment`, and with `-- --naive` what comes of keeping the last records only.

use motet_choreo::{EmitOptions, Source, compile, compile_with, load};
use motet_runtime::log::Options;
use motet_runtime::log::sim::{SimDisk, Survival};
use motet_runtime::machine::*;
use motet_runtime::{Durable, DurableGuestRuntime, DurableOptions, Inline, RunStatus, Schedule, Turn};
use motet_types::{EffectKind, EffectKinds};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

/// What goes on meanwhile: each round asks for a decision and tells of a receive, two effects.
const WORK: &str = "
protocol Work =
  roles Clerk, Desk
  rec Next
    choice Clerk at
      | More =>
        Clerk -> Desk : More(Nat)
        continue Next
      | Done =>
        Clerk -> Desk : Done
";
/// Afterwards the clerk's machine asks the bank: see `payment` below.
const PAYMENT: &str = "
protocol Payment =
  roles Buyer, Seller
  Buyer -> Seller : Order(Nat)
";
const ROUNDS: u32 = 25_000;
/// Records after which the log is cut.
const CUT: u64 = 5_000;
/// Records after which the bank approves.
const APPROVED: u64 = 20_000;

/// The bank, and the desk where the work is done. It outlives every crash.
#[derive(Default)]
struct Bank {
    charged: Mutex<BTreeMap<EffectId, u32>>,
}

impl EffectHandler for Bank {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::Choose).with(EffectKind::Receive).with(EffectKind::InvokeStep)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        match request.body {
            EffectRequestBody::Choose { .. } => {
                let done = request.coordinate.counter >= ROUNDS;
                EffectOutcome::Success(EffectResponse::Choose(usize::from(done)))
            }
            EffectRequestBody::InvokeStep { .. } => {
                // One charge for each id, however often it is asked for; the approval comes later.
                self.charged.lock().expect("no panic holds it").entry(request.effect_id()).or_insert(1);
                EffectOutcome::Pending
            }
            _ => EffectOutcome::accept(request.kind()),
        }
    }
}

/// The payment's image: behind its message each role asks `bank.charge`, which takes its time.
fn payment() -> Result<CodeImage, Box<dyn Error>> {
    let global = load(&Source::from_text("payment.tell", PAYMENT)?)?;
    let mut parts = compile_with(&global, EmitOptions { step_hooks: true })?;
    for effect in &mut parts.effects {
        (effect.interface, effect.operation, effect.may_block) = ("bank".into(), "charge".into(), true);
    }
    Ok(CodeImage::verify(parts)?)
}

fn options() -> DurableOptions {
    // Small segments, so that a cut gives some of them back.
    let log = Options { block: 512, segment: 1 << 16, group: 1 << 14, ..Options::default() };
    DurableOptions { log, checkpoint_records: CUT, beside: false, ..DurableOptions::default() }
}

fn begin(disk: &SimDisk) -> Result<DurableGuestRuntime, Box<dyn Error>> {
    // Short turns, so that there are many records to cut.
    let schedule = Schedule { wave: 1, fuel: 3, chunk: 1, window: 1, turn: 1, ..Schedule::default() };
    let config = ProtocolMachineConfig { trace: TraceMode::Capped(0), ..Default::default() };
    let mut run = Durable::create(Arc::new(disk.clone()), options(), config, schedule, Inline::default())?;
    let work = run.load(CodeImage::verify(compile(&load(&Source::from_text("work.tell", WORK)?)?)?)?)?;
    let payment = run.load(payment()?)?;
    run.open(payment)?;
    run.open(work)?;
    run.sync()?;
    Ok(run)
}

/// Takes the run to its end. Before every `kill`-th turn the machine loses its power: what was not synced is lost, torn or kept as
/// the dice have it. Answers the run, how often that happened, and how many effects were asked again.
fn run(bank: &Bank, kill: Option<u64>) -> Result<(DurableGuestRuntime, u32, usize), Box<dyn Error>> {
    let mut disk = SimDisk::new();
    let (mut run, mut kills, mut again, mut turns) = (begin(&disk)?, 0, 0, 0_u64);
    let mut dice = 88_172_645_463_325_252_u64;
    let mut draw = move || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice
    };
    let mut next = kill.map(|every| 1 + draw() % every);
    loop {
        turns += 1;
        if next.is_some_and(|next| turns >= next) {
            let chance = Survival::Chance(draw() as u8);
            disk = SimDisk::from_image(&disk.platter().crash(chance, &mut || draw() as u8));
            drop(run);
            let (recovered, plan) = Durable::recover(Arc::new(disk.clone()), options())?;
            (run, kills, again) = (recovered, kills + 1, again + plan.reasked.len());
            next = kill.map(|every| turns + 1 + draw() % every);
        }
        let turn = run.turn(bank)?;
        if turns % 100 == 0 {
            // What is not synced may be lost, and is then done again.
            run.sync()?;
        }
        let (records, working) = (run.log().end().get(), run.runtime().machine().live_sessions() > 1);
        if records >= APPROVED || !working {
            let approved: Vec<EffectId> = run.outstanding().map(|(id, _)| id).collect();
            for id in approved {
                run.complete(id, EffectOutcome::accept(EffectKind::InvokeStep))?;
            }
        }
        if turn == Turn::Idle && run.runtime().status() != RunStatus::Waiting {
            run.sync()?;
            return Ok((run, kills, again));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|arg| arg == "--naive") {
        return naive();
    }
    let (bank, calm) = (Bank::default(), Bank::default());
    let (killed, kills, again) = run(&bank, Some(2_500))?;
    let tally = *killed.runtime().machine().tally();
    println!("{} messages, {kills} losses of power, {again} effects asked again", tally.messages);
    println!("the log holds records {} to {}", killed.log().first(), killed.log().end());
    for (id, times) in &*bank.charged.lock().expect("no panic holds it") {
        println!("charged {times} time under {}", id.0);
    }
    let (undisturbed, _, _) = run(&calm, None)?;
    let (one, other) = (killed.runtime().machine().tally(), undisturbed.runtime().machine().tally());
    assert_eq!((one.closed, one.messages), (other.closed, other.messages), "the same came of it");
    assert_eq!(*bank.charged.lock().expect("ours"), *calm.charged.lock().expect("ours"), "the same charges");
    assert_eq!(bank.charged.lock().expect("ours").values().sum::<u32>(), 2, "one charge for each of two roles");
    println!("exactly once each, as in a run that nothing disturbs");
    Ok(())
}

/// Without spans and checkpoints: a log that keeps its last records, whatever they are about. After a crash, a payment
/// whose request is no longer there is taken for one that was never made.
fn naive() -> Result<(), Box<dyn Error>> {
    let (mut log, mut charges) = (Vec::new(), 0);
    let mut asked = false;
    for record in 0..2 * ROUNDS {
        if !asked {
            charges += 1;
            log.push("payment: asked");
            asked = true;
        }
        log.push("work");
        if log.len() as u64 > CUT {
            log.drain(..log.len() - CUT as usize);
        }
        if record % 9_000 == 8_999 {
            // Killed: all that is known is what the log says.
            asked = log.contains(&"payment: asked");
        }
    }
    let orphan = !log.contains(&"payment: asked");
    println!(
        "keeping the last {CUT} records: charged {charges} times, and the answer finds {} request",
        if orphan { "no" } else { "its" }
    );
    Err(format!("the payment was made {charges} times").into())
}
