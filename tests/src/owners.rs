//! Owners that act at random on a run: the same dice do the same to every run that is the same.

use crate::dice::Dice;
use crate::world::World;
use motet_machine::{
    ImageId, OwnershipOperation as Op, OwnershipOutcome, OwnershipRefusal, SemanticsError, SessionHostMutation, Tally,
};
use motet_runtime::{Durable, DurableError, Executor, OwnershipDoor, RunStatus, Runtime, RuntimeError, Turn};
use motet_semantic::{
    AuthorityArtifact, OwnershipCapability, OwnershipError, OwnershipReceipt, OwnershipScope, PendingEffectTreatment,
    ProtocolMachineSemanticObjects, ReadinessWitness, check,
};
use motet_types::{Digest, EdgeId, SessionId, ValType};
use std::sync::Arc;

/// A runtime, durable or not, as its embedder sees it.
pub trait Rig: OwnershipDoor {
    /// The executor's runtime.
    type Executor: Executor<Arc<World>>;
    /// The runtime, to look at.
    fn runtime(&self) -> &Runtime<Self::Executor>;
    /// Opens a session.
    fn open(&mut self, image: ImageId) -> Result<SessionId, String>;
    /// Takes a turn.
    fn turn(&mut self, world: &Arc<World>) -> Result<Turn, String>;
    /// Answers the first effect that waits.
    fn complete(&mut self, world: &Arc<World>) -> Result<(), String>;
    /// Why ownership refused; an error when something else did.
    fn refusal(error: Self::Refusal) -> Result<OwnershipError, String>;
}

fn rule(error: &RuntimeError) -> Result<OwnershipError, String> {
    match error {
        RuntimeError::Ownership(OwnershipRefusal::Contract { error, .. }) => Ok(*error),
        other => Err(other.to_string()),
    }
}

impl<E: Executor<Arc<World>>> Rig for Runtime<E> {
    type Executor = E;

    fn runtime(&self) -> &Runtime<E> {
        self
    }

    fn open(&mut self, image: ImageId) -> Result<SessionId, String> {
        Runtime::open(self, image).map_err(|error| error.to_string())
    }

    fn turn(&mut self, world: &Arc<World>) -> Result<Turn, String> {
        Runtime::turn(self, world).map_err(|error| error.to_string())
    }

    fn complete(&mut self, world: &Arc<World>) -> Result<(), String> {
        let Some((id, _)) = self.outstanding().next() else { return Ok(()) };
        Runtime::complete(self, id, world.answer(id)).map_err(|error| error.to_string())
    }

    fn refusal(error: RuntimeError) -> Result<OwnershipError, String> {
        rule(&error)
    }
}

impl<E: Executor<Arc<World>>> Rig for Durable<E> {
    type Executor = E;

    fn runtime(&self) -> &Runtime<E> {
        Durable::runtime(self)
    }

    fn open(&mut self, image: ImageId) -> Result<SessionId, String> {
        Durable::open(self, image).map_err(|error| error.to_string())
    }

    fn turn(&mut self, world: &Arc<World>) -> Result<Turn, String> {
        Durable::turn(self, world).map_err(|error| error.to_string())
    }

    fn complete(&mut self, world: &Arc<World>) -> Result<(), String> {
        let Some((id, _)) = self.outstanding().next() else { return Ok(()) };
        Durable::complete(self, id, world.answer(id)).map_err(|error| error.to_string())
    }

    fn refusal(error: DurableError) -> Result<OwnershipError, String> {
        match error {
            DurableError::Runtime(error) => rule(&error),
            other => Err(other.to_string()),
        }
    }
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Its status.
    pub status: RunStatus,
    /// Its counters.
    pub tally: Tally,
    /// The digest of its trace.
    pub trace: Option<Digest>,
    /// Its state root.
    pub root: Digest,
    /// Its semantic objects, where the configuration keeps them, as text.
    pub objects: Option<String>,
}

