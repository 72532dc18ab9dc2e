//! The machine does what a literal interpreter of the specification does: the same states after every step, the same
//! events, the same faults, whatever the program and whatever the host does.

use crate::conduct::{self, CONDUCT, Cell};
use crate::dice::Dice;
use crate::generate::{Size, candidate, wild};
use crate::grow::converse;
use crate::lane::Lane;
use crate::model::{Model, hosts};
use crate::mutant::{guard, harmless, mutate};
use crate::owners::Owners;
use crate::scribble::scribble;
use crate::speculate::speculate;
use crate::watched::watch;
use motet_choreo::{EmitOptions, compile_with};
use motet_machine::{
    BackpressurePolicy, BufferConfig, BufferMode, Cancellation, CodeImage, CorruptionType, EffectHandler, FlowPolicy,
    FlowPredicate, GuardLayer, OBSERVABLE_OUTPUT, OpenError, OutputConditionPolicy, ProtocolMachineConfig,
    SessionState, TopologyPerturbation, TraceReader,
};
use motet_runtime::{GuestRuntime, RuntimeError, Schedule, Turn};
use motet_semantic::AuthorityArtifact;
use motet_types::{EffectKind, EffectKinds, EventKind, FaultClass, ImageParts, Instr, LayerId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Turns after which a case has run long enough.
const TURNS: u64 = 400;

/// What a lane has seen: steps, sessions, and how often each event and each class of fault.
#[derive(Debug, Default)]
struct Seen {
    steps: AtomicU64,
    sessions: AtomicU64,
    operations: AtomicU64,
    /// Ticks by the host's clock, and effects that timed out.
    ticks: AtomicU64,
    timed_out: AtomicU64,
    events: [AtomicU64; 32],
    faults: [AtomicU64; 20],
    cells: Mutex<BTreeSet<(&'static str, Cell)>>,
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Changes a program in one of several ways.
fn change(dice: &mut Dice, parts: &mut ImageParts, plans: &mut Vec<Arc<CodeImage>>) -> Result<(), String> {
    match dice.below(5) {
        0 => {
            let (count, children) = (1 + dice.below(3), dice.one_in(2));
            plans.extend(converse(parts, dice, count, children)?);
        }
        1 => {
            let count = 1 + dice.below(3);
            speculate(parts, dice, None, count);
        }
        2 => (0..1 + dice.below(4)).for_each(|_| harmless(dice, parts)),
        3 => guard(dice, parts),
        _ => (0..1 + dice.below(3)).for_each(|_| mutate(dice, parts)),
    }
    Ok(())
}

/// A program that verifies, and the images that its plans name.
pub(super) fn program(dice: &mut Dice) -> Result<(Vec<Arc<CodeImage>>, Arc<CodeImage>), String> {
    loop {
        let size = Size {
            min_roles: 2,
            max_roles: 2 + dice.below(4) as u16,
            messages: 1 + dice.below(8),
            depth: 1 + dice.below(2),
            parallel: dice.one_in(3),
            endless: dice.one_in(2),
            careless: 0,
        };
        let mut parts = if dice.one_in(8) {
            scribble(dice)
        } else {
            let global = if dice.one_in(3) { wild(dice.rng(), &size) } else { candidate(dice.rng(), &size) };
            match compile_with(&global, EmitOptions { step_hooks: dice.one_in(4) }) {
                Ok(parts) => parts,
                Err(_) => continue,
            }
        };
        let mut plans: Vec<Arc<CodeImage>> = Vec::new();
        // What does not verify any more after a change is taken back.
        for _ in 0..dice.below(5) {
            let (mut changed, mut named) = (parts.clone(), plans.clone());
            change(dice, &mut changed, &mut named)?;
            if CodeImage::verify(changed.clone()).is_ok() {
                (parts, plans) = (changed, named);
            }
        }
        plans.sort_by_key(|image| image.digest());
        plans.dedup_by_key(|image| image.digest());
        if let Ok(image) = CodeImage::verify(parts) {
            return Ok((plans, Arc::new(image)));
        }
    }
}

/// Which knowledge may flow: mostly all.
pub(crate) fn flow_policy(dice: &mut Dice) -> FlowPolicy {
    let roles = |names: &[&str]| names.iter().map(|name| String::from(*name)).collect();
    match dice.below(8) {
        0 => FlowPolicy::DenyAll,
        1 => FlowPolicy::AllowRoles(roles(&["Q", "C", "A"])),
        2 => FlowPolicy::DenyRoles(roles(&["Q", "D", "B"])),
        3 => FlowPolicy::PredicateExpr(FlowPredicate::Any(vec![
            FlowPredicate::FactContains("secret".into()),
            FlowPredicate::All(vec![
                FlowPredicate::EndpointRoleMatchesTarget,
                FlowPredicate::TargetRolePrefix("P".into()),
            ]),
        ])),
        _ => FlowPolicy::AllowAll,
    }
}

/// What may become visible: mostly everything, and unasked.
pub(super) fn output_policy(dice: &mut Dice) -> OutputConditionPolicy {
    let list = |names: &[&str]| OutputConditionPolicy::AllowList(names.iter().map(|name| (*name).into()).collect());
    match dice.below(12) {
        0 => OutputConditionPolicy::DenyAll,
        1 => OutputConditionPolicy::AllowAll,
        2 => list(&[OBSERVABLE_OUTPUT, "shown.0", "shown.1"]),
        3 => list(&["shown.0", "shown.1", "shown.2"]),
        4 => list(&[OBSERVABLE_OUTPUT]),
        _ => OutputConditionPolicy::Disabled,
    }
}

fn config(dice: &mut Dice) -> ProtocolMachineConfig {
    let policies = [
        BackpressurePolicy::Block,
        BackpressurePolicy::Block,
        BackpressurePolicy::Drop,
        BackpressurePolicy::Error,
        BackpressurePolicy::Resize { max: 4 },
    ];
    let mode = if dice.one_in(4) { BufferMode::LatestValue } else { BufferMode::Fifo };
    let buffer = BufferConfig { mode, capacity: *dice.pick(&[1, 1, 2, 3]), policy: *dice.pick(&policies) };
    let layer = |id: u16, active: bool| GuardLayer { id: LayerId(id), active };
    let guard_layers =
        if dice.one_in(6) { vec![layer(0, true), layer(1, true), layer(2, !dice.one_in(2))] } else { Vec::new() };
    ProtocolMachineConfig {
        buffer,
        guard_layers,
        flow_policy: flow_policy(dice),
        max_facts: if dice.one_in(8) { 2 } else { 64 },
        max_fact_bytes: if dice.one_in(8) { 4 } else { 64 },
        speculation_depth: if dice.one_in(8) { 1 } else { 4 },
        max_guest_sessions: if dice.one_in(8) { 1 } else { 64 },
        max_coroutines: if dice.one_in(8) { 4 } else { 64 },
        max_payload_bytes: if dice.one_in(8) { 8 } else { 65_536 },
        cancellation: if dice.one_in(4) { Cancellation::Coarse } else { Cancellation::Fine },
        credits: if dice.one_in(4) { Some(dice.below(120) as u64) } else { None },
        instruction_cost: if dice.one_in(4) { 3 } else { 1 },
        effect_budget: if dice.one_in(3) { Some(1 + dice.below(20) as u64) } else { None },
        output_condition_policy: output_policy(dice),
        ..ProtocolMachineConfig::default()
    }
}

/// Something that happens to sites of these names.
pub(super) fn perturbation(dice: &mut Dice, names: &[String]) -> TopologyPerturbation {
    let kind = dice.below(16);
    let mut name = || dice.pick(names).clone();
    let (site, from, to) = (name(), name(), name());
    match kind {
        0 => TopologyPerturbation::Crash { site },
        1..=3 => TopologyPerturbation::Partition { from, to },
        4..=9 => TopologyPerturbation::Heal { from, to },
        10..=12 => TopologyPerturbation::Corrupt { from, to, corruption: *dice.pick(&CorruptionType::ALL) },
        _ => TopologyPerturbation::Timeout { site, duration: dice.below(12) as u64 },
    }
}

pub(super) fn wants(dice: &mut Dice) -> EffectKinds {
    let must = [EffectKind::Choose, EffectKind::InvokeStep, EffectKind::Acquire];
    let wants = must.iter().fold(EffectKinds::NONE, |set, kind| set.with(*kind));
    let may = [EffectKind::SendDecision, EffectKind::Receive, EffectKind::Release, EffectKind::OutputConditionHint];
    may.iter().fold(wants, |set, kind| if dice.one_in(2) { set.with(*kind) } else { set })
}

fn disassembled(image: &CodeImage) -> Vec<Option<Instr>> {
    image.parts().code.iter().map(|word| Instr::decode(*word).ok()).collect()
}

/// Where two states differ, line by line.
fn differences(state: &SessionState, expected: &SessionState) -> String {
    let (state, expected) = (format!("{state:#?}"), format!("{expected:#?}"));
    let lines = state.lines().zip(expected.lines()).enumerate().filter(|(_, (one, other))| one != other);
    lines.take(12).map(|(at, (one, other))| format!("\n{at}: {} / {}", one.trim(), other.trim())).collect()
}

/// The state without what is kept of messages, which the model does not say in digests.
fn forget_ledgers(state: &mut SessionState) {
    state.ledger = None;
    let levels = state.speculation.iter_mut().flat_map(|speculation| &mut speculation.levels);
    levels.for_each(|level| level.session.ledger = None);
}

/// A machine and its model, side by side.
struct Pair<'a> {
    runtime: GuestRuntime,
    model: Model,
    seen: &'a Seen,
}

impl Pair<'_> {
    fn open(&mut self, image: motet_machine::ImageId, code: usize) -> Result<(), String> {
        let opened = match self.runtime.open(image) {
            Err(RuntimeError::Open(OpenError::Crashed { .. })) if self.model.has_crashed(code) => return Ok(()),
            opened => opened.map_err(text)?,
        };
        ensure!(!self.model.has_crashed(code), "{opened} has a role whose site has crashed");
        ensure!(self.model.open(code) == opened, "{opened} was opened");
        add(&self.seen.sessions, 1);
        Ok(())
    }

    /// One turn of both; whether anything ran.
    fn turn(&mut self, host: &impl EffectHandler) -> Result<bool, String> {
        let turn = self.runtime.turn(host).map_err(text)?;
        let stepped = self.model.turn();
        let of = match (turn, stepped) {
            (Turn::Ran(0 | 1), Some(of)) => of,
            (Turn::Idle, None) => return Ok(false),
            other => return Err(format!("the machine and the model went {other:?}")),
        };
        add(&self.seen.steps, 1);
        self.same_state(of)?;
        self.model.coherent()?;
        Ok(true)
    }

    /// Somebody does something to a session's ownership.
    fn own(&mut self, dice: &mut Dice, owners: &mut Owners) -> Result<(), String> {
        let session = SessionId(dice.below(self.runtime.machine().tally().opened as usize) as u64);
        let operation = owners.operation(session, self.model.is_owned(session));
        let expected = self.model.own(session, &operation);
        let came = match self.runtime.own(session, operation.clone()) {
            Ok(outcome) => Ok((outcome.issued, outcome.ended)),
            Err(RuntimeError::Ownership(refusal)) => Err(refusal.rule().ok_or(refusal.to_string())?),
            Err(other) => return Err(text(other)),
        };
        let what = || format!("{operation:?} of {session}");
        ensure!(came == expected, "{} came to {came:?}, in the model {expected:?}", what());
        owners.was_issued(came.ok().and_then(|(issued, _)| issued));
        add(&self.seen.operations, 1);
        self.same_state(session).map_err(|why| format!("after {}: {why}", what()))?;
        self.same_audit().map_err(|why| format!("after {}: {why}", what()))
    }

    /// What has become of artifacts. Timeouts of sites are not the owners' business.
    fn same_audit(&mut self) -> Result<(), String> {
        let sites = |artifact: &AuthorityArtifact| matches!(artifact, AuthorityArtifact::Timeout(witness) if witness.witness_id >> 63 == 1);
        let audit: Vec<_> =
            self.runtime.drain_audit().into_iter().map(|record| (record.artifact, record.event)).collect();
        let told: Vec<_> = audit.into_iter().filter(|(artifact, _)| !sites(artifact)).collect();
        let expected = self.model.audit();
        ensure!(told == expected, "the audit is {told:?}, in the model {expected:?}");
        Ok(())
    }

    /// Whether somebody waits for the host.
    fn waits(&self) -> bool {
        self.runtime.machine().pending_count() > 0
    }

    /// Something happens to sites and links.
    fn perturb(&mut self, dice: &mut Dice, names: &[String]) -> Result<(), String> {
        let list: Vec<_> = (0..1 + dice.below(3)).map(|_| perturbation(dice, names)).collect();
        let outcome = self.runtime.perturb(&list).map_err(text)?;
        let concerned = self.model.perturb(&list);
        ensure!(outcome.sessions == concerned, "{list:?} concerns {}, in the model {concerned}", outcome.sessions);
        for session in self.model.sessions().collect::<Vec<_>>() {
            self.same_state(session).map_err(|why| format!("after {list:?}: {why}"))?;
        }
        let sessions = self.runtime.machine().live_sessions();
        ensure!(sessions == self.model.sessions().count(), "after {list:?} {sessions} sessions are alive");
        Ok(())
    }

    /// Time passes by the host's clock.
    fn advance(&mut self, ticks: u64) -> Result<(), String> {
        self.runtime.advance(ticks).map_err(text)?;
        self.model.advance(ticks);
        add(&self.seen.ticks, ticks);
        self.model.sessions().collect::<Vec<_>>().into_iter().try_for_each(|session| self.same_state(session))
    }

    /// The state of a session, proved against the root.
    fn same_state(&mut self, of: SessionId) -> Result<(), String> {
        let expected = self.model.session(of);
        let there = self.runtime.machine().sessions().any(|session| session == of);
        ensure!(there == expected.is_some(), "{of} is there: {there}, in the model: {}", expected.is_some());
        let Some(expected) = expected else { return Ok(()) };
        let root = self.runtime.settle_root();
        let proof = self.runtime.prove_session(of).map_err(text)?;
        let (_, mut state) = proof.verify(root, of).map_err(text)?;
        self.model.keeps(of, state.ledger.as_deref()).map_err(|why| format!("{of}: {why}"))?;
        forget_ledgers(&mut state);
        let ownership = state.ownership.take();
        self.model.owns(of, ownership.as_deref()).map_err(|why| format!("{of}: {why}"))?;
        ensure!(state == expected, "{of} is not as in the model: {}", differences(&state, &expected));
        Ok(())
    }

    /// One effect that the host has taken on is answered; whether there was any.
    fn complete(&mut self, dice: &mut Dice) -> Result<bool, String> {
        let outstanding: BTreeMap<_, _> = self.runtime.outstanding().map(|(id, at)| (at, id)).collect();
        let expected: BTreeSet<_> = self.model.outstanding().collect();
        ensure!(outstanding.keys().eq(&expected), "outstanding {outstanding:?}, in the model {expected:?}");
        if outstanding.is_empty() {
            return Ok(false);
        }
        let at = *dice.pick(&outstanding.keys().copied().collect::<Vec<_>>());
        let outcome = self.model.complete(at).ok_or("the model waits for it")?;
        self.runtime.complete(outstanding[&at], outcome).map_err(text)?;
        self.same_state(at.session)?;
        Ok(true)
    }

    /// The last events of both, for people.
    fn lately(&self) -> String {
        let tail = |events: Vec<String>| events.into_iter().rev().take(24).rev().collect::<Vec<_>>().join("\n");
        let machine = self.runtime.machine().events().into_iter();
        let machine = machine.map(|event| format!("  {} {:?} {:?}", event.tick, event.session, event.event)).collect();
        let model = self.model.events().iter().map(|(session, event)| format!("  {session:?} {event:?}")).collect();
        let faults = format!("{:?}, in the model {:?}", self.runtime.faults(), self.model.faults());
        format!("\nthe machine's last events:\n{}\nthe model's:\n{}\nfaults {faults}", tail(machine), tail(model))
    }

    /// What can be seen besides states and events.
    fn same_account(&mut self) -> Result<(), String> {
        let events = self.runtime.machine().events().into_iter().map(|event| (event.session, event.event));
        let events: Vec<_> = events.collect();
        let told = self.model.events();
        if let Some(at) = (0..events.len().max(told.len())).find(|at| events.get(*at) != told.get(*at)) {
            return Err(format!("event {at} is {:?}, in the model {:?}", events.get(at), told.get(at)));
        }
        events.iter().for_each(|(_, event)| add(&self.seen.events[event.kind as usize], 1));
        let (bytes, mut texts) = (self.runtime.machine().trace_bytes(), Vec::new());
        let mut reader = TraceReader::new(&bytes);
        while let Some(event) = reader.next() {
            let spelt = [EventKind::Tagged, EventKind::Checked, EventKind::OutputConditionChecked];
            if spelt.contains(&event.map_err(text)?.event.kind) {
                texts.push(reader.text().to_owned());
            }
        }
        ensure!(texts == self.model.texts(), "the texts {texts:?}, in the model {:?}", self.model.texts());
        let (status, expected) = (self.runtime.status(), self.model.status());
        ensure!(status == expected, "the run is {status:?}, in the model {expected:?}");
        let tally = *self.runtime.machine().tally();
        let (counted, expected) = ([tally.steps, tally.messages, tally.dropped], self.model.tally());
        ensure!(counted == expected, "steps, messages and dropped: {counted:?}, in the model {expected:?}");
        let (counted, expected) = ([tally.cancelled, tally.faulted], self.model.ends());
        ensure!(counted == expected, "cancelled and faulted: {counted:?}, in the model {expected:?}");
        let corrupted = self.runtime.machine().topology().corrupted_payloads();
        ensure!(corrupted == self.model.corrupted(), "corrupted {corrupted}, in the model {}", self.model.corrupted());
        let faults = self.runtime.faults().iter();
        let faults: Vec<_> = faults.map(|one| (one.session, one.fault.class(), one.coroutine.0, one.pc.0)).collect();
        ensure!(faults == self.model.faults(), "faults {faults:?}, in the model {:?}", self.model.faults());
        faults.iter().for_each(|(_, class, ..)| add(&self.seen.faults[*class as usize], 1));
        let timed_out = self.runtime.faults().iter().filter(|one| one.fault.to_string().contains("within its budget"));
        add(&self.seen.timed_out, timed_out.count() as u64);
        let given = self.runtime.drain_delegations().into_iter();
        let given = given.map(|one| {
            let numbers = [one.session, one.receipt_id, one.from_coro, one.to_coro, one.progress_tokens];
            (numbers, one.knowledge)
        });
        let given: Vec<_> = given.collect();
        let told = self.model.receipts().into_iter().map(|(island, one)| {
            let session = island.guest(one.guest);
            let (from, to) = (u64::from(one.from.0), u64::from(one.to.0));
            ([session.0, u64::from(one.number), from, to, u64::from(one.token)], one.facts)
        });
        let told: Vec<_> = told.collect();
        ensure!(given == told, "receipts {given:?}, in the model {told:?}");
        let strange = self.model.seen().iter().find(|(instr, cell)| !conduct::knows(instr, *cell));
        ensure!(strange.is_none(), "the table of conduct does not have {strange:?}");
        self.seen.cells.lock().unwrap_or_else(PoisonError::into_inner).extend(self.model.seen());
        let heap = self.runtime.machine().heap();
        let (live, consumed) = self.model.evidence();
        let counted = (heap.live_count() as usize, heap.consumed_count() as usize);
        ensure!(counted == (live.len(), consumed), "the heap has {counted:?}, the model {live:?} and {consumed}");
        Ok(())
    }
}

fn case(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let (plans, image) = program(&mut dice)?;
    let config = config(&mut dice);
    let (config, wants) = (watch(&mut dice, config), wants(&mut dice));
    let budgeted = config.effect_budget.is_some();
    let grim = *dice.pick(&[0, 0, 0, 40, 8]);
    let (host, model_host) = hosts(dice.word(), wants, grim);
    let schedule = Schedule { wave: 1, fuel: 1, chunk: 1, window: 1, turn: 1, ..Schedule::default() };
    let runtime = GuestRuntime::new(config.clone(), schedule).map_err(text)?;
    let mut pair = Pair { runtime, model: Model::new(config, model_host), seen };
    for plan in &plans {
        pair.runtime.load(Arc::clone(plan)).map_err(text)?;
        pair.model.load(plan.parts(), plan.digest())?;
    }
    let id = pair.runtime.load(Arc::clone(&image)).map_err(text)?;
    let code = pair.model.load(image.parts(), image.digest())?;
    let told = |why: String| format!("{why}\nof {:?}\n{:?}", disassembled(&image), image.parts().tables);
    for _ in 0..1 + dice.below(3) {
        pair.open(id, code)?;
    }
    // Half of the cases have whole links throughout.
    let perturbed = *dice.pick(&[0, 0, 15, 60]);
    let names: Vec<String> =
        plans.iter().chain([&image]).flat_map(|image| &image.parts().roles).map(|role| role.name.clone()).collect();
    // What is done to an edge needs one.
    let owned = if image.parts().edges.is_empty() { 0 } else { *dice.pick(&[0, 0, 30, 8]) };
    let roles = image.parts().roles.iter().map(|role| role.name.clone()).collect();
    let mut owners = Owners::of(dice.word(), id, roles);
    let walk = Walk { image: id, code, owned, perturbed, budgeted, names };
    walk.go(&mut pair, &mut dice, &mut owners, &host).map_err(|why| told(format!("{why}{}", pair.lately())))
}

/// What may happen to a case besides its steps.
struct Walk {
    image: motet_machine::ImageId,
    code: usize,
    /// Owners do something one time in so many, sites and links one time in so many; never where it is 0.
    owned: usize,
    perturbed: usize,
    budgeted: bool,
    names: Vec<String>,
}

impl Walk {
    fn go(
        &self,
        pair: &mut Pair<'_>,
        dice: &mut Dice,
        owners: &mut Owners,
        host: &impl EffectHandler,
    ) -> Result<(), String> {
        for _ in 0..TURNS {
            if self.owned > 0 && dice.one_in(self.owned) {
                pair.own(dice, owners)?;
            }
            if self.perturbed > 0 && dice.one_in(self.perturbed) {
                pair.perturb(dice, &self.names)?;
            }
            if dice.one_in(100) {
                pair.open(self.image, self.code)?;
            }
            if self.budgeted && dice.one_in(40) {
                pair.advance(dice.below(8) as u64)?;
            }
            // Now and then an answer comes while others run.
            if dice.one_in(20) {
                pair.complete(dice)?;
            }
            let ran = pair.turn(host)?;
            if !ran && self.budgeted && pair.waits() && dice.one_in(3) {
                // The host says nothing for a while.
                pair.advance(1 + dice.below(25) as u64)?;
                continue;
            }
            if !ran && !pair.model.may_ask() && !pair.complete(dice)? {
                break;
            }
        }
        for session in pair.model.sessions().collect::<Vec<_>>() {
            pair.same_state(session)?;
        }
        pair.same_audit()?;
        pair.same_account()
    }
}

fn lane(cases: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    cases.run(|seed| case(seed, &seen))?;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let events = EventKind::ALL.iter().map(|kind| (kind.name(), count(&seen.events[*kind as usize])));
    let faults =
        (1..=17).filter_map(FaultClass::from_number).map(|class| (class.code(), count(&seen.faults[class as usize])));
    let told: Vec<String> =
        events.chain(faults).filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
    let cells = seen.cells.lock().unwrap_or_else(PoisonError::into_inner);
    let table = CONDUCT.iter().flat_map(|row| row.cells.iter().map(|(cell, _)| (row.instr, *cell)));
    let missing: Vec<_> = table.clone().filter(|cell| !cells.contains(cell)).collect();
    println!("{} of {} cells of conduct seen, not {missing:?}", cells.len(), table.count());
    let (steps, sessions, operations) = (count(&seen.steps), count(&seen.sessions), count(&seen.operations));
    let (ticks, timed_out) = (count(&seen.ticks), count(&seen.timed_out));
    println!("{ticks} ticks by the host's clock, {timed_out} effects timed out");
    println!("{steps} steps of {sessions} sessions, {operations} operations of owners: {}", told.join(", "));
    Ok(())
}

/// Step by step as the model, in the share of continuous integration or the full lane.
pub fn the_machine_is_its_model() -> Result<(), String> {
    lane(&Lane::new("model", 20_000))
}

/// The same in small, for planted faults.
pub fn the_machine_is_its_model_in_small() -> Result<(), String> {
    lane(&Lane::fixed("model", 150))
}
