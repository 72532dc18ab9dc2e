//! Every state that ownership can reach, within bounds, breadth first, on the code that ships: each operation with each
//! artifact that anybody could show, held against the model and against what must always hold.

use crate::owner_model::{Model, Said};
use motet_machine::{OwnershipMoment, OwnershipOperation as Op, SessionHostMutation, SessionOwnership};
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditEvent, OwnershipCapability, OwnershipReceipt, OwnershipScope,
    PendingEffectTreatment, ReadinessWitness,
};
use motet_types::{EdgeId, SessionId, Tick};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// The session that everything is about.
const SESSION: u64 = 7;

/// How far to look. What would lead past a bound is taken and checked, and not followed further.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many owners there are.
    pub owners: usize,
    /// How many scopes there are, of the session, `A`, `B`, and both.
    pub scopes: usize,
    /// The last generation.
    pub generations: u64,
    /// How many claims and transfers begin.
    pub claims: u64,
    /// How many readiness witnesses are issued.
    pub witnesses: u64,
    /// How many timeouts are issued.
    pub timeouts: u64,
    /// The last tick.
    pub ticks: u64,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Operations tried, over all states.
    pub transitions: u64,
    /// Of these, how many were taken.
    pub taken: u64,
    /// The longest shortest way to a state, in operations.
    pub depth: usize,
    /// How many states have ended.
    pub ended: usize,
}

const OWNERS: [&str; 3] = ["ada", "bob", "eve"];

fn role(name: &str) -> String {
    name.into()
}

fn scopes(bounds: &Bounds) -> Vec<OwnershipScope> {
    let of = |roles: &[&str]| OwnershipScope::Fragments(roles.iter().map(|name| role(name)).collect());
    let all = [OwnershipScope::Session, of(&["A", "B"]), of(&["A"]), of(&["B"])];
    all.into_iter().take(bounds.scopes).collect()
}

/// What a mutation touches: the whole session, or an edge between `A` and `B`.
fn mutations() -> [(SessionHostMutation, OwnershipScope); 2] {
    let both = OwnershipScope::Fragments(BTreeSet::from([role("A"), role("B")]));
    let handler = || String::from("h");
    [
        (SessionHostMutation::SetDefaultHandler { handler: handler() }, OwnershipScope::Session),
        (SessionHostMutation::UpdateEdgeHandler { edge: EdgeId(0), handler: handler() }, both),
    ]
}

fn reach(operation: &Op) -> OwnershipScope {
    match operation {
        Op::Mutate { mutation, .. } => {
            mutations().into_iter().find(|(one, _)| one == mutation).map_or(OwnershipScope::Session, |(_, reach)| reach)
        }
        _ => OwnershipScope::Session,
    }
}

/// Every capability that somebody could show: in force, stale, of nobody, of later, of another session.
fn capabilities(bounds: &Bounds, model: &Model) -> Vec<OwnershipCapability> {
    let mut all = Vec::new();
    for owner_id in &OWNERS[..bounds.owners] {
        for generation in model.generation.saturating_sub(1)..=model.generation + 1 {
            for scope in scopes(bounds) {
                all.push(OwnershipCapability { session_id: SESSION, owner_id: role(owner_id), generation, scope });
            }
        }
    }
    if let Some(owner) = &model.owner {
        let (owner_id, generation) = (owner.id.clone(), model.generation);
        all.push(OwnershipCapability { session_id: SESSION + 1, owner_id, generation, scope: owner.all.clone() });
    }
    all
}

/// The receipt of the transfer that has begun, the same with something else in it, and one of no transfer.
fn receipts(model: &Model) -> Vec<OwnershipReceipt> {
    let none = OwnershipReceipt {
        session_id: SESSION,
        claim_id: 1,
        from_owner_id: role("ada"),
        from_generation: 0,
        to_owner_id: role("bob"),
        to_generation: 1,
        scope: OwnershipScope::Session,
    };
    let Some(staged) = model.staged.clone() else { return vec![none] };
    let other = if staged.to_owner_id == "ada" { "bob" } else { "ada" };
    vec![
        OwnershipReceipt { claim_id: staged.claim_id - 1, ..staged.clone() },
        OwnershipReceipt { to_owner_id: role(other), ..staged.clone() },
        OwnershipReceipt { from_generation: staged.from_generation + 1, ..staged.clone() },
        OwnershipReceipt { session_id: SESSION + 1, ..staged.clone() },
        OwnershipReceipt { claim_id: 0, ..none },
        staged,
    ]
}