/// Where a run stands.
pub fn stand<R: Rig>(rig: &R) -> Stand {
    let runtime = rig.runtime();
    let (status, tally) = (runtime.status(), *runtime.machine().tally());
    Stand { status, tally, trace: runtime.trace_digest(), root: runtime.state_root(), objects: objects(runtime) }
}

/// How many effects are open.
fn open(objects: &ProtocolMachineSemanticObjects) -> usize {
    objects.outstanding_effects.iter().filter(|effect| effect.status.is_open()).count()
}

/// The semantic objects of a run as text, or what is wrong with them.
pub fn objects<E>(runtime: &Runtime<E>) -> Option<String> {
    match runtime.semantic_objects() {
        Err(SemanticsError::Off) => None,
        Err(broken) => Some(broken.to_string()),
        Ok(objects) if open(&objects) != runtime.machine().pending_effects().count() => {
            Some(String::from("other effects are open than the machine waits for"))
        }
        Ok(objects) => Some(match (check(&objects), objects.to_json()) {
            (Ok(()), Ok(text)) => text,
            (Err(broken), _) => broken.to_string(),
            (_, Err(error)) => error.to_string(),
        }),
    }
}

const NAMES: [&str; 3] = ["ada", "bob", "eve"];

/// What came of an operation.
pub type Came = Result<OwnershipOutcome, OwnershipError>;

/// The owners of a run.
#[derive(Debug)]
pub struct Owners {
    dice: Dice,
    /// Two roles at least, which scopes are made of.
    roles: Vec<String>,
    image: ImageId,
    /// Everything that was ever issued; it is shown again when it is long stale.
    issued: Vec<AuthorityArtifact>,
    /// What came of every operation.
    pub came: Vec<Came>,
}

impl Owners {
    /// The owners of a seed, in a run of the image.
    pub fn new(seed: u64, image: ImageId) -> Self {
        Self::of(seed, image, vec!["A".into(), "B".into()])
    }

    /// The same with two or more roles of the image's.
    pub fn of(seed: u64, image: ImageId, roles: Vec<String>) -> Self {
        Self { dice: Dice::new(seed), roles, image, issued: Vec::new(), came: Vec::new() }
    }

    /// One move: a turn, an answer, a session more, or an operation. A run that has just been recovered has to take a
    /// turn, because its host has to be asked again.
    pub fn act<R: Rig>(&mut self, rig: &mut R, world: &Arc<World>, turn: bool) -> Result<(), String> {
        match if turn { 0 } else { self.dice.below(12) } {
            0..=2 => rig.turn(world).map(drop),
            3 => rig.complete(world),
            4 if rig.runtime().machine().tally().opened < 6 => rig.open(self.image).map(drop),
            _ => self.operate(rig),
        }
    }

    fn operate<R: Rig>(&mut self, rig: &mut R) -> Result<(), String> {
        let opened = rig.runtime().machine().tally().opened as usize;
        let session = SessionId(self.dice.below(opened) as u64);
        let owned = rig.runtime().machine().ownership(session).is_some_and(|one| one.owner().is_some());
        let operation = self.operation(session, owned);
        let came = match rig.own(session, operation) {
            // Islands are numbered by their places, which are others after a recovery.
            Ok(outcome) => Ok(OwnershipOutcome { woken: None, ..outcome }),
            Err(error) => Err(R::refusal(error)?),
        };
        if let Ok(outcome) = &came {
            self.was_issued(outcome.issued.clone());
        }
        self.came.push(came);
        Ok(())
    }

    /// Remembers what was issued, to show it.
    pub fn was_issued(&mut self, artifact: Option<AuthorityArtifact>) {
        self.issued.extend(artifact);
    }

    /// Something that was issued and fits, mostly the latest; else something made up.
    fn shown<T>(&mut self, fits: impl Fn(&AuthorityArtifact) -> Option<T>, made_up: T) -> T {
        let all: Vec<T> = self.issued.iter().filter_map(fits).collect();
        let back = if self.dice.one_in(4) { self.dice.below(all.len()) } else { 0 };
        all.into_iter().rev().nth(back).unwrap_or(made_up)
    }

