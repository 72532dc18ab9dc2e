//! What owners do in a run, as the reference is told: operations that it has, and results that come when nobody waits any more.

use super::later::Later;
use super::recorder::Recorder;
use crate::dice::Dice;
use crate::owners::Owners;
use motet_bridge::{AuthorityEntry, AuthorityResult, ScriptedAuthority, outcome_json, ownership_json};
use motet_machine::{
    CodeImage, EffectCoordinate, EffectHandler, EffectOutcome, ImageId, OwnershipOperation, OwnershipRefusal,
    ProtocolMachine,
};
use motet_runtime::{GuestRuntime, RuntimeError};
use motet_semantic::{
    AuthorityArtifact, AuthorityAuditEvent, AuthorityAuditRecord, OwnershipCapability, OwnershipScope,
    PendingEffectTreatment,
};
use motet_types::{RoleId, SessionId};
use serde_json::json;

/// Owners of a run, drawn from a seed, and what they have done.
#[derive(Debug)]
pub(super) struct Owning {
    acts: bool,
    dice: Dice,
    owners: Owners,
    sessions: usize,
    /// What the host had taken on when it was invalidated, and what it will answer nevertheless.
    late: Vec<(EffectCoordinate, EffectOutcome)>,
    script: Vec<ScriptedAuthority>,
    results: Vec<AuthorityResult>,
    handed: [u64; 3],
}

/// What owners did: as a runner is told, what came of it, and how often sessions changed hands, effects were invalidated by that,
/// and results came too late.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) script: Vec<ScriptedAuthority>,
    pub(super) results: Vec<AuthorityResult>,
    pub(super) handed: [u64; 3],
}

impl Owning {
    /// Owners that do something, where they do, to the sessions of an image.
    pub(super) fn new(image: &CodeImage, sessions: usize, acts: bool, seed: u64) -> Self {
        let roles = (0..image.role_count()).map(|at| image.role_name(RoleId(at as u16)).to_owned());
        let owners = Owners::of(seed ^ 0x6f77_6e65_7273_3131, ImageId(0), roles.take(2).collect());
        let (late, script, results) = (Vec::new(), Vec::new(), Vec::new());
        let dice = Dice::new(seed ^ 0x6f77_6e69_6e67_3131);
        Self { acts, dice, owners, sessions, late, script, results, handed: [0; 3] }
    }

    /// Now and then owners do something, or results come too late. `happened` is how much has happened to sites and links.
    pub(super) fn now<H: EffectHandler>(
        &mut self,
        runtime: &mut GuestRuntime,
        host: &Recorder<Later<H>>,
        image: &CodeImage,
        happened: u64,
    ) -> Result<(), String> {
        let count = if self.acts { self.dice.below(5) } else { 0 };
        (0..count).try_for_each(|_| self.one(runtime, host, image, happened))
    }