/// Witnesses in force, changed ones, used ones, and one that was never issued.
fn witnesses(bounds: &Bounds, model: &Model) -> Vec<ReadinessWitness> {
    let Some(owner) = &model.owner else { return Vec::new() };
    let made = |witness_id, generation, scope| ReadinessWitness {
        witness_id,
        session_id: SESSION,
        owner_id: owner.id.clone(),
        generation,
        scope,
        predicate_ref: role("p"),
    };
    let mut all = Vec::new();
    for id in 0..=model.next[1] {
        all.extend(scopes(bounds).into_iter().map(|scope| made(id, model.generation, scope)));
    }
    for one in &model.ready {
        all.push(ReadinessWitness { predicate_ref: role("q"), ..one.clone() });
        all.push(ReadinessWitness { generation: one.generation + 1, ..one.clone() });
    }
    all
}

/// Every operation that anybody could try.
fn operations(bounds: &Bounds, model: &Model) -> Vec<Op> {
    let mut all = vec![Op::ExpireTimeouts, Op::IssueTimeout { site: role("A"), duration: 1 }];
    let names: Vec<&str> = OWNERS[..bounds.owners].iter().copied().chain([""]).collect();
    for owner_id in &names {
        all.push(Op::OwnerDied { owner_id: role(owner_id) });
        let claims = scopes(bounds).into_iter().take(2);
        all.extend(claims.map(|scope| Op::Claim { owner_id: role(owner_id), scope }));
    }
    for receipt in receipts(model) {
        let reason = role("r");
        all.extend([
            Op::CommitTransfer { receipt: receipt.clone(), pending: PendingEffectTreatment::PreservePending },
            Op::RollBackTransfer { receipt: receipt.clone() },
            Op::AbandonTransfer { receipt: receipt.clone(), reason: reason.clone() },
            Op::FailCommit { receipt, reason },
        ]);
    }
    let witnesses = witnesses(bounds, model);
    for capability in capabilities(bounds, model) {
        all.push(Op::Release { capability: capability.clone() });
        all.push(Op::IssueReadiness { capability: capability.clone(), predicate_ref: role("p") });
        for name in &names {
            all.push(Op::BeginTransfer { capability: capability.clone(), to_owner_id: role(name) });
        }
        for scope in scopes(bounds) {
            all.push(Op::Attenuate { capability: capability.clone(), scope });
        }
        for (mutation, _) in mutations() {
            all.push(Op::Mutate { capability: capability.clone(), mutation });
        }
        // What a stale capability is shown with does not matter.
        let in_force = model.owner.as_ref().is_some_and(|owner| {
            owner.id == capability.owner_id
                && model.generation == capability.generation
                && capability.session_id == SESSION
        });
        for witness in witnesses.iter().take(if in_force { usize::MAX } else { 1 }) {
            all.push(Op::ConsumeReadiness { capability: capability.clone(), witness: witness.clone() });
        }
    }
    all
}

/// A state, and how it was reached.
#[derive(Clone, Debug)]
struct Node {
    shipped: SessionOwnership,
    model: Model,
    tick: u64,
    depth: usize,
}

/// Bytes that are equal when states are: all but the audit's count and chain, which never repeat.
fn key(node: &Node) -> Vec<u8> {
    let mut bytes = node.shipped.to_bytes();
    bytes.truncate(bytes.len() - 40);
    bytes.extend(node.tick.to_le_bytes());
    bytes
}

