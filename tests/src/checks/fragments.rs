//! Replay fragments: a run has one, and whatever did the same has the same one to the byte.

use crate::dice::Dice;
use crate::drawn::Drawn;
use crate::lane::Lane;
use crate::walk::{Run, Setup};
use motet_bridge::{CanonicalReplayFragment, FragmentError, SERIALIZATION_SCHEMA_VERSION, read_document};
use motet_machine::{
    CommunicationReplayMode, CorruptionType, EffectHandler, EffectOutcome, EffectResponse, OwnershipOperation,
    SendDecision, TopologyPerturbation,
};
use motet_runtime::{
    Executor, GuestRuntime, Inline, Input, RunRecord, Runtime, Seeded, SeededHost, Threads, log_record,
};
use motet_semantic::OwnershipScope;
use motet_types::{RoleId, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps for each session before a run is stopped.
const STEPS: u64 = 150;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A run of a random protocol, with everything on of which a fragment has something.
struct Case {
    drawn: Drawn,
    /// What happens to its sites and links before it begins.
    perturbations: Vec<TopologyPerturbation>,
}

impl Case {
    fn of(seed: u64) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let mut drawn = Drawn::of(seed, &mut dice, STEPS)?;
        let setup = &mut drawn.setup;
        setup.config.semantic_objects = Some(1 + dice.below(200) as u32);
        setup.config.communication_replay_mode = *dice.pick(&CommunicationReplayMode::ALL);
        setup.config.max_consumptions = u32::MAX;
        let image = &drawn.image;
        let name = |at: usize| image.role_name(RoleId((at % image.role_count()) as u16)).to_owned();
        let (first, second, third) = (dice.below(8), dice.below(8), dice.below(8));
        let mut perturbations = Vec::new();
        if dice.one_in(4) {
            perturbations.push(TopologyPerturbation::Crash { site: name(first) });
        }
        if name(first) != name(second) && dice.one_in(2) {
            let (from, to) = (name(first), name(second));
            perturbations.push(match dice.one_in(2) {
                true => TopologyPerturbation::Partition { from, to },
                false => TopologyPerturbation::Corrupt { from, to, corruption: CorruptionType::BitFlip },
            });
        }
        if dice.one_in(3) {
            perturbations.push(TopologyPerturbation::Timeout { site: name(third), duration: 1 + seed % 2000 });
        }
        Ok(Self { drawn, perturbations })
    }

    /// What comes in from outside before the first turn.
    fn claim() -> OwnershipOperation {
        OwnershipOperation::Claim { owner_id: "host".into(), scope: OwnershipScope::Session }
    }

    fn run<E: Executor<Arc<SeededHost>>>(&self, executor: E) -> Result<Runtime<E>, String> {
        let mut runtime = self.drawn.setup.start(&self.drawn.image, executor)?;
        let _claimed = runtime.own(SessionId(0), Self::claim()).map_err(text)?;
        let _happened = runtime.perturb(&self.perturbations).map_err(text)?;
        runtime.run(&Arc::new(self.drawn.host())).map_err(text)?;
        Ok(runtime)
    }

    /// The run in a log, broken off after some turns, and gone on with: its record, out of the log.
    fn logged(&self, dice: &mut Dice) -> Result<RunRecord, String> {
        let logged = self.drawn.logged(dice, |run| {
            let _claimed = run.own(SessionId(0), Self::claim()).map_err(text)?;
            let _happened = run.perturb(&self.perturbations).map_err(text)?;
            Ok(())
        })?;
        drop(logged.run);
        log_record(Arc::new(logged.disk), &logged.options).map_err(text)
    }
}

fn of<E>(runtime: &Runtime<E>) -> Result<CanonicalReplayFragment, String> {
    let record = RunRecord::of(runtime).ok_or("nothing was recorded")?;
    CanonicalReplayFragment::of(&record, runtime).map_err(text)
}

#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU64,
    consumed: AtomicU64,
    audited: AtomicU64,
    failed_sites: AtomicU64,
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(more as u64, Ordering::Relaxed);
}

