//! The built-in host: payloads and choices drawn from a seed, with choices that may be given.
//!
//! Every answer is a function of the seed and of where the effect was asked for, so it does not depend on the order
//! in which sessions run.

use motet_machine::{
    CodeImage, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, SendDecision,
};
use motet_types::{EffectFailureKind, EffectKind, EffectKinds, LabelId, RoleId, Sort, SortId, SortTable, Value};
use std::collections::BTreeMap;

/// A bijection of 64-bit words that spreads close inputs far apart (the finaliser of SplitMix64).
pub(crate) const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// A host that answers everything from a seed.
#[derive(Clone, Debug, Default)]
pub struct SeededHost {
    seed: u64,
    /// Labels to choose, by role and label name; the first of a role's that is on offer wins.
    choices: BTreeMap<String, Vec<String>>,
}

/// A choice that the protocol does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No such role.
    #[error("the protocol has no role `{role}`; its roles are {known}")]
    Role {
        /// The role asked for.
        role: String,
        /// The roles there are.
        known: String,
    },
    /// The role never chooses that label.
    #[error("{role} never chooses `{label}`; {known}")]
    Label {
        /// The role.
        role: String,
        /// The label asked for.
        label: String,
        /// What it may choose.
        known: String,
    },
}

impl SeededHost {
    /// A host with a seed and no given choices.
    pub const fn new(seed: u64) -> Self {
        Self { seed, choices: BTreeMap::new() }
    }

    /// Lets `role` choose `label` wherever it may.
    pub fn choose(mut self, image: &CodeImage, role: &str, label: &str) -> Result<Self, ChoiceError> {
        let Some(id) = image.role(role) else {
            let known: Vec<&str> = (0..image.role_count()).map(|at| image.role_name(RoleId(at as u16))).collect();
            return Err(ChoiceError::Role { role: role.into(), known: known.join(", ") });
        };
        let mut names: Vec<&str> = image.choices_of(id).map(|label| image.label_name(label)).collect();
        if !names.contains(&label) {
            names.sort_unstable();
            names.dedup();
            let known = match names.is_empty() {
                true => "it has no choice to make".into(),
                false => format!("it chooses between {}", names.join(", ")),
            };
            return Err(ChoiceError::Label { role: role.into(), label: label.into(), known });
        }
        self.choices.entry(role.into()).or_default().push(label.into());
        Ok(self)
    }

    fn draw(&self, request: &EffectRequest<'_>) -> u64 {
        let at = request.coordinate;
        mix(mix(mix(self.seed ^ at.session.0) ^ u64::from(at.coroutine.0)) ^ u64::from(at.counter))
    }
}

/// A value of the sort, drawn from `word`. Sorts nest only as deep as a verified image lets them.
fn value(sorts: &SortTable, sort: SortId, word: u64) -> Value {
    match sorts.get(sort) {
        None | Some(Sort::Unit) => Value::Unit,
        Some(Sort::Nat) => Value::Nat(word % 1_000_000),
        Some(Sort::Bool) => Value::Bool(word & 1 == 1),
        Some(Sort::String) => Value::Str(format!("s{:08x}", word as u32)),
        Some(Sort::Real) => Value::Str(format!("{}.{}", word % 1000, (word >> 32) % 1000)),
        Some(Sort::Vector(_)) => Value::default_of(sorts, sort).unwrap_or_default(),
        Some(Sort::Prod(a, b)) => {
            Value::Prod(Box::new((value(sorts, SortId(a), mix(word)), value(sorts, SortId(b), mix(!word)))))
        }
    }
}

impl EffectHandler for SeededHost {
    fn identity(&self) -> &str {
        "seeded"
    }

    fn wants(&self) -> EffectKinds {
        let kinds = [EffectKind::SendDecision, EffectKind::Choose, EffectKind::InvokeStep, EffectKind::Acquire];
        kinds.into_iter().fold(EffectKinds::NONE, EffectKinds::with)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let word = self.draw(&request);
        let sorts = request.image.sorts();
        EffectOutcome::Success(match request.body {
            EffectRequestBody::SendDecision { label, .. } => {
                let sort = request.image.label_sort(label);
                EffectResponse::SendDecision(match sorts.get(sort) {
                    None | Some(Sort::Unit) => SendDecision::Deliver,
                    Some(_) => SendDecision::Replace(value(sorts, sort, word)),
                })
            }
            EffectRequestBody::Choose { labels, .. } => {
                let name = |label: LabelId| request.image.label_name(label);
                let given = self.choices.get(request.role_name()).into_iter().flatten();
                let mut given = given.filter_map(|wanted| labels.iter().position(|label| name(label) == wanted));
                EffectResponse::Choose(given.next().unwrap_or((word % labels.len() as u64) as usize))
            }
            EffectRequestBody::InvokeStep { .. } => match request.operation() {
                Some(operation) => EffectResponse::InvokeStep(value(sorts, SortId(operation.answer), word)),
                None => return EffectOutcome::failure(EffectFailureKind::InvalidInput, "no such operation"),
            },
            EffectRequestBody::Receive { .. } => EffectResponse::Receive(None),
            EffectRequestBody::Acquire { .. } => EffectResponse::Acquire(Value::Nat(word)),
            EffectRequestBody::Release { .. } => EffectResponse::Release,
            EffectRequestBody::OutputConditionHint { .. } => EffectResponse::OutputConditionHint(None),
        })
    }
}