    fn scope(&mut self) -> OwnershipScope {
        let roles = match self.dice.below(5) {
            0 | 1 => return OwnershipScope::Session,
            2 => &self.roles[..],
            3 => &self.roles[..1],
            _ => &self.roles[1..],
        };
        OwnershipScope::Fragments(roles.iter().cloned().collect())
    }

    /// An operation on a session, which somebody owns or not: mostly one that the rules take.
    pub fn operation(&mut self, session: SessionId, owned: bool) -> Op {
        let session_id = session.0;
        let name = |dice: &mut Dice| String::from(*dice.pick(&NAMES));
        let (owner_id, scope) = (name(&mut self.dice), self.scope());
        let made_up = OwnershipCapability { session_id, owner_id, generation: 0, scope };
        let capability = self.shown(
            |artifact| match artifact {
                AuthorityArtifact::OwnershipCapability(one) if one.session_id == session_id => Some(one.clone()),
                _ => None,
            },
            made_up.clone(),
        );
        if !owned && !self.dice.one_in(4) {
            return Op::Claim { owner_id: name(&mut self.dice), scope: self.scope() };
        }
        match self.dice.below(16) {
            0 if self.dice.one_in(2) => Op::Claim { owner_id: name(&mut self.dice), scope: self.scope() },
            0 => Op::Release { capability },
            1 | 2 => Op::BeginTransfer { capability, to_owner_id: name(&mut self.dice) },
            3..=5 => {
                let OwnershipCapability { owner_id, generation, scope, .. } = made_up;
                let made_up = OwnershipReceipt {
                    session_id,
                    claim_id: 1,
                    from_owner_id: owner_id.clone(),
                    from_generation: generation,
                    to_owner_id: owner_id,
                    to_generation: 1,
                    scope,
                };
                let mut receipt = self.shown(
                    |artifact| match artifact {
                        AuthorityArtifact::OwnershipReceipt(one) if one.session_id == session_id => Some(one.clone()),
                        _ => None,
                    },
                    made_up,
                );
                if self.dice.one_in(6) {
                    receipt.to_owner_id = name(&mut self.dice);
                }
                let reason = String::from("so it goes");
                match self.dice.below(10) {
                    0 => Op::AbandonTransfer { receipt, reason },
                    1 => Op::FailCommit { receipt, reason },
                    2..=4 => Op::RollBackTransfer { receipt },
                    _ => {
                        let pending = *self.dice.pick(PendingEffectTreatment::ALL);
                        Op::CommitTransfer { receipt, pending }
                    }
                }
            }
            6 | 7 => Op::Attenuate { capability, scope: self.scope() },
            8 => {
                let mutation = SessionHostMutation::SetDefaultHandler { handler: name(&mut self.dice) };
                Op::Mutate { capability, mutation }
            }
            9 => {
                let (edge, handler) = (EdgeId(0), name(&mut self.dice));
                let mutation = SessionHostMutation::UpdateEdgeHandler { edge, handler };
                Op::Mutate { capability, mutation }
            }
            10 => {
                let trace = vec![ValType::Nat; self.dice.below(3)];
                Op::Mutate { capability, mutation: SessionHostMutation::UpdateTrace { edge: EdgeId(0), trace } }
            }
            11 | 12 => Op::IssueReadiness { capability, predicate_ref: name(&mut self.dice) },
            13 => {
                let OwnershipCapability { owner_id, generation, scope, .. } = made_up;
                let predicate_ref = String::from("made up");
                let made_up =
                    ReadinessWitness { witness_id: 1, session_id, owner_id, generation, scope, predicate_ref };
                let witness = self.shown(
                    |artifact| match artifact {
                        AuthorityArtifact::Readiness(one) if one.session_id == session_id => Some(one.clone()),
                        _ => None,
                    },
                    made_up,
                );
                Op::ConsumeReadiness { capability, witness }
            }
            14 if self.dice.one_in(3) => Op::OwnerDied { owner_id: name(&mut self.dice) },
            14 => Op::ExpireTimeouts,
            _ => Op::IssueTimeout { site: self.roles[1].clone(), duration: self.dice.below(4) as u64 },
        }
    }
}