fn case(seed: u64, seen: &Seen) -> Result<(), String> {
    let mut dice = Dice::new(seed ^ 0x51a7);
    let case = Case::of(seed)?;
    let runtime = case.run(Inline::default())?;
    let live = of(&runtime)?;
    add(&seen.answers, live.effect_trace.len());
    add(&seen.consumed, live.communication_consumption_artifacts.len());
    add(&seen.audited, live.semantic_audit_log.len());
    add(&seen.failed_sites, live.crashed_sites.len() + live.timed_out_sites.len());
    let bytes = live.to_bytes();
    let same = |what: &str, other: &CanonicalReplayFragment| -> Result<(), String> {
        let other = other.to_bytes();
        let differs = bytes.iter().zip(&other).position(|(one, other)| one != other);
        let at = differs.unwrap_or(bytes.len().min(other.len()));
        let near = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(60).min(bytes.len())..(at + 60).min(bytes.len())])
                .into_owned()
        };
        ensure!(bytes == other, "{what}: at byte {at}: {} and {}", near(&bytes), near(&other));
        Ok(())
    };
    same("on threads", &of(&case.run(Threads::eager(3).map_err(text)?)?)?)?;
    same("in another order", &of(&case.run(Seeded::new(dice.word()))?)?)?;
    // As a file, read and run again: what the configuration keeps of received messages is not in it.
    let again = case.run(Inline::default())?;
    let written = Run::of(runtime, &case.drawn.host())?;
    let record = RunRecord::from_bytes(&written.record).map_err(text)?;
    ensure!(record.config.max_consumptions == 0, "the file says what is kept");
    same("replayed", &CanonicalReplayFragment::replayed(&record).map_err(text)?)?;
    let logged = case.logged(&mut dice)?;
    same("recovered", &CanonicalReplayFragment::replayed(&logged).map_err(text)?)?;
    // It is a document.
    let read: CanonicalReplayFragment =
        read_document(&String::from_utf8_lossy(&bytes), Some(SERIALIZATION_SCHEMA_VERSION)).map_err(text)?;
    ensure!(read == live, "read back it is another one");
    same("read back", &read)?;
    // Whoever was answered otherwise has another one.
    let mut changed = record.clone();
    let answers = changed.inputs.iter_mut().filter_map(|(_, input)| match input {
        Input::Effect(effect) => Some(effect),
        _ => None,
    });
    let otherwise = EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Drop));
    if let Some(answer) = answers.into_iter().find(|answer| answer.outcome != otherwise) {
        answer.outcome = otherwise;
        let other = CanonicalReplayFragment::of(&changed, &again).map_err(text)?;
        ensure!(other.effect_trace != live.effect_trace, "another answer is not seen");
    }
    Ok(())
}

fn lane(lane: &Lane) -> Result<(), String> {
    let seen = Seen::default();
    lane.run(|seed| case(seed, &seen))?;
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let Seen { answers, consumed, audited, failed_sites } = &seen;
    println!(
        "fragments equal to the byte, with {} answers, {} messages consumed, {} audit records and {} failed sites",
        count(answers),
        count(consumed),
        count(audited),
        count(failed_sites)
    );
    if lane.cases() >= 60 {
        let all = [answers, consumed, audited, failed_sites];
        ensure!(all.iter().all(|it| count(it) > 0), "the lane saw too little: {seen:?}");
    }
    Ok(())
}

/// The property lane.
pub fn fragments_are_equal_to_the_byte() -> Result<(), String> {
    lane(&Lane::new("fragments", 60))
}

/// A few cases of the property lane, for the mutation test.
pub fn fragments_are_equal_in_small() -> Result<(), String> {
    lane(&Lane::fixed("fragments", 12))
}

/// What has no fragment says why.
pub fn fragments_are_whole_or_refused() -> Result<(), String> {
    let case = Case::of(5)?;
    let mut setup = case.drawn.setup.clone();
    (setup.config.communication_replay_mode, setup.config.max_consumptions) = (CommunicationReplayMode::Sequence, 0);
    let run = |setup: &Setup| -> Result<GuestRuntime, String> {
        let mut runtime = setup.guest(&case.drawn.image)?;
        let host: &dyn EffectHandler = &case.drawn.host();
        runtime.run(host).map_err(text)?;
        Ok(runtime)
    };
    let refused = |runtime: &GuestRuntime| -> Result<Option<FragmentError>, String> {
        let record = RunRecord::of(runtime).ok_or("nothing was recorded")?;
        Ok(CanonicalReplayFragment::of(&record, runtime).err())
    };
    let none_kept = run(&setup)?;
    let found = refused(&none_kept)?;
    ensure!(matches!(found, Some(FragmentError::Consumptions { kept: 0, .. })), "{found:?}");
    setup.config.max_consumptions = 1;
    let found = refused(&run(&setup)?)?;
    ensure!(matches!(found, Some(FragmentError::Consumptions { kept: 1, lost: 1.. })), "{found:?}");
    // Its record has one all the same.
    let record = RunRecord::of(&none_kept).ok_or("nothing was recorded")?;
    let whole = CanonicalReplayFragment::replayed(&record).map_err(text)?;
    ensure!(!whole.communication_consumption_artifacts.is_empty(), "nothing was consumed");
    ensure!(whole.communication_replay_root.is_some(), "no root");
    // Nobody knows how a run stood where its record breaks off.
    let endless = RunRecord { end: None, ..record.clone() };
    let found = CanonicalReplayFragment::replayed(&endless).err();
    ensure!(found == Some(FragmentError::Endless), "{found:?}");
    let mut unopened = record;
    unopened.inputs.retain(|(_, input)| !matches!(input, Input::Open { .. }));
    let found = CanonicalReplayFragment::of(&unopened, &none_kept).err();
    ensure!(matches!(found, Some(FragmentError::Consumptions { .. } | FragmentError::Unopened(_))), "{found:?}");
    setup.config.communication_replay_mode = CommunicationReplayMode::Off;
    let off = run(&setup)?;
    let mut unopened = RunRecord::of(&off).ok_or("nothing was recorded")?;
    unopened.inputs.retain(|(_, input)| !matches!(input, Input::Open { .. }));
    let found = CanonicalReplayFragment::of(&unopened, &off).err();
    ensure!(found == Some(FragmentError::Unopened(SessionId(0))), "{found:?}");
    // Without objects there are none.
    setup.config.semantic_objects = None;
    let bare = of(&run(&setup)?)?;
    ensure!(bare.semantic_objects.is_none() && bare.semantic_audit_log.is_empty(), "objects out of nothing");
    Ok(())
}
