//! The tape: a run's inputs, in order, each with the planner step at which it was there.

use crate::composition::CompositionChange;
use crate::upgrade::runs;
use motet_machine::{
    CodeImage, EffectCoordinate, EffectOutcome, GivenUp, ImageId, OwnershipOperation, RecordedEffect,
    TopologyPerturbation, UpgradeMode, UpgradeOptions,
};
use motet_semantic::OwnershipError;
use motet_types::{CoroutineId, Digest, Digester, EffectKind, Planted, Reader, SessionId, Tick, planted};
use std::sync::Arc;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A session was opened.
    Open {
        /// Of which image.
        image: ImageId,
    },
    /// The step limit was set.
    Limit {
        /// To how many steps in all.
        steps: u64,
    },
    /// An effect that may block was answered.
    Answer {
        /// Which.
        at: EffectCoordinate,
        /// How.
        outcome: EffectOutcome,
    },
    /// An operation on a session's ownership came in.
    Own {
        /// The session.
        session: SessionId,
        /// The operation.
        operation: OwnershipOperation,
        /// The rule that refused it; none when it was taken.
        refused: Option<OwnershipError>,
    },
    /// Something happened to sites and links.
    Perturb {
        /// What, as it was given.
        perturbations: Vec<TopologyPerturbation>,
    },
    /// Time went by to the end of a timeout, where nothing else could happen.
    Elapse,
    /// Time went by by the host's clock.
    Advance {
        /// So many ticks.
        ticks: u64,
    },
    /// Sessions were moved to another image.
    Upgrade {
        /// To which image.
        to: ImageId,
        /// How.
        options: UpgradeOptions,
        /// The tick at which they were: events from there on are the new image's.
        tick: Tick,
        /// Which.
        sessions: Vec<SessionId>,
        /// What it gave up besides.
        given_up: Option<GivenUp>,
    },
    /// A result came for an effect that was invalidated, and was rejected.
    Late {
        /// Which effect.
        at: EffectCoordinate,
        /// The result.
        outcome: EffectOutcome,
    },
    /// The run's composition changed.
    Compose(CompositionChange),
    /// An effect was answered inside a burst.
    Effect(RecordedEffect),
}

const OPEN: u8 = 1;
const LIMIT: u8 = 2;
const ANSWER: u8 = 3;
const EFFECTS: u8 = 4;
const OWN: u8 = 5;
const PERTURB: u8 = 6;
const ELAPSE: u8 = 7;
const ADVANCE: u8 = 8;
const UPGRADE: u8 = 9;
const LATE: u8 = 10;
const COMPOSE: u8 = 11;

/// The code of a refusal that no row of the table makes.
const EXHAUSTED: u8 = u8::MAX;

/// The most sessions that one input moves: what a record from a stranger may make its reader allocate.
pub(crate) const MAX_UPGRADED: u64 = 1 << 24;

fn encode_answer(into: &mut Vec<u8>, at: EffectCoordinate, outcome: &EffectOutcome) {
    let (kind, outcome) = (EffectKind::InvokeStep, outcome.clone());
    RecordedEffect { coordinate: at, kind, subject: 0, outcome }.encode(into);
}

fn decode_given_up(from: &mut Reader<'_>) -> Option<GivenUp> {
    let upgrade = Digest(from.take(32)?.try_into().ok()?);
    let mut effects = Vec::new();
    for _ in 0..from.u64()? {
        effects.push(decode_coordinate(from)?);
    }
    Some(GivenUp { upgrade, effects })
}

/// Where an effect was asked for, as bytes.
pub(crate) fn encode_coordinate(into: &mut Vec<u8>, at: &EffectCoordinate) {
    into.u64(at.session.0);
    into.u16(at.coroutine.0);
    into.u32(at.counter);
}

pub(crate) fn decode_coordinate(from: &mut Reader<'_>) -> Option<EffectCoordinate> {
    let (session, coroutine) = (SessionId(from.u64()?), CoroutineId(from.u16()?));
    Some(EffectCoordinate { session, coroutine, counter: from.u32()? })
}

