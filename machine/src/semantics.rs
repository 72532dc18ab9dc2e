//! Live semantic objects of a machine whose configuration keeps them: fed at commit, in commit order, and by inputs between
//! turns. Where it keeps none, nothing here runs. What they are and which rules hold of them is `motet-semantic`'s.
//!
//! Everything that is fed is committed or an input, so that runs which are threaded, replayed or recovered have the same
//! objects, byte for byte. Nothing here is part of the state root.

use crate::answer::{AnswerError, Settled};
use crate::artifacts::Artifacts;
use crate::condition::read_output_check;
use crate::effect::{EffectCoordinate, RunId};
use crate::images::Images;
use crate::machine::ProtocolMachine;
use crate::outbox::{Ask, FaultReport, Outbox, Wanted};
use crate::outcome::{EffectOutcome, EffectResponse};
use crate::tape::{decode_outcome, decode_value, encode_outcome};
use crate::trace::TraceReader;
use crate::upgrade::GivenUp;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use motet_semantic::{
    AnsweredEffect, AskedEffect, CheckedOutput, Describe, EffectKey, Live, LiveBytesError, LiveViolation,
    MovedEndpoint, Noted, Occurrence, ProtocolMachineSemanticObjects, SemanticAuditRecord, ShortBytes, Shown,
    UpgradeKey, Wanted as WantedEffect, WriteBytes,
};
use motet_types::{
    CoroutineId, EffectRow, EventKind, Planted, Reader, RoleId, SessionId, Sort, SortId, SortTable, Terminal, Value,
    planted,
};

/// The live objects of a machine, and the audit that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Semantics {
    live: Live,
    audit: Artifacts<Noted>,
    keep: u32,
    /// What broke a rule first. Nothing is applied after it, because the objects would not be what happened.
    broken: Option<Box<LiveViolation>>,
}

/// Why a machine has no semantic objects to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SemanticsError {
    /// The configuration keeps none.
    #[error("the configuration keeps no semantic objects; `semantic_objects` says how many that have ended are kept")]
    Off,
    /// Something that was committed breaks a rule.
    #[error("what was committed breaks a rule of semantic objects: {0}")]
    Broken(LiveViolation),
}

impl Semantics {
    pub(crate) fn new(keep: u32) -> Self {
        Self { live: Live::new(keep), audit: Artifacts::default(), keep, broken: None }
    }

    /// All but the audit as bytes; see [`Live::to_bytes`]. Empty once a rule was broken.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if self.broken.is_some() { Vec::new() } else { self.live.to_bytes() }
    }

    pub(crate) fn from_bytes(bytes: &[u8], keep: u32) -> Result<Self, LiveBytesError> {
        Ok(Self { live: Live::from_bytes(bytes, keep)?, ..Self::new(keep) })
    }

    /// Bytes that it holds. Counting looks at every object.
    pub(crate) fn bytes(&self) -> usize {
        let audit = self.audit.bytes() + self.audit.iter().map(Noted::owned_bytes).sum::<usize>();
        size_of::<Self>() + self.live.retained_bytes() + audit
    }

    #[inline(always)]
    fn apply(&mut self, tick: u64, occurrence: Occurrence<'_>) {
        if self.broken.is_some() {
            return;
        }
        let (audit, keep) = (&mut self.audit, self.keep);
        let keep = |noted| audit.keep_all(noted, keep, Noted::records);
        if let Err(violation) = self.live.apply(tick, occurrence, keep) {
            self.broken = Some(Box::new(violation));
        }
    }
}

const fn key(at: EffectCoordinate) -> EffectKey {
    EffectKey { session: at.session.0, coroutine: at.coroutine.0, counter: at.counter }
}

const fn coordinate(key: EffectKey) -> EffectCoordinate {
    let (session, coroutine) = (SessionId(key.session), CoroutineId(key.coroutine));
    EffectCoordinate { session, coroutine, counter: key.counter }
}

/// Why an effect failed, if it did.
fn failure(outcome: &EffectOutcome) -> Option<&'static str> {
    match outcome {
        EffectOutcome::Failure(failure) => Some(failure.kind.name()),
        _ => None,
    }
}

/// What an effect asks for, as the machine writes it.
#[derive(Debug)]
struct Argument<'a>(&'a Wanted);

/// How an effect was answered, as the machine writes it.
#[derive(Debug)]
struct Outcome<'a>(&'a EffectOutcome);