/// What must hold of an operation, whatever the model says.
fn holds(node: &Node, operation: &Op, after: &Node, taken: bool) -> Result<(), String> {
    let (before, shipped) = (&node.shipped, &after.shipped);
    let shown = match operation.shown() {
        Some(AuthorityArtifact::OwnershipCapability(capability)) => Some(capability),
        _ => match operation {
            Op::ConsumeReadiness { capability, .. } => Some(capability.clone()),
            _ => None,
        },
    };
    if let (true, Some(shown)) = (taken, &shown) {
        let live = Some(shown.owner_id.as_str()) == before.owner()
            && shown.generation == before.rule().generation
            && before.capabilities().any(|scope| *scope == shown.scope);
        ensure!(live, "a capability acts that is not in force: {shown:?}");
    }
    let owned = shipped.owner().is_some();
    ensure!(owned == shipped.capabilities().next().is_some(), "there are capabilities and no owner, or the reverse");
    let roots = shipped.capabilities().filter(|one| shipped.capabilities().all(|other| one.contains(other))).count();
    ensure!(!owned || roots == 1, "a capability is wider than what was claimed");
    if before.owner() != shipped.owner() && before.owner().is_some() {
        ensure!(shipped.rule().generation > before.rule().generation, "an owner changed and its generation did not");
    }
    if node.model.ended {
        ensure!(!taken || matches!(operation, Op::ExpireTimeouts), "something is taken after the end");
        ensure!(before.rule() == shipped.rule() && shipped.owner().is_none(), "the end does not last");
    }
    if let Some(broken) = shipped.rule().broken_invariant() {
        return Err(format!("the table's invariant `{broken}` is broken"));
    }
    Ok(())
}

/// Tries an operation; answers the state after it, and whether it was taken.
fn step(node: &Node, operation: &Op) -> Result<(Node, bool), String> {
    let reach = reach(operation);
    let mut after = Node { depth: node.depth + 1, ..node.clone() };
    let Said { result, audit } = after.model.take(node.tick, &reach, operation);
    let mut records = Vec::new();
    let moment = OwnershipMoment { session: SessionId(SESSION), tick: Tick(node.tick), reach: &reach };
    let found = after.shipped.apply(&moment, operation, &mut records);
    let found = found.map(|outcome| (outcome.issued, outcome.ended));
    ensure!(found == result, "it answers {found:?}; it must be {result:?}");
    let told: Vec<(AuthorityArtifact, AuthorityAuditEvent)> =
        records.iter().map(|record| (record.artifact.clone(), record.event)).collect();
    ensure!(told == audit, "the audit says {told:?}; it must be {audit:?}");
    ensure!(records.iter().all(|record| record.tick == node.tick), "a record has another tick");
    let count = after.shipped.audit().records - node.shipped.audit().records;
    ensure!(count == records.len() as u64, "the trail counts {count} records of {}", records.len());
    if let Some(what) = after.model.differs(&after.shipped) {
        return Err(format!("it has another {what} than it must"));
    }
    let taken = found.is_ok();
    holds(node, operation, &after, taken)?;
    Ok((after, taken))
}

/// Looks at every state within the bounds, and at every operation in each.
pub fn explore(bounds: &Bounds) -> Result<Explored, String> {
    let start = Node { shipped: SessionOwnership::default(), model: Model::of(SESSION), tick: 0, depth: 0 };
    let mut seen = HashSet::from([key(&start)]);
    let mut queue = VecDeque::from([start]);
    let mut explored = Explored::default();
    while let Some(node) = queue.pop_front() {
        explored.states += 1;
        explored.ended += usize::from(node.model.ended);
        explored.depth = explored.depth.max(node.depth);
        let mut follow = |next: Node| {
            let [claims, witnesses, timeouts] = next.model.next;
            let within = next.model.generation <= bounds.generations
                && claims <= bounds.claims + 1
                && witnesses <= bounds.witnesses + 1
                && timeouts <= bounds.timeouts + 1
                && next.tick <= bounds.ticks;
            if within && seen.insert(key(&next)) {
                queue.push_back(next);
            }
        };
        for operation in operations(bounds, &node.model) {
            let (after, taken) =
                step(&node, &operation).map_err(|why| format!("{operation:?} in {:?}: {why}", node.model))?;
            explored.transitions += 1;
            explored.taken += u64::from(taken);
            follow(after);
        }
        // Time goes on; alone it changes nothing.
        follow(Node { tick: node.tick + 1, depth: node.depth + 1, ..node });
    }
    Ok(explored)
}