/// What became of an operation: 0 for taken, otherwise the refusal's position plus one.
fn encode_refusal(refused: Option<OwnershipError>) -> u8 {
    refused.map_or(0, |error| {
        let at = OwnershipError::ALL.iter().position(|one| *one == error);
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(EXHAUSTED)
    })
}

fn decode_refusal(code: u8) -> Option<Option<OwnershipError>> {
    match code {
        0 => Some(None),
        EXHAUSTED => Some(Some(OwnershipError::Exhausted)),
        code => OwnershipError::ALL.get(usize::from(code) - 1).map(|error| Some(*error)),
    }
}

/// The inputs of a run.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    images: Vec<Arc<CodeImage>>,
    bytes: Vec<u8>,
}

impl Tape {
    pub(crate) fn image(&mut self, id: ImageId, image: &Arc<CodeImage>) {
        if id.0 as usize == self.images.len() {
            self.images.push(Arc::clone(image));
        }
    }

    pub(crate) fn input(&mut self, step: u64, input: &Input) {
        let into = &mut self.bytes;
        match input {
            Input::Open { .. } if planted(Planted::TapeForgetsOpen) => {}
            Input::Open { image } => {
                into.u8(OPEN);
                into.u64(step);
                into.u32(image.0);
            }
            Input::Limit { steps } => {
                into.u8(LIMIT);
                into.u64(step);
                into.u64(*steps);
            }
            Input::Answer { .. } if planted(Planted::TapeForgetsAnswer) => {}
            Input::Answer { at, outcome } => {
                into.u8(ANSWER);
                into.u64(step);
                encode_answer(into, *at, outcome);
            }
            Input::Late { .. } if planted(Planted::TapeForgetsLate) => {}
            Input::Late { at, outcome } => {
                into.u8(LATE);
                into.u64(step);
                encode_answer(into, *at, outcome);
            }
            Input::Own { .. } if planted(Planted::TapeForgetsOwnership) => {}
            Input::Own { session, operation, refused } => {
                into.u8(OWN);
                into.u64(step);
                into.u64(session.0);
                into.u8(encode_refusal(*refused));
                operation.encode(into);
            }
            Input::Perturb { .. } if planted(Planted::TapeForgetsTopology) => {}
            Input::Perturb { perturbations } => {
                into.u8(PERTURB);
                into.u64(step);
                into.u32(perturbations.len() as u32);
                perturbations.iter().for_each(|one| one.encode(into));
            }
            Input::Elapse if planted(Planted::TapeForgetsTime) => {}
            Input::Elapse => {
                into.u8(ELAPSE);
                into.u64(step);
            }
            Input::Advance { .. } if planted(Planted::TapeForgetsAdvance) => {}
            Input::Advance { ticks } => {
                into.u8(ADVANCE);
                into.u64(step);
                into.u64(*ticks);
            }
            Input::Upgrade { .. } if planted(Planted::TapeForgetsUpgrade) => {}
            Input::Upgrade { to, options, tick, sessions, given_up } => {
                into.u8(UPGRADE);
                into.u64(step);
                into.u32(to.0);
                let given_up = given_up.as_ref().filter(|_| !planted(Planted::TapeForgetsGivenUp));
                let options = u8::from(options.mode == UpgradeMode::Full) | u8::from(options.at_start) << 1;
                into.u8(options | u8::from(given_up.is_some()) << 2);
                into.u64(tick.0);
                let runs = runs(sessions);
                into.size(runs.len());
                runs.iter().flat_map(|(first, count)| [first, count]).for_each(|word| into.u64(*word));
                if let Some(GivenUp { upgrade, effects }) = given_up {
                    into.extend_from_slice(&upgrade.0);
                    into.size(effects.len());
                    effects.iter().for_each(|at| encode_coordinate(into, at));
                }
            }
            Input::Compose(_) if planted(Planted::TapeForgetsComposition) => {}
            Input::Compose(change) => {
                into.u8(COMPOSE);
                into.u64(step);
                change.encode(into);
            }
            Input::Effect(effect) => {
                let mut one = Vec::new();
                effect.encode(&mut one);
                self.effects(step, &one);
            }
        }
    }

