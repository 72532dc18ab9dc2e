//! Several hosts as one: each effect is put to all of them, and a policy says what their answers come to.
//!
//! The members are asked in their order, each with the same request under the same id, and those that do not want its kind
//! abstain. What comes of it depends on their answers alone, so a composition is as deterministic as its members.

use motet_machine::{EffectFailure, EffectHandler, EffectOutcome, EffectRequest, EffectResponse};
use motet_types::{EffectFailureKind, EffectKinds, Planted, planted};
use std::fmt;
use std::sync::Arc;

/// What the answers of several hosts come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectCompositionPolicy {
    /// Everybody who is asked must succeed, and all must say the same.
    All,
    /// Whoever succeeds first is heard; the others behind are not asked.
    First,
    /// So many must succeed and say the same; whoever is behind them is not asked.
    Threshold {
        /// How many, from 1 to the number of members.
        required_successes: usize,
    },
}

/// A composition that could never answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompositionError {
    /// Nobody to ask.
    #[error("a composition needs a member")]
    Empty,
    /// A threshold that cannot be reached, or needs nobody.
    #[error("{required} of {members} members must succeed; it must be between 1 and {members}")]
    Threshold {
        /// How many must succeed.
        required: usize,
        /// How many there are.
        members: usize,
    },
}

/// Several hosts that answer as one.
pub struct ComposedHost {
    identity: String,
    policy: EffectCompositionPolicy,
    members: Vec<Arc<dyn EffectHandler>>,
}

impl fmt::Debug for ComposedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComposedHost").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl ComposedHost {
    /// Composes the members under a policy. Its identity names both.
    ///
    /// # Errors
    /// When there is nobody to ask, or the threshold makes no sense.
    pub fn new(
        policy: EffectCompositionPolicy,
        members: Vec<Arc<dyn EffectHandler>>,
    ) -> Result<Self, CompositionError> {
        if members.is_empty() {
            return Err(CompositionError::Empty);
        }
        let name = match policy {
            EffectCompositionPolicy::All => String::from("all"),
            EffectCompositionPolicy::First => String::from("first"),
            EffectCompositionPolicy::Threshold { required_successes: required } => {
                if !(1..=members.len()).contains(&required) {
                    return Err(CompositionError::Threshold { required, members: members.len() });
                }
                format!("{required} of")
            }
        };
        let names: Vec<&str> = members.iter().map(|member| member.identity()).collect();
        Ok(Self { identity: format!("{name} ({})", names.join(", ")), policy, members })
    }

    /// How many must say the same, of so many that are asked.
    const fn needed(&self, asked: usize) -> usize {
        match self.policy {
            EffectCompositionPolicy::All => asked,
            EffectCompositionPolicy::First => 1,
            EffectCompositionPolicy::Threshold { required_successes } => required_successes,
        }
    }
}

/// What has been said so far, each answer with how often.
#[derive(Default)]
struct Said {
    answers: Vec<(EffectResponse, usize)>,
    failure: Option<EffectFailure>,
    blocked: usize,
}

impl Said {
    /// Hears an answer; answers how many have said the same, if it is one.
    fn hear(&mut self, outcome: EffectOutcome) -> usize {
        match outcome {
            EffectOutcome::Success(response) => {
                let known = self.answers.iter().position(|(known, _)| *known == response);
                let known =
                    known.or_else(|| (planted(Planted::ComposeCountsAny) && !self.answers.is_empty()).then_some(0));
                let at = known.unwrap_or_else(|| {
                    self.answers.push((response, 0));
                    self.answers.len() - 1
                });
                self.answers[at].1 += 1;
                return self.answers[at].1;
            }
            EffectOutcome::Blocked => self.blocked += 1,
            EffectOutcome::Pending => {
                let message = String::from("a member of a composition must answer, or say that it is blocked");
                self.failure.get_or_insert(EffectFailure { kind: EffectFailureKind::ContractViolation, message });
            }
            EffectOutcome::Failure(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
        0
    }

    /// What it comes to when too few have said the same: not yet, or the first failure, or that they disagree.
    fn too_few(self, asked: usize, needed: usize) -> EffectOutcome {
        // Who is blocked may still say what is missing.
        let best = self.answers.iter().map(|(_, times)| *times).max().unwrap_or_default();
        if self.blocked > 0 && best + self.blocked >= needed {
            return EffectOutcome::Blocked;
        }
        match self.failure {
            Some(failure) => EffectOutcome::Failure(failure),
            None => EffectOutcome::failure(
                EffectFailureKind::Determinism,
                format!("of {asked} members {needed} must say the same; they gave {} answers", self.answers.len()),
            ),
        }
    }
}

impl EffectHandler for ComposedHost {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn wants(&self) -> EffectKinds {
        self.members.iter().fold(EffectKinds::NONE, |all, member| all.and(member.wants()))
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let asked = || self.members.iter().filter(|member| member.wants().contains(request.kind()));
        let count = asked().count();
        let needed = self.needed(count);
        let mut said = Said::default();
        for member in asked() {
            let outcome = member.handle_effect(request);
            let answer = match &outcome {
                EffectOutcome::Success(response) => Some(response.clone()),
                _ => None,
            };
            if said.hear(outcome) >= needed
                && let Some(answer) = answer
            {
                return EffectOutcome::Success(answer);
            }
        }
        said.too_few(count, needed)
    }
}