impl WriteBytes for Argument<'_> {
    #[inline]
    fn write(&self, into: &mut ShortBytes) {
        if let Wanted::Answer { argument, .. } = self.0 {
            argument.digest(into);
        }
    }
}

impl WriteBytes for Outcome<'_> {
    #[inline]
    fn write(&self, into: &mut ShortBytes) {
        encode_outcome(into, self.0);
    }
}

impl ProtocolMachine {
    /// Something happened at the machine's tick.
    #[cold]
    pub(crate) fn happened(&mut self, occurrence: Occurrence<'_>) {
        let tick = self.tick.0;
        if let Some(semantics) = &mut self.semantics {
            semantics.apply(tick, occurrence);
        }
    }

    /// What a chunk's sessions did besides asking, before any of them ends.
    #[cold]
    pub(crate) fn chunk_happened(&mut self, outbox: &Outbox) {
        if self.images.outputs.is_on() {
            self.checks_happened(&outbox.events);
        }
        for (island, delegation) in &outbox.delegations {
            let image = &self.images[delegation.image as usize];
            let role = String::from(image.role_name(RoleId(delegation.role)));
            self.happened(Occurrence::Moved(MovedEndpoint {
                island: island.0,
                session: island.guest(delegation.guest).0,
                number: u64::from(delegation.number),
                role: &role,
                from: delegation.from,
                to: delegation.to,
            }));
        }
        self.faults_happened(&outbox.faults);
    }

    /// Coroutines faulted.
    pub(crate) fn faults_happened(&mut self, faults: &[FaultReport]) {
        for report in faults {
            let (session, coroutine) = (report.session.0, report.coroutine.0);
            self.happened(Occurrence::Failed { session, coroutine, fault: report.fault.class().code() });
        }
    }

    /// The checks of outputs that events tell of.
    fn checks_happened(&mut self, events: &[u8]) {
        let mut reader = TraceReader::new(events);
        while let Some(Ok(at)) = reader.next() {
            if at.event.kind == EventKind::OutputConditionChecked
                && let Some((digest, predicate, witness)) = read_output_check(reader.text())
            {
                let (session, passed) = (at.session.0, at.event.detail == 1);
                self.happened(Occurrence::Checked(CheckedOutput {
                    session,
                    predicate,
                    witness,
                    digest: digest.0,
                    passed,
                }));
            }
        }
    }

    /// An effect was asked for by a session of an image.
    pub(crate) fn ask_happened(&mut self, ask: &Ask, image: u32) {
        let (tick, budget_ticks) = (self.tick.0, self.config.effect_budget);
        let Some(semantics) = &mut self.semantics else { return };
        let role_name = self.images[image as usize].role_name(ask.role);
        let wanted = match &ask.wanted {
            Wanted::Answer { effect, .. } => WantedEffect::Operation(effect.0),
            Wanted::Guard(layer) => WantedEffect::Guard(layer.0),
        };
        let (effect, role, inputs) = (key(ask.coordinate), ask.role.0, &Argument(&ask.wanted));
        let asked = AskedEffect { effect, image, wanted, role, role_name, inputs, budget_ticks };
        semantics.apply(tick, Occurrence::Asked(asked));
    }

    /// An effect was answered.
    pub(crate) fn answer_happened(&mut self, at: EffectCoordinate, outcome: &EffectOutcome, how: Settled) {
        let tick = self.tick.0;
        let Some(semantics) = self.semantics.as_mut().filter(|_| !planted(Planted::SemanticsForgetAnswers)) else {
            return;
        };
        let (failure, outputs, overdue) = (failure(outcome), &Outcome(outcome), how == Settled::Overdue);
        semantics.apply(tick, Occurrence::Answered(AnsweredEffect { effect: key(at), failure, outputs, overdue }));
    }

    /// Effects that were invalidated and whose objects are still kept.
    pub(crate) fn invalidated_effects(&self) -> impl Iterator<Item = EffectCoordinate> {
        let live = self.semantics().ok().map(|semantics| &semantics.live);
        live.into_iter().flat_map(Live::invalidated).map(coordinate)
    }