    pub(crate) fn effects(&mut self, step: u64, effects: &[u8]) {
        if !effects.is_empty() {
            self.bytes.u8(EFFECTS);
            self.bytes.u64(step);
            self.bytes.size(effects.len());
            self.bytes.extend_from_slice(effects);
        }
    }

    /// The images that sessions were opened of, by id.
    pub fn images(&self) -> &[Arc<CodeImage>] {
        &self.images
    }

    /// The inputs as [`read_inputs`] reads them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the inputs out, for writing elsewhere.
    pub fn drain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// Bytes that are not a tape, and where they stop being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recorded inputs are not well formed at byte {offset}")]
pub struct TapeError {
    /// The offset.
    pub offset: usize,
}

/// Reads a tape: every input with its planner step, in order.
pub fn read_inputs(bytes: &[u8]) -> Result<Vec<(u64, Input)>, TapeError> {
    let mut reader = Reader::new(bytes);
    let mut inputs = Vec::new();
    while reader.remaining() > 0 {
        let offset = reader.offset();
        read_record(&mut reader, &mut inputs).ok_or(TapeError { offset })?;
    }
    Ok(inputs)
}

fn read_record(reader: &mut Reader<'_>, inputs: &mut Vec<(u64, Input)>) -> Option<()> {
    let kind = reader.u8()?;
    let step = reader.u64()?;
    match kind {
        OPEN => inputs.push((step, Input::Open { image: ImageId(reader.u32()?) })),
        LIMIT => inputs.push((step, Input::Limit { steps: reader.u64()? })),
        ANSWER => {
            let effect = RecordedEffect::decode(reader)?;
            inputs.push((step, Input::Answer { at: effect.coordinate, outcome: effect.outcome }));
        }
        LATE => {
            let effect = RecordedEffect::decode(reader)?;
            inputs.push((step, Input::Late { at: effect.coordinate, outcome: effect.outcome }));
        }
        OWN => {
            let (session, refused) = (SessionId(reader.u64()?), decode_refusal(reader.u8()?)?);
            inputs.push((step, Input::Own { session, operation: OwnershipOperation::decode(reader)?, refused }));
        }
        PERTURB => {
            let mut perturbations = Vec::new();
            for _ in 0..reader.u32()? {
                perturbations.push(TopologyPerturbation::decode(reader)?);
            }
            inputs.push((step, Input::Perturb { perturbations }));
        }
        ELAPSE => inputs.push((step, Input::Elapse)),
        ADVANCE => inputs.push((step, Input::Advance { ticks: reader.u64()? })),
        UPGRADE => {
            let (to, how) = (ImageId(reader.u32()?), reader.u8().filter(|how| *how < 8)?);
            let mode = if how & 1 == 1 { UpgradeMode::Full } else { UpgradeMode::Conservative };
            let options = UpgradeOptions { mode, at_start: how & 2 == 2 };
            let tick = Tick(reader.u64()?);
            let mut sessions = Vec::new();
            for _ in 0..reader.u64()? {
                let (first, count) = (reader.u64()?, reader.u64()?);
                // A machine has no more sessions than this, so a list from a stranger takes no more memory either.
                let end = first.checked_add(count).filter(|end| *end <= SessionId::LIMIT)?;
                let room = MAX_UPGRADED.checked_sub(sessions.len() as u64)?;
                (count <= room).then_some(())?;
                sessions.extend((first..end).map(SessionId));
            }
            let given_up = if how & 4 == 4 { Some(decode_given_up(reader)?) } else { None };
            inputs.push((step, Input::Upgrade { to, options, tick, sessions, given_up }));
        }
        COMPOSE => inputs.push((step, Input::Compose(CompositionChange::decode(reader)?))),
        EFFECTS => {
            let len = usize::try_from(reader.u64()?).ok()?;
            let mut effects = Reader::new(reader.take(len)?);
            while effects.remaining() > 0 {
                inputs.push((step, Input::Effect(RecordedEffect::decode(&mut effects)?)));
            }
        }
        _ => return None,
    }
    Some(())
}
