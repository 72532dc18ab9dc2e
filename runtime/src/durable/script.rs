//! What a log says of a run, in the order in which it is needed.

use super::RecoverError;
use super::agreement::Found;
use super::entry::{AGREEMENT, CONTRACT, Entry, Intent, Kept, NOTE, OUTCOME};
use super::spans;
use crate::schedule::Schedule;
use crate::tape::Input;
use motet_log::span::SpanEdge;
use motet_machine::{
    Boundary, CodeImage, EffectCoordinate, KeysError, ProtocolMachineConfig, RecordedEffect, SigningKeys,
};
use motet_types::{EffectKinds, Planted, SessionId, planted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What the log says, in the order in which it is needed.
#[derive(Default)]
pub(super) struct Script {
    pub(super) config: Option<(ProtocolMachineConfig, Schedule)>,
    /// The host's keys, which no log has.
    pub(super) keys: Option<SigningKeys>,
    pub(super) images: Vec<Arc<CodeImage>>,
    pub(super) handler: Option<(String, EffectKinds)>,
    pub(super) between: VecDeque<(u64, Input)>,
    pub(super) answers: BTreeMap<SessionId, VecDeque<RecordedEffect>>,
    /// Waves committed when the last inputs were written.
    pub(super) waves: u64,
    pub(super) digests: VecDeque<Boundary>,
    pub(super) intents: BTreeMap<EffectCoordinate, Intent>,
    /// Every effect that the log says was asked, in the order of asking.
    pub(super) order: Vec<EffectCoordinate>,
    pub(super) kept: Vec<Kept>,
    pub(super) found: Found,
    pub(super) inputs: u64,
    pub(super) asked: u64,
    /// Every input in order, where somebody wants them besides.
    pub(super) tape: Option<Vec<(u64, Input)>>,
}

/// Gives a configuration that was read its keys.
pub(super) fn give_keys(config: &mut ProtocolMachineConfig, keys: Option<&SigningKeys>) -> Result<(), KeysError> {
    if let Some(keys) = keys {
        config.authentication.give(keys)?;
    }
    config.authentication.validate()
}

impl Script {
    /// What an entry does to spans.
    pub(super) fn edges(&self, entry: Option<&Entry>) -> Vec<SpanEdge> {
        match entry {
            Some(Entry::Asked(intents)) => intents.iter().map(spans::opens).collect(),
            Some(Entry::Abandoned(intents)) => intents.iter().map(spans::closes).collect(),
            Some(Entry::Inputs { inputs, .. }) => {
                let answered = inputs.iter().filter_map(|(_, input)| match input {
                    Input::Answer { at, .. } => self.intents.get(at),
                    _ => None,
                });
                answered.map(spans::closes).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn take(&mut self, entry: Entry) -> Result<(), RecoverError> {
        match entry {
            Entry::Run { mut config, schedule } => {
                give_keys(&mut config, self.keys.as_ref())?;
                config.run_id.0[0] ^= u8::from(planted(Planted::DurableNewIds));
                self.config = Some((config, schedule));
            }
            Entry::Image { number, bytes } => {
                let error = |error| RecoverError::Image { number, error };
                let image = CodeImage::load(&bytes).map_err(error)?;
                if number as usize == self.images.len() {
                    self.images.push(Arc::new(image));
                }
            }
            Entry::Handler { identity, wants } => self.handler = Some((identity, wants)),
            Entry::Inputs { waves, inputs } => {
                // A run that was recovered to less took some waves another time, perhaps otherwise: what was told of them
                // before does not count.
                self.digests.retain(|boundary| boundary.wave <= waves);
                self.waves = waves;
                self.inputs += inputs.len() as u64;
                if let Some(tape) = &mut self.tape {
                    tape.extend(inputs.iter().cloned());
                }
                for (step, input) in inputs {
                    match input {
                        Input::Answer { at, outcome } => {
                            self.intents.remove(&at);
                            self.between.push_back((step, Input::Answer { at, outcome }));
                        }
                        Input::Effect(effect) => {
                            self.answers.entry(effect.coordinate.session).or_default().push_back(effect);
                        }
                        other => self.between.push_back((step, other)),
                    }
                }
            }
            Entry::Asked(intents) => {
                self.asked += intents.len() as u64;
                self.order.extend(intents.iter().map(|intent| intent.at));
                self.intents.extend(intents.into_iter().map(|intent| (intent.at, intent)));
            }
            Entry::Abandoned(gone) => self.intents.retain(|at, _| gone.iter().all(|intent| intent.at != *at)),
            Entry::Digest(boundary) => {
                // Nothing came in up to there, or it would stand before.
                self.waves = self.waves.max(boundary.wave);
                self.digests.push_back(boundary);
            }
            Entry::Note(bytes) => self.kept.push(Kept { kind: NOTE, bytes }),
            Entry::Agreement(entry) => {
                self.kept.push(Kept { kind: AGREEMENT, bytes: entry.to_json()? });
                self.found.suffix.push(entry);
            }
            Entry::Outcome(entry) => {
                self.kept.push(Kept { kind: OUTCOME, bytes: entry.to_json()? });
                self.found.outcomes.push(entry);
            }
            Entry::Contract(declared) => {
                self.kept.push(Kept { kind: CONTRACT, bytes: declared.to_json()? });
                self.found.declared.push(declared);
            }
        }
        Ok(())
    }
}