    /// A result came for an effect that nobody waits for. It is rejected where the effect was invalidated, which is on
    /// record; answers whether it was not before. Of what is not kept any more nothing is told.
    pub(crate) fn late_happened(&mut self, at: EffectCoordinate, outcome: &EffectOutcome) -> Result<bool, AnswerError> {
        let tick = self.tick.0;
        let Some(semantics) = self.semantics.as_deref_mut().filter(|semantics| semantics.broken.is_none()) else {
            return Ok(false);
        };
        if !semantics.live.is_invalidated(&key(at)) {
            return if semantics.live.knows(&key(at)) { Err(AnswerError::NotLate(at)) } else { Ok(false) };
        }
        if planted(Planted::SemanticsForgetLate) {
            return Ok(true);
        }
        let failure = failure(outcome);
        let late = AnsweredEffect { effect: key(at), failure, outputs: &ShortBytes::new(), overdue: false };
        let (audit, keep, mut fresh) = (&mut semantics.audit, semantics.keep, false);
        // It is refused, as it must be: what is new is told to the audit.
        let refused = semantics.live.apply(tick, Occurrence::Answered(late), |noted| {
            fresh = true;
            audit.keep(noted, keep);
        });
        debug_assert!(refused.is_err(), "a late result was taken");
        Ok(fresh)
    }

    /// An upgrade gave effects up.
    #[cold]
    pub(crate) fn given_up_happened(&mut self, given_up: &GivenUp) {
        for at in &given_up.effects {
            self.happened(Occurrence::GivenUp { effect: key(*at), upgrade: UpgradeKey(given_up.upgrade.0) });
        }
    }

    /// The budget of an effect begins.
    #[cold]
    pub(crate) fn budget_happened(&mut self, at: EffectCoordinate) {
        self.happened(Occurrence::Begun { effect: key(at) });
    }

    /// Ticks have passed: what has not got on is escalated, if anything is due.
    pub(crate) fn elapsed(&mut self) {
        let due = self.semantics.as_deref().and_then(|semantics| semantics.live.escalates_at());
        if due.is_some_and(|due| due <= self.tick.0) && !planted(Planted::SemanticsForgetTime) {
            self.happened(Occurrence::Elapsed);
        }
    }

    /// Nobody waits for an effect any more, though its session goes on.
    #[cold]
    pub(crate) fn cancel_happened(&mut self, at: EffectCoordinate) {
        self.happened(Occurrence::Cancelled { effect: key(at) });
    }

    /// The audit grew behind its first `from` records. A handoff that was committed there takes along what is pending, or
    /// invalidates it.
    #[cold]
    pub(crate) fn audit_happened(&mut self, from: usize, session: Option<SessionId>, transports: bool) {
        let Some(semantics) = &mut self.semantics else { return };
        for record in self.audit.iter().skip(from) {
            let session = session.map(|session| session.0);
            semantics.apply(self.tick.0, Occurrence::Authority { session, record, transports });
        }
    }

    /// A session was opened.
    pub(crate) fn open_happened(&mut self, session: SessionId) {
        let tick = self.tick.0;
        if let Some(semantics) = &mut self.semantics {
            semantics.apply(tick, Occurrence::Opened { session: session.0 });
        }
    }

    /// A session has ended.
    pub(crate) fn end_happened(&mut self, session: SessionId, terminal: Terminal) {
        let (tick, session, terminal) = (self.tick.0, session.0, terminal.name());
        if let Some(semantics) = self.semantics.as_mut().filter(|_| !planted(Planted::SemanticsForgetEnds)) {
            semantics.apply(tick, Occurrence::Ended { session, terminal });
        }
    }

    fn semantics(&self) -> Result<&Semantics, SemanticsError> {
        let semantics = self.semantics.as_deref().ok_or(SemanticsError::Off)?;
        match &semantics.broken {
            Some(violation) => Err(SemanticsError::Broken((**violation).clone())),
            None => Ok(semantics),
        }
    }

    /// Everything that the machine knows of ownership, effects, truth and progress, as a document: what has not ended,
    /// and as much of what has as the configuration keeps. `handler` is who answers effects.
    ///
    /// # Errors
    /// See [`SemanticsError`].
    pub fn semantic_objects(&self, handler: &str) -> Result<ProtocolMachineSemanticObjects, SemanticsError> {
        let names = Names { images: &self.images, run: &self.config.run_id, handler };
        Ok(self.semantics()?.live.export(&names))
    }

    /// The semantic audit that nobody has taken yet, in canonical order (tick, rank, content), and how many records more
    /// there were than are kept. It stays where it is.
    ///
    /// # Errors
    /// See [`SemanticsError`].
    pub fn semantic_audit(&self) -> Result<(Vec<SemanticAuditRecord>, u64), SemanticsError> {
        let audit = &self.semantics()?.audit;
        Ok((SemanticAuditRecord::all(audit.iter().cloned().collect(), &self.audit_names()), audit.lost()))
    }

