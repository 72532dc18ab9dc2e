//! What the host answers: a function of a seed and of where it is asked, so that the machine and the model can be told the
//! same without one asking through the other.

use crate::script::{decision, done};
use motet_machine::{
    EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse,
    OutputConditionHint, SendDecision,
};
use motet_types::{EffectFailureKind, EffectKind, EffectKinds, Sort, SortId, SortTable, Value};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What a question is about, as far as an answer depends on it.
pub(super) enum About<'a> {
    /// A value of this sort goes or comes.
    Value(&'a SortTable, SortId),
    /// One of so many labels.
    Labels(usize),
    /// Nothing further.
    Nothing,
}

/// A host. Clones ask their own questions and get the same answers.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) seed: u64,
    pub(super) wants: EffectKinds,
    /// One answer in so many is a bad one; 0 for none.
    pub(super) grim: u64,
    /// How often each effect that may take its time was asked for.
    asked: Mutex<BTreeMap<EffectCoordinate, u64>>,
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

fn value(sorts: &SortTable, sort: SortId, word: u64) -> Value {
    match sorts.get(sort) {
        Some(Sort::Nat) => Value::Nat(word % 5),
        Some(Sort::Bool) => Value::Bool(word.is_multiple_of(2)),
        Some(Sort::String) => Value::Str(format!("text {}", word % 7).as_str().into()),
        Some(Sort::Prod(left, right)) => {
            let pair = (value(sorts, SortId(left), mix(word)), value(sorts, SortId(right), mix(!word)));
            Value::Prod(Box::new(pair))
        }
        _ => Value::default_of(sorts, sort).unwrap_or_default(),
    }
}

impl Fate {
    pub(super) fn new(seed: u64, wants: EffectKinds, grim: u64) -> Self {
        Self { seed, wants, grim, asked: Mutex::default() }
    }

    /// The answer to a question.
    pub(super) fn answer(&self, at: EffectCoordinate, kind: EffectKind, about: &About<'_>) -> EffectOutcome {
        let place = mix(self.seed ^ at.session.0) ^ mix(u64::from(at.coroutine.0) << 32 | u64::from(at.counter));
        let word = mix(place ^ kind as u64);
        if self.grim > 0 && word.is_multiple_of(self.grim) {
            return match word >> 32 & 7 {
                0 => EffectOutcome::Blocked,
                1 => EffectOutcome::Pending,
                2 => EffectOutcome::Success(EffectResponse::Release),
                3 => EffectOutcome::Success(EffectResponse::Choose(1 << 40)),
                4 => done(Value::Str("of some other sort".into())),
                _ => EffectOutcome::failure(EffectFailureKind::Unavailable, "not today"),
            };
        }
        let turn = word >> 8;
        match (kind, about) {
            (EffectKind::SendDecision, About::Value(sorts, sort)) => match turn % 16 {
                0 => decision(SendDecision::Replace(value(sorts, *sort, word))),
                1 | 2 => decision(SendDecision::Defer),
                3 if self.grim > 0 => decision(SendDecision::Drop),
                _ => decision(SendDecision::Deliver),
            },
            (EffectKind::Receive, About::Value(sorts, sort)) => {
                let other = turn.is_multiple_of(8).then(|| value(sorts, *sort, word));
                EffectOutcome::Success(EffectResponse::Receive(other))
            }
            (EffectKind::Choose, About::Labels(count)) => {
                EffectOutcome::Success(EffectResponse::Choose((turn % (*count).max(1) as u64) as usize))
            }
            (EffectKind::InvokeStep, About::Value(sorts, sort)) => done(value(sorts, *sort, word)),
            (EffectKind::OutputConditionHint, _) => {
                let predicate = format!("shown.{}", turn % 16 / 6);
                let hint = |witness| Box::new(OutputConditionHint { predicate, witness });
                EffectOutcome::Success(EffectResponse::OutputConditionHint(match turn % 16 {
                    0..=3 => None,
                    4..=9 => Some(hint(None)),
                    10 if self.grim > 0 => Some(hint(Some(String::new()))),
                    other => Some(hint(Some(format!("witness {other}")))),
                }))
            }
            (EffectKind::Acquire, _) => EffectOutcome::Success(EffectResponse::Acquire(Value::Nat(turn % 9))),
            _ => EffectOutcome::accept(kind),
        }
    }

    /// The answer to an effect that may take its time: refused, taken on, or answered.
    pub(super) fn asked(&self, at: EffectCoordinate, kind: EffectKind, about: &About<'_>) -> EffectOutcome {
        let mut asked = self.asked.lock().expect("nobody panics with it");
        let times = asked.entry(at).or_default();
        *times += 1;
        match (*times, mix(self.seed ^ u64::from(at.counter) << 20 ^ at.session.0) % 4) {
            (1, 0) | (2, 0) => EffectOutcome::Blocked,
            (_, 1) => EffectOutcome::Pending,
            _ => self.late(at, kind, about),
        }
    }

    /// What it is answered in the end.
    pub(super) fn late(&self, at: EffectCoordinate, kind: EffectKind, about: &About<'_>) -> EffectOutcome {
        match self.answer(at, kind, about) {
            EffectOutcome::Blocked | EffectOutcome::Pending => {
                EffectOutcome::failure(EffectFailureKind::Unavailable, "neither now nor later")
            }
            answer => answer,
        }
    }
}

impl EffectHandler for Fate {
    fn identity(&self) -> &str {
        "fate"
    }

    fn wants(&self) -> EffectKinds {
        self.wants
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let (at, kind) = (request.coordinate, request.kind());
        let table = |sorts: &[Sort]| SortTable::from_rows(sorts.to_vec()).unwrap_or_default();
        let image = &request.image;
        match request.body {
            EffectRequestBody::SendDecision { label, .. } | EffectRequestBody::Receive { label, .. } => {
                let about = table(image.sorts().rows());
                self.answer(at, kind, &About::Value(&about, image.label_sort(label)))
            }
            EffectRequestBody::Choose { labels, .. } => self.answer(at, kind, &About::Labels(labels.len())),
            EffectRequestBody::InvokeStep { effect, .. } => {
                let (part, about) = (&image.effects()[effect.index()], table(image.sorts().rows()));
                let about = About::Value(&about, SortId(part.answer));
                if part.may_block { self.asked(at, kind, &about) } else { self.answer(at, kind, &about) }
            }
            EffectRequestBody::Acquire { .. } => self.asked(at, kind, &About::Nothing),
            EffectRequestBody::Release { .. } | EffectRequestBody::OutputConditionHint { .. } => {
                self.answer(at, kind, &About::Nothing)
            }
        }
    }
}
