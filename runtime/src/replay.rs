//! Replay: the same rounds again, with the recorded answers. It stops at the first divergence and names it.

use crate::composition::CompositionChange;
use crate::profile::{DeterminismMode, ProfileDifference, RunView, compare_runs};
use crate::record::{RecordEnd, RunRecord};
use crate::rounds::GuestRuntime;
use crate::status::{RunStatus, RuntimeError, Turn};
use crate::tape::Input;
use motet_machine::{
    CodeImage, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, ImageId, ProtocolMachineConfig,
    RecordedEffect, TraceMode, TraceReader,
};
use motet_types::{
    Digest, EffectFailureKind, EffectKind, EffectKinds, EffectRow, LabelId, LayerId, Planted, RoleId, SessionId,
    planted,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a replay did not end in equality.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// It did something else.
    #[error("the replay diverges: {0}")]
    Diverged(Box<ProfileDifference>),
    /// Everything observable was equal, but a digest at the end is not.
    #[error("the replay ends with another {what}: the record has {expected}, the replay {found}")]
    End {
        /// What differs.
        what: &'static str,
        /// What the record has.
        expected: String,
        /// What the replay has.
        found: String,
    },
    /// An input that cannot be given at that point.
    #[error("the recorded input at step {step} cannot be replayed: {error}")]
    Input {
        /// The planner step.
        step: u64,
        /// Why.
        error: RuntimeError,
    },
    /// The runtime refused the record's configuration.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// A replay that found everything equal.
#[derive(Debug)]
pub struct Replayed {
    /// The runtime as it stands: ended as recorded, or where it was told to stop.
    pub runtime: GuestRuntime,
    /// The record's end; none when the recording or the replay stopped before it.
    pub end: Option<RecordEnd>,
}

/// The host of a replay: gives each session the answers it was given.
pub(crate) struct ReplayHost {
    identity: String,
    wants: EffectKinds,
    answers: Mutex<BTreeMap<SessionId, VecDeque<RecordedEffect>>>,
    diverged: Mutex<Option<Box<ProfileDifference>>>,
}

impl ReplayHost {
    /// A host that gives each session the answers it was given, in order.
    pub(crate) fn new(
        identity: String,
        wants: EffectKinds,
        answers: BTreeMap<SessionId, VecDeque<RecordedEffect>>,
    ) -> Self {
        Self { identity, wants, answers: Mutex::new(answers), diverged: Mutex::new(None) }
    }

    /// The first question that was not the recorded one, if there was one.
    pub(crate) fn take_divergence(&self) -> Option<Box<ProfileDifference>> {
        self.diverged.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Answers that nobody asked for.
    pub(crate) fn unused(&self) -> usize {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).values().map(VecDeque::len).sum()
    }
}

/// A question in words, for people.
fn question(image: &CodeImage, kind: EffectKind, subject: u32) -> String {
    let (partner, label) = (RoleId((subject >> 16) as u16), LabelId(subject as u16));
    let (partner, label) = (image.role_name(partner), image.label_name(label));
    match kind {
        EffectKind::SendDecision => format!("a send of {label} to {partner}"),
        EffectKind::Receive => format!("a receive of {label} from {partner}"),
        EffectKind::Choose => format!("a choice of {label} or another label for {partner}"),
        EffectKind::Acquire => format!("the guard {}", LayerId(subject as u16)),
        EffectKind::OutputConditionHint => format!("the condition of the output {:08x}", subject.swap_bytes()),
        EffectKind::Release => format!("a release of the guard {}", LayerId(subject as u16)),
        _ => match image.effects().get(EffectRow(subject as u16).index()) {
            Some(effect) => format!("an invocation of {}.{}", effect.interface, effect.operation),
            None => format!("an effect of kind {}", kind.name()),
        },
    }
}

impl EffectHandler for ReplayHost {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn wants(&self) -> EffectKinds {
        self.wants
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if request.may_block() {
            // Answers to these stand on the tape by themselves, where they came in.
            return EffectOutcome::Pending;
        }
        let at = request.coordinate;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = answers.get_mut(&at.session).and_then(VecDeque::pop_front);
        let (kind, subject) = (request.kind(), request.subject());
        match recorded {
            Some(recorded)
                if (recorded.coordinate, recorded.kind, recorded.subject) == (at, kind, subject)
                    || planted(Planted::ReplayTrustsQuestions) =>
            {
                recorded.outcome
            }
            other => {
                let image = request.image;
                let expected = other.map_or_else(
                    || String::from("no further question of this session"),
                    |recorded| question(image, recorded.kind, recorded.subject),
                );
                let edge = match request.body {
                    EffectRequestBody::SendDecision { partner, .. } | EffectRequestBody::Choose { partner, .. } => {
                        Some(format!("{} -> {}", request.role_name(), image.role_name(partner)))
                    }
                    EffectRequestBody::Receive { partner, .. } => {
                        Some(format!("{} -> {}", image.role_name(partner), request.role_name()))
                    }
                    EffectRequestBody::InvokeStep { .. }
                    | EffectRequestBody::Acquire { .. }
                    | EffectRequestBody::Release { .. }
                    | EffectRequestBody::OutputConditionHint { .. } => None,
                };
                let mut diverged = self.diverged.lock().unwrap_or_else(PoisonError::into_inner);
                diverged.get_or_insert(Box::new(ProfileDifference {
                    mode: DeterminismMode::Replay,
                    position: 0,
                    at: 0,
                    session: at.session,
                    role: Some(request.role_name().into()),
                    edge,
                    expected,
                    found: question(image, kind, subject),
                    expected_label: None,
                    found_label: None,
                    line: None,
                }));
                EffectOutcome::failure(EffectFailureKind::Determinism, "the replay diverged from its record")
            }
        }
    }
}

/// Runs a record again, to its end, or until that many steps have been taken. The turn in which it stops is not held
/// against the record: its last wave is cut short.
///
/// A record that stopped before its run did is replayed as far as its events go. `progress` is told the steps taken,
/// now and then.
pub fn replay(record: &RunRecord, until: Option<u64>, mut progress: impl FnMut(u64)) -> Result<Replayed, ReplayError> {
    let config = ProtocolMachineConfig { trace: TraceMode::Full, record: false, ..record.config.clone() };
    let mut runtime = GuestRuntime::new(config, record.schedule.clone())?;
    let mut between = VecDeque::new();
    let mut answers: BTreeMap<SessionId, VecDeque<RecordedEffect>> = BTreeMap::new();
    for (step, input) in &record.inputs {
        match input {
            Input::Effect(effect) => answers.entry(effect.coordinate.session).or_default().push_back(effect.clone()),
            other => between.push_back((*step, other.clone())),
        }
    }
    let host = ReplayHost::new(record.handler.clone(), record.wants, answers);
    let mut compare = Comparison::new(record);
    let mut stopped = false;
    loop {
        stopped |= until.is_some_and(|until| runtime.machine().tally().steps >= until);
        if stopped || record.end.is_none() && compare.is_past(&runtime) {
            break;
        }
        let step = runtime.machine().planner_step();
        while let Some((at, input)) = between.pop_front_if(|(at, _)| *at <= step) {
            give(&mut runtime, &record.images, input).map_err(|error| ReplayError::Input { step: at, error })?;
        }
        if record.end.is_some_and(|end| step >= end.tally.waves) {
            break;
        }
        let turn = match until {
            Some(until) => runtime.turn_until(&host, until)?,
            None => runtime.turn(&host)?,
        };
        if let Some(mut diverged) = host.take_divergence() {
            diverged.position = compare.events_before(&runtime);
            return Err(ReplayError::Diverged(diverged));
        }
        if until.is_some_and(|until| runtime.machine().tally().steps >= until) {
            return Ok(Replayed { runtime, end: None });
        }
        compare.drained(&runtime.drain_trace())?;
        if step % 1024 == 0 {
            progress(runtime.machine().tally().steps);
        }
        if turn == Turn::Idle {
            break;
        }
    }
    let end = if stopped { None } else { record.end };
    compare.tail(&runtime.machine().trace_bytes(), end.is_some())?;
    if let Some(end) = &end {
        check_end(&runtime, end, between.len() + host.unused())?;
    }
    Ok(Replayed { runtime, end })
}

/// Loads the images up to one that sessions run from here on.
fn load_to(runtime: &mut GuestRuntime, images: &[Arc<CodeImage>], last: ImageId) -> Result<(), RuntimeError> {
    let loaded = runtime.machine().images().len();
    for image in images.iter().take((last.0 as usize).saturating_add(1)).skip(loaded) {
        runtime.load(Arc::clone(image))?;
    }
    Ok(())
}

/// Gives an input that came between waves. An image is loaded when its first session is opened, or moved there.
pub(crate) fn give(runtime: &mut GuestRuntime, images: &[Arc<CodeImage>], input: Input) -> Result<(), RuntimeError> {
    match input {
        Input::Open { image } => {
            load_to(runtime, images, image)?;
            runtime.open(image).map(drop)
        }
        Input::Upgrade { to, options, tick, sessions, given_up } => {
            load_to(runtime, images, to)?;
            runtime.upgrade_again(to, options, tick, &sessions, given_up)
        }
        Input::Limit { steps } => {
            runtime.limit_steps(steps);
            Ok(())
        }
        Input::Answer { at, outcome } => runtime.answer(at, outcome),
        Input::Compose(change) => {
            if let CompositionChange::Bundle { image, .. } = &change {
                load_to(runtime, images, *image)?;
            }
            runtime.compose_again(change)
        }
        Input::Late { at, outcome } => runtime.reject_late(at, outcome),
        Input::Own { session, operation, refused } => runtime.own_again(session, operation, refused),
        Input::Perturb { perturbations } => runtime.perturb(&perturbations).map(drop),
        Input::Elapse => {
            runtime.elapse();
            Ok(())
        }
        Input::Advance { ticks } => runtime.advance(ticks).map(drop),
        Input::Effect(_) => Ok(()),
    }
}

fn check_end(runtime: &GuestRuntime, end: &RecordEnd, unused: usize) -> Result<(), ReplayError> {
    let differs = |what, expected: String, found: String| match expected == found {
        true => Ok(()),
        false => Err(ReplayError::End { what, expected, found }),
    };
    differs("number of unused inputs", 0.to_string(), unused.to_string())?;
    let status = |status: RunStatus| status.name().to_owned();
    differs("status", status(end.status), status(runtime.status()))?;
    let digest = |digest: Option<Digest>| digest.unwrap_or_default().to_string();
    differs("trace digest", end.trace_digest.to_string(), digest(runtime.trace_digest()))?;
    if planted(Planted::ReplayTrustsRoot) {
        return Ok(());
    }
    differs("state root", end.state_root.to_string(), runtime.state_root().to_string())?;
    differs("tally", format!("{:?}", end.tally), format!("{:?}", runtime.machine().tally()))
}

/// Holds the replay's events against the record's.
struct Comparison<'a> {
    record: &'a RunRecord,
    checked: usize,
}