    /// Takes the semantic audit so far, in canonical order (tick, rank, content), and how many records more there were
    /// than are kept. Like the trace it is what the machine has told: one that is restored begins with none.
    ///
    /// # Errors
    /// See [`SemanticsError`].
    pub fn drain_semantic_audit(&mut self) -> Result<(Vec<SemanticAuditRecord>, u64), SemanticsError> {
        self.semantics()?;
        let taken = self.semantics.as_deref_mut().map(|semantics| semantics.audit.take());
        let (noted, lost) = taken.unwrap_or_default();
        Ok((SemanticAuditRecord::all(noted, &self.audit_names()), lost))
    }

    fn audit_names(&self) -> Names<'_> {
        Names { images: &self.images, run: &self.config.run_id, handler: "" }
    }
}

/// What the machine knows about numbers in its objects.
struct Names<'a> {
    images: &'a Images,
    run: &'a RunId,
    handler: &'a str,
}

impl Names<'_> {
    fn sort(&self, image: u32, wanted: WantedEffect, answer: bool) -> Option<(&SortTable, SortId)> {
        let WantedEffect::Operation(row) = wanted else { return None };
        let image = self.images.get(image as usize)?;
        let part = image.effects().get(EffectRow(row).index())?;
        Some((image.sorts(), SortId(if answer { part.answer } else { part.argument })))
    }
}

impl Describe for Names<'_> {
    fn effect_id(&self, effect: EffectKey) -> String {
        coordinate(effect).effect_id(self.run).0.to_string()
    }

    fn handler(&self, _session: u64) -> String {
        self.handler.into()
    }

    fn interface(&self, image: u32, wanted: WantedEffect) -> Option<(String, String)> {
        match wanted {
            WantedEffect::Operation(row) => {
                let part = self.images.get(image as usize)?.effects().get(EffectRow(row).index())?;
                Some((part.interface.clone(), part.operation.clone()))
            }
            WantedEffect::Guard(_) => {
                let row = motet_types::EffectKind::Acquire.metadata();
                Some((row.interface_name.into(), row.operation_name.into()))
            }
        }
    }

    fn inputs(&self, image: u32, wanted: WantedEffect, bytes: &[u8]) -> Shown {
        match wanted {
            WantedEffect::Guard(layer) => Shown::Named(vec![("layer", Shown::Number(layer.into()))]),
            WantedEffect::Operation(_) => {
                let value = decode_value(&mut Reader::new(bytes), 0);
                value.map_or(Shown::Null, |value| shown(&value, self.sort(image, wanted, false)))
            }
        }
    }

    fn outputs(&self, image: u32, wanted: WantedEffect, bytes: &[u8]) -> Shown {
        match decode_outcome(&mut Reader::new(bytes)) {
            Some(EffectOutcome::Success(EffectResponse::InvokeStep(value) | EffectResponse::Acquire(value))) => {
                shown(&value, self.sort(image, wanted, true))
            }
            Some(EffectOutcome::Failure(failure)) => Shown::Named(vec![
                ("failure", Shown::Text(failure.kind.name().into())),
                ("message", Shown::Text(failure.message)),
            ]),
            _ => Shown::Null,
        }
    }
}

/// A value of a sort, as hosts are shown it.
fn shown(value: &Value, sort: Option<(&SortTable, SortId)>) -> Shown {
    let known = sort.and_then(|(sorts, sort)| Some((sorts, sorts.get(sort)?)));
    match (value, known) {
        (Value::Unit, _) => Shown::Null,
        (Value::Nat(number), _) => Shown::Number(*number),
        (Value::Bool(flag), _) => Shown::Flag(*flag),
        (Value::Str(text), Some((_, Sort::Real | Sort::Vector(_)))) => Shown::Written(text.to_string()),
        (Value::Str(text), _) => Shown::Text(text.to_string()),
        (Value::Prod(pair), known) => {
            let sorts = match known {
                Some((sorts, Sort::Prod(first, second))) => {
                    [Some((sorts, SortId(first))), Some((sorts, SortId(second)))]
                }
                _ => [None, None],
            };
            Shown::List(vec![shown(&pair.0, sorts[0]), shown(&pair.1, sorts[1])])
        }
        (Value::Endpoint { session, role }, _) => {
            Shown::Named(vec![("session", Shown::Number(session.0)), ("role", Shown::Number(role.0.into()))])
        }
    }
}