    fn one<H: EffectHandler>(
        &mut self,
        runtime: &mut GuestRuntime,
        host: &Recorder<Later<H>>,
        image: &CodeImage,
        happened: u64,
    ) -> Result<(), String> {
        let (tick, answers) = (runtime.machine().tick().0, host.late());
        let scripted = |session: SessionId, operation| ScriptedAuthority {
            tick,
            answers,
            perturbations: happened,
            session: session.0,
            operation,
        };
        if self.dice.one_in(3)
            && let Some((at, outcome)) = self.late.pop()
        {
            let effect = at.effect_id(&runtime.machine().config().run_id);
            let place = format!("{}/{}/{}", at.session.0, at.coroutine.0, at.counter);
            let told = json!({"kind": "late_result", "operation_id": place, "outcome": outcome_json(image, &outcome)});
            self.script.push(scripted(at.session, told));
            self.handed[2] += 1;
            return match runtime.complete(effect, outcome) {
                Err(RuntimeError::LateResult(late)) if late == effect => Ok(()),
                other => Err(format!("a late result of {place}: {other:?}")),
            };
        }
        let (session, operation) = self.operation(runtime.machine());
        let Some(told) = ownership_json(&operation) else { return Ok(()) };
        self.script.push(scripted(session, told));
        drop(runtime.drain_audit());
        let hands = match &operation {
            OwnershipOperation::CommitTransfer { receipt, .. } => receipt.from_owner_id != receipt.to_owner_id,
            _ => false,
        };
        let (issued, refused) = match runtime.own(session, operation) {
            Ok(outcome) => {
                self.handed[0] += u64::from(hands);
                self.handed[1] += outcome.invalidated.len() as u64;
                let taken_on = outcome.invalidated.iter().filter_map(|at| Some((*at, host.inner().answer(*at)?)));
                self.late.extend(taken_on);
                self.owners.was_issued(outcome.issued.clone());
                (outcome.issued, None)
            }
            Err(RuntimeError::Ownership(OwnershipRefusal::Contract { error, .. })) => (None, Some(error.to_string())),
            Err(other) => return Err(other.to_string()),
        };
        let entry =
            |one: AuthorityAuditRecord| AuthorityEntry { artifact: one.artifact, event: one.event, reason: one.reason };
        let audit = runtime.drain_audit().into_iter().map(entry).collect();
        self.results.push(AuthorityResult { issued, refused, audit });
        Ok(())
    }

    /// What is done, mostly at random; but where somebody waits for the host, now and then the session is handed over.
    fn operation(&mut self, machine: &ProtocolMachine) -> (SessionId, OwnershipOperation) {
        let waits = machine.pending_effects().next().map(|ask| ask.coordinate.session);
        if let Some(session) = waits.filter(|_| self.dice.one_in(2)) {
            return (session, self.handing_over(machine, session));
        }
        let session = SessionId(self.dice.below(self.sessions) as u64);
        let owned = machine.ownership(session).is_some_and(|one| one.owner().is_some());
        (session, self.owners.operation(session, owned))
    }

    /// The next operation on the way to another owner.
    fn handing_over(&mut self, machine: &ProtocolMachine, session: SessionId) -> OwnershipOperation {
        let owner_id = String::from(*self.dice.pick(&["ada", "bob", "eve"]));
        let Some((ownership, owner)) = machine.ownership(session).and_then(|one| Some((one, one.owner()?))) else {
            return OwnershipOperation::Claim { owner_id, scope: OwnershipScope::Session };
        };
        if let Some(receipt) = ownership.receipt() {
            let pending = *self.dice.pick(PendingEffectTreatment::ALL);
            return OwnershipOperation::CommitTransfer { receipt: receipt.clone(), pending };
        }
        let capability = OwnershipCapability {
            session_id: session.0,
            owner_id: owner.into(),
            generation: ownership.rule().generation,
            scope: ownership.capabilities().next().cloned().unwrap_or(OwnershipScope::Session),
        };
        OwnershipOperation::BeginTransfer { capability, to_owner_id: owner_id }
    }

    /// What they have done.
    pub(super) fn into_owned(self) -> Owned {
        Owned { script: self.script, results: self.results, handed: self.handed }
    }
}

/// The results as they can be compared: the specification does not say in which order the capabilities of one owner lose their force.
pub(super) fn in_order(results: &[AuthorityResult]) -> Result<Vec<serde_json::Value>, String> {
    let withdrawn = |one: &AuthorityEntry| {
        let capability = matches!(one.artifact, AuthorityArtifact::OwnershipCapability(_));
        capability && one.event == AuthorityAuditEvent::Invalidated
    };
    let written = |one: &AuthorityResult| {
        let mut one = one.clone();
        for run in one.audit.chunk_by_mut(|left, right| withdrawn(left) && withdrawn(right)) {
            run.sort_by_cached_key(|entry| format!("{entry:?}"));
        }
        serde_json::to_value(one).map_err(|error| error.to_string())
    };
    results.iter().map(written).collect()
}
