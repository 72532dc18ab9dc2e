//! What the model says of output conditions: a step is taken on a copy, and put back when it may not be seen.

use super::fate::About;
use super::island::{Island, Step, Verdict, World};
use motet_machine::{EffectOutcome, EffectResponse, OBSERVABLE_OUTPUT, OutputConditionPolicy};
use motet_types::{CoroutineId, Digest, Event, EventKind, FaultClass, Value};

/// A value in the one encoding of values, written down once more.
fn write(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Unit => into.push(0),
        Value::Nat(number) => {
            into.push(1);
            into.extend(number.to_le_bytes());
        }
        Value::Bool(truth) => into.extend([2, u8::from(*truth)]),
        Value::Endpoint { session, role } => {
            into.push(3);
            into.extend(session.0.to_le_bytes());
            into.extend(role.0.to_le_bytes());
        }
        Value::Str(text) => {
            into.push(4);
            into.extend((text.len() as u64).to_le_bytes());
            into.extend(text.as_bytes());
        }
        Value::Prod(pair) => {
            into.push(5);
            write(&pair.0, into);
            write(&pair.1, into);
        }
    }
}

impl Island {
    /// What was sent, if anything was: it is the last message of its edge.
    fn sent(&self, told: &[Event]) -> Option<Value> {
        let at = told.iter().position(|event| event.kind == EventKind::Sent)?;
        let talk = match at.checked_sub(1).map(|before| told[before]) {
            Some(before) if before.kind == EventKind::Guest => before.ghost(),
            _ => 0,
        };
        let queue = &self.talks[&talk].edges[told[at].edge.index()];
        queue.messages.back().map(|(_, _, value)| value.clone())
    }

    fn output_digest(&self, image: &Digest, told: &[Event]) -> Digest {
        let mut bytes = Vec::new();
        bytes.extend((b"motet.output.v1".len() as u64).to_le_bytes());
        bytes.extend(b"motet.output.v1");
        bytes.extend(image.0);
        bytes.extend(self.id.0.to_le_bytes());
        bytes.extend((told.len() as u64).to_le_bytes());
        told.iter().for_each(|event| bytes.extend(event.pack().to_le_bytes()));
        match self.sent(told) {
            None => bytes.push(0),
            Some(value) => {
                let mut payload = Vec::new();
                write(&value, &mut payload);
                bytes.push(1);
                bytes.extend((payload.len() as u64).to_le_bytes());
                bytes.extend(payload);
            }
        }
        Digest(*blake3::hash(&bytes).as_bytes())
    }

    /// One instruction: paid for, taken, and, if it told anything, held against what may be seen.
    pub(super) fn held(&mut self, world: &mut World, by: u16) -> Step {
        world.of_step.clear();
        let policy = world.config.output_condition_policy.clone();
        if policy == OutputConditionPolicy::Disabled {
            return self.watched(world, by);
        }
        let before = self.clone();
        let kept = (world.evidence.clone(), world.taken.clone(), world.asks.clone(), world.told.clone());
        let counts = (world.receipts.clone(), world.dropped, world.messages, world.sites.changed);
        let step = self.watched(world, by)?;
        let told = std::mem::take(&mut world.of_step);
        if matches!(step, Verdict::Blocked(_)) || told.is_empty() {
            return Ok(step);
        }
        let digest = self.output_digest(&world.digests[self.main().code], &told);
        let said = if world.wants.contains(motet_types::EffectKind::OutputConditionHint) {
            match self.ask(world, by, motet_types::EffectKind::OutputConditionHint, &About::Nothing) {
                EffectOutcome::Success(EffectResponse::OutputConditionHint(None)) => Ok(None),
                EffectOutcome::Success(EffectResponse::OutputConditionHint(Some(hint)))
                    if hint.witness.as_ref().is_none_or(|witness| !witness.is_empty()) =>
                {
                    Ok(Some((hint.predicate, hint.witness)))
                }
                _ => Err(FaultClass::Invoke),
            }
        } else {
            Ok(None)
        };
        let unsaid = || (String::from(OBSERVABLE_OUTPUT), None);
        let (verdict, text) = match said {
            Err(class) => (Err(class), None),
            Ok(said) => {
                let (predicate, witness) = said.unwrap_or_else(unsaid);
                let passes = match policy {
                    OutputConditionPolicy::AllowAll => true,
                    OutputConditionPolicy::AllowList(list) => list.contains(&predicate),
                    _ => false,
                };
                let witness = witness.map_or_else(String::new, |witness| format!("\n{witness}"));
                let text = format!("{digest}{predicate}{witness}");
                (if passes { Ok(step) } else { Err(FaultClass::OutputCondition) }, Some(text))
            }
        };
        if verdict.is_err() {
            *self = before.clone();
            (world.evidence, world.taken, world.asks, world.told) = kept;
            (world.receipts, world.dropped, world.messages, world.sites.changed) = counts;
            self.forget_speculation();
        }
        if let Some(text) = text {
            let event = Event::plain(EventKind::OutputConditionChecked, CoroutineId(by), u8::from(verdict.is_ok()));
            let words: Vec<Event> = Event::text(&text).chain([event]).collect();
            // The check of what began a speculation stands before it.
            let began = self.levels.len() > before.levels.len();
            let inside = !(self.levels.is_empty() || began && self.levels.len() == 1);
            if inside {
                self.withheld.extend(words)
            } else {
                world.told.extend(words)
            }
            if began && let Some(level) = self.levels.last_mut() {
                level.events = self.withheld.len();
            }
        }
        verdict
    }
}