impl<'a> Comparison<'a> {
    const fn new(record: &'a RunRecord) -> Self {
        Self { record, checked: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.record.events[self.checked.min(self.record.events.len())..]
    }

    /// Whether the replay has made as many events as the record holds.
    fn is_past(&self, runtime: &GuestRuntime) -> bool {
        runtime.machine().trace_bytes().len() >= self.rest().len()
    }

    fn drained(&mut self, events: &[u8]) -> Result<(), ReplayError> {
        self.common(events, self.record.end.is_none())?;
        self.checked += events.len();
        Ok(())
    }

    /// The last events: all that remains when the replay is `whole`, and otherwise as far as both go.
    fn tail(&self, events: &[u8], whole: bool) -> Result<(), ReplayError> {
        if whole && events.len() < self.rest().len() && !planted(Planted::ReplayTrustsEvents) {
            return Err(self.first_difference(events));
        }
        self.common(events, self.record.end.is_none())
    }

    /// The replay's next events must be the record's; only a record that stopped early may have fewer.
    fn common(&self, events: &[u8], may_end: bool) -> Result<(), ReplayError> {
        let rest = self.rest();
        let common = if may_end { events.len().min(rest.len()) } else { events.len() };
        if rest.get(..common) == events.get(..common) || planted(Planted::ReplayTrustsEvents) {
            return Ok(());
        }
        Err(self.first_difference(events))
    }

    fn events_before(&self, runtime: &GuestRuntime) -> u64 {
        let done = TraceReader::new(&self.record.events[..self.checked.min(self.record.events.len())]).count();
        let tail = runtime.machine().trace_bytes();
        let both = TraceReader::new(&tail).zip(TraceReader::new(self.rest()));
        (done + both.take_while(|(a, b)| a == b).count()) as u64
    }

    /// The first difference between the record and what was replayed, of which `found` comes behind what was checked.
    fn first_difference(&self, found: &[u8]) -> ReplayError {
        let mut replayed = self.record.events[..self.checked.min(self.record.events.len())].to_vec();
        replayed.extend_from_slice(found);
        let (expected, broken) = RunView::as_far(self.record, &self.record.events);
        let (found, _) = RunView::as_far(self.record, &replayed);
        let unread = || {
            let why = broken.map_or_else(|| "the same events in other bytes".into(), |error| error.to_string());
            let position = found.entries().iter().filter(|entry| entry.event().is_some()).count() as u64;
            ProfileDifference {
                mode: DeterminismMode::Replay,
                position,
                at: found.entries().len(),
                session: SessionId(0),
                role: None,
                edge: None,
                expected: why,
                found: String::from("what the machine makes"),
                expected_label: None,
                found_label: None,
                line: None,
            }
        };
        let difference = compare_runs(DeterminismMode::Replay, &expected, &found);
        ReplayError::Diverged(Box::new(difference.unwrap_or_else(unread)))
    }
}
