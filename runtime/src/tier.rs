//! Determinism tiers of hosts: a claim about the answers, held against the answers of two runs.

use crate::record::RunRecord;
use crate::tape::Input;
use motet_machine::{EffectCoordinate, EffectOutcome};
use motet_types::{EffectKind, Planted, SessionId, planted};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a run its host decides anew each time; weaker claims stand later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectDeterminismTier {
    /// The host says the same to the same question, in every run.
    StrictDeterministic,
    /// The host may say something else in another run; all that differs follows from its answers, so the record of a run is
    /// enough to run it again.
    ReplayDeterministic,
    /// The runs differ in what was asked where nothing different had been answered: by their inputs or their protocols.
    EnvelopeBoundedNondeterministic,
}

impl EffectDeterminismTier {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] =
        [Self::StrictDeterministic, Self::ReplayDeterministic, Self::EnvelopeBoundedNondeterministic];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StrictDeterministic => "strict_deterministic",
            Self::ReplayDeterministic => "replay_deterministic",
            Self::EnvelopeBoundedNondeterministic => "envelope_bounded_nondeterministic",
        }
    }

    /// The tier of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }
}

/// The strongest tier that the exchanges of two runs do not contradict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedTier {
    /// The tier.
    pub tier: EffectDeterminismTier,
    /// The first effect, in order of sessions and coroutines, that contradicts the next stronger one.
    pub witness: Option<EffectCoordinate>,
}

impl ObservedTier {
    /// The effect that contradicts a declared tier, if the runs do.
    pub fn contradicts(&self, declared: EffectDeterminismTier) -> Option<EffectCoordinate> {
        self.witness.filter(|_| self.tier > declared)
    }
}

impl EffectDeterminismTier {
    /// The strongest tier that a run by itself shows: one whose host answered something may have been answered otherwise in
    /// another run, and its record is enough to run it again; one that asked nobody has nothing that could differ.
    pub fn of_run(record: &RunRecord) -> Self {
        let asked = |(_, input): &(u64, Input)| matches!(input, Input::Effect(_) | Input::Answer { .. });
        if record.inputs.iter().any(asked) { Self::ReplayDeterministic } else { Self::StrictDeterministic }
    }
}

/// A question as a record has it, and its answer. What came later has no question on record but its place.
type Exchange<'a> = (Option<(EffectKind, u32)>, &'a EffectOutcome);

fn exchanges(record: &RunRecord) -> BTreeMap<EffectCoordinate, Exchange<'_>> {
    let inputs = record.inputs.iter().map(|(_, input)| input);
    let exchanges = inputs.filter_map(|input| match input {
        Input::Effect(effect) => Some((effect.coordinate, (Some((effect.kind, effect.subject)), &effect.outcome))),
        Input::Answer { at, outcome } => Some((*at, (None, outcome))),
        _ => None,
    });
    exchanges.collect()
}

/// Which tier two runs of the same protocol show. A run that stops earlier contradicts nothing.
pub fn observed_tier(baseline: &RunRecord, candidate: &RunRecord) -> ObservedTier {
    let (left, right) = (exchanges(baseline), exchanges(candidate));
    let both = || left.iter().filter_map(|(at, mine)| Some((*at, mine, right.get(at)?)));
    // Within a session, what follows an answer that differs may differ too; no other session can tell.
    let mut answered_otherwise: BTreeMap<SessionId, EffectCoordinate> = BTreeMap::new();
    let mut asked_otherwise: BTreeMap<SessionId, EffectCoordinate> = BTreeMap::new();
    for (at, mine, theirs) in both() {
        let differs = if mine.0 == theirs.0 { &mut answered_otherwise } else { &mut asked_otherwise };
        if mine != theirs {
            differs.entry(at.session).or_insert(at);
        }
    }
    let excused: BTreeSet<SessionId> = answered_otherwise.keys().copied().collect();
    let unexcused = asked_otherwise.into_iter().find(|(session, _)| !excused.contains(session));
    if let Some((_, at)) = unexcused.filter(|_| !planted(Planted::TierExcusesQuestions)) {
        let tier = EffectDeterminismTier::EnvelopeBoundedNondeterministic;
        return ObservedTier { tier, witness: Some(at) };
    }
    match answered_otherwise.into_values().next().filter(|_| !planted(Planted::TierExcusesAnswers)) {
        Some(at) => ObservedTier { tier: EffectDeterminismTier::ReplayDeterministic, witness: Some(at) },
        None => ObservedTier { tier: EffectDeterminismTier::StrictDeterministic, witness: None },
    }
}
