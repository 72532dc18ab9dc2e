//! The envelope: how far two runs of different schedules differ.
//!
//! Shapes and names are the specification's, section 4.3. Two runs of one schedule never differ at all, so this is a
//! report between schedules, not a licence.

use crate::profile::{DeterminismMode, RunView, TraceEntry, compare_runs};
use crate::record::RunRecord;
use crate::tape::Input;
use crate::tier::{ObservedTier, observed_tier};
use crate::waves::{WaveError, verify_waves};
use motet_machine::TraceError;
use motet_types::{Digest, Digester, Event, EventKind, SessionId};
use std::collections::BTreeMap;

/// The schema of an [`EnvelopeDiff`].
pub const ENVELOPE_DIFF_SCHEMA: &str = "protocol_machine.envelope_diff.v1";

/// How the schedulers' orders differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerPermutationClass {
    /// The traces are equal.
    Exact,
    /// Each session's own events are equal.
    SessionNormalizedPermutation,
    /// Some session's events differ.
    EnvelopeBounded,
}

/// How the effects' orders differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectOrderingClass {
    /// The same effects in the same order.
    Exact,
    /// Each session's effects are the same in the same order: either record replays the other's sessions.
    ReplayDeterministic,
    /// Some session's effects differ.
    EnvelopeBounded,
}

/// How what failed differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureVisibleDiffClass {
    /// The same coroutines faulted, with the same classes.
    Exact,
    /// Others did.
    EnvelopeBounded,
}

/// The widths of the waves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveWidthBound {
    /// The first run's widest wave.
    pub baseline_max: u64,
    /// The second run's widest wave.
    pub candidate_max: u64,
    /// What the second run's schedule allows.
    pub declared_upper_bound: u64,
}

/// How two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeDiff {
    /// What ran first: its handler and schedule.
    pub baseline_engine: String,
    /// What ran second.
    pub candidate_engine: String,
    /// Order of events.
    pub scheduler_permutation_class: SchedulerPermutationClass,
    /// Widths of waves.
    pub wave_width_bound: WaveWidthBound,
    /// Order of effects.
    pub effect_ordering_class: EffectOrderingClass,
    /// What failed.
    pub failure_visible_diff_class: FailureVisibleDiffClass,
    /// The strongest tier that the hosts' answers do not contradict.
    pub effect_determinism_tier: ObservedTier,
    /// Digest of the first run's events.
    pub baseline_fragment_hash: Digest,
    /// Digest of the second run's events.
    pub candidate_fragment_hash: Digest,
}

impl EnvelopeDiff {
    /// Whether the candidate's waves kept to its declaration.
    pub const fn within_bound(&self) -> bool {
        self.wave_width_bound.candidate_max <= self.wave_width_bound.declared_upper_bound
    }

    /// The report with the digests of both runs' replay fragments in the place of those of their events.
    #[must_use]
    pub fn with_fragments(self, baseline: Digest, candidate: Digest) -> Self {
        Self { baseline_fragment_hash: baseline, candidate_fragment_hash: candidate, ..self }
    }

    /// The digest of the report itself.
    pub fn hash(&self) -> Digest {
        let mut into = blake3::Hasher::new();
        into.str(ENVELOPE_DIFF_SCHEMA);
        into.str(&self.baseline_engine);
        into.str(&self.candidate_engine);
        let classes = [
            self.scheduler_permutation_class as u8,
            self.effect_ordering_class as u8,
            self.failure_visible_diff_class as u8,
            self.effect_determinism_tier.tier as u8,
        ];
        into.bytes(&classes);
        let WaveWidthBound { baseline_max, candidate_max, declared_upper_bound } = self.wave_width_bound;
        [baseline_max, candidate_max, declared_upper_bound].into_iter().for_each(|width| into.u64(width));
        into.bytes(&self.baseline_fragment_hash.0);
        into.bytes(&self.candidate_fragment_hash.0);
        Digest(*into.finalize().as_bytes())
    }
}

/// Why two records cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Events that cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A schedule that cannot have been certified.
    #[error(transparent)]
    Waves(#[from] WaveError),
}

fn engine(record: &RunRecord) -> String {
    let schedule = &record.schedule;
    format!("{:?} wave {} fuel {} chunk {}", schedule.policy, schedule.wave, schedule.fuel, schedule.chunk)
}

/// What the host answered, at once or later, and to which session.
fn answers(record: &RunRecord) -> Vec<(SessionId, &Input)> {
    let answer = |(_, input): &'_ (u64, Input)| match input {
        Input::Effect(effect) => Some(effect.coordinate.session),
        Input::Answer { at, .. } => Some(at.session),
        Input::Open { .. }
        | Input::Limit { .. }
        | Input::Own { .. }
        | Input::Perturb { .. }
        | Input::Elapse
        | Input::Advance { .. }
        | Input::Upgrade { .. }
        | Input::Late { .. }
        | Input::Compose(_) => None,
    };
    record.inputs.iter().filter_map(|input| Some((answer(input)?, &input.1))).collect()
}

fn by_session<'a>(answers: &[(SessionId, &'a Input)]) -> BTreeMap<SessionId, Vec<&'a Input>> {
    let mut sessions: BTreeMap<SessionId, Vec<&Input>> = BTreeMap::new();
    for (session, input) in answers {
        sessions.entry(*session).or_default().push(input);
    }
    sessions
}

/// Compares two runs of the same protocol.
pub fn envelope_diff(baseline: &RunRecord, candidate: &RunRecord) -> Result<EnvelopeDiff, EnvelopeError> {
    let (left, right) = (RunView::of(baseline)?, RunView::of(candidate)?);
    let same = |mode| compare_runs(mode, &left, &right).is_none();
    let permutation = if same(DeterminismMode::Replay) {
        SchedulerPermutationClass::Exact
    } else if same(DeterminismMode::ModuloCommutativity) {
        SchedulerPermutationClass::SessionNormalizedPermutation
    } else {
        SchedulerPermutationClass::EnvelopeBounded
    };
    let (first, second) = (answers(baseline), answers(candidate));
    let ordering = if first == second {
        EffectOrderingClass::Exact
    } else if by_session(&first) == by_session(&second) {
        EffectOrderingClass::ReplayDeterministic
    } else {
        EffectOrderingClass::EnvelopeBounded
    };
    let failed = |view: &RunView| -> Vec<(SessionId, Event)> {
        let form = view.normal_form(DeterminismMode::ModuloCommutativity);
        let of = |entry: &&TraceEntry| entry.event().map(|(event, _)| (entry.of(), event));
        let told = form.sessions().into_values().flatten().filter_map(|entry| of(&entry)).collect::<Vec<_>>();
        told.into_iter().filter(|(_, event)| event.kind == EventKind::Faulted).collect()
    };
    let failures = match failed(&left) == failed(&right) {
        true => FailureVisibleDiffClass::Exact,
        false => FailureVisibleDiffClass::EnvelopeBounded,
    };
    Ok(EnvelopeDiff {
        baseline_engine: engine(baseline),
        candidate_engine: engine(candidate),
        scheduler_permutation_class: permutation,
        wave_width_bound: WaveWidthBound {
            baseline_max: verify_waves(baseline)?.max_width,
            candidate_max: verify_waves(candidate)?.max_width,
            declared_upper_bound: u64::from(candidate.schedule.wave),
        },
        effect_ordering_class: ordering,
        failure_visible_diff_class: failures,
        effect_determinism_tier: observed_tier(baseline, candidate),
        baseline_fragment_hash: Digest(*blake3::hash(&baseline.events).as_bytes()),
        candidate_fragment_hash: Digest(*blake3::hash(&candidate.events).as_bytes()),
    })
}
