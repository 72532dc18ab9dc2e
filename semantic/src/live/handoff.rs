//! Handoffs: of a session's ownership, and of endpoints between coroutines. Both settle what is pending in between.

use super::audit::Note;
use super::key::{EffectKey, HandoffKey, TakenBy};
use super::occurrence::MovedEndpoint;
use super::retire::Ended;
use super::{Live, LiveViolation};
use crate::ids;
use crate::objects::{OwnershipReceipt, OwnershipScope};
use crate::planted::planted;
use crate::rules::{Handoff, HandoffEvent, HandoffPhase};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A transfer of ownership that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Staged {
    pub(super) key: HandoffKey,
    /// The generation in which the new owner acts.
    pub(super) to_generation: u64,
}

/// One handoff, its operation and what it owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handover {
    pub(super) from_coro: u64,
    pub(super) to_coro: u64,
    /// Who loses the right, and who gets it.
    pub(super) revoked: String,
    pub(super) activated: String,
    pub(super) scope: OwnershipScope,
    pub(super) rule: Handoff,
    /// The session's owner when it ended.
    pub(super) owner: Option<String>,
    pub(super) tick: u64,
    pub(super) reason: Option<String>,
    /// Effects that were pending, in order; all were transported but those that follow.
    pub(super) affected: Vec<EffectKey>,
    pub(super) invalidated: Vec<EffectKey>,
    /// Its number among what has ended.
    pub(super) closed: Option<u64>,
}

impl Handover {
    /// A handoff that begins at a tick: nothing is revoked, activated or settled yet.
    fn begun(coros: (u64, u64), revoked: String, activated: String, scope: OwnershipScope, tick: u64) -> Self {
        Self {
            from_coro: coros.0,
            to_coro: coros.1,
            revoked,
            activated,
            scope,
            rule: Handoff::new(0),
            owner: None,
            tick,
            reason: None,
            affected: Vec::new(),
            invalidated: Vec::new(),
            closed: None,
        }
    }

    /// Whether the new owner acts.
    pub(super) fn is_committed(&self) -> bool {
        self.rule.phase == HandoffPhase::Committed
    }
}

impl Live {
    /// A transfer of a session's ownership begins. One to the owner itself renews what it has, and is no handoff.
    pub(super) fn stage(&mut self, session: u64, receipt: &OwnershipReceipt) -> Result<(), LiveViolation> {
        let key = HandoffKey { session, endpoint: false, number: receipt.claim_id };
        let staged = Box::new(Staged { key, to_generation: receipt.to_generation });
        let found = self.session_mut(session)?;
        if receipt.from_owner_id == receipt.to_owner_id {
            return Ok(());
        }
        found.staged = Some(staged);
        let (revoked, activated) = (receipt.from_owner_id.clone(), receipt.to_owner_id.clone());
        // No coroutine gives anything.
        let handover = Handover::begun((0, 0), revoked, activated, receipt.scope.clone(), self.tick);
        match self.handoffs.insert(key, handover) {
            None => Ok(()),
            Some(before) => {
                self.handoffs.insert(key, before);
                Err(LiveViolation::HandoffTwice(key))
            }
        }
    }

    /// The effects that wait in a scope of a session.
    fn pending_in(&self, session: u64, scope: &OwnershipScope) -> Vec<EffectKey> {
        let waiting = self.effects.list(self.sessions.first(session));
        let covered = waiting.filter(|(_, effect)| match scope {
            OwnershipScope::Session => true,
            OwnershipScope::Fragments(roles) => roles.contains(self.role_of(effect)),
        });
        let mut pending: Vec<EffectKey> = covered.map(|(_, effect)| effect.key).collect();
        pending.sort_unstable();
        pending
    }

    /// The staged transfer is done: the old owner is revoked, and everything that is pending is settled. Nobody owns the
    /// session until [`Live::activate`].
    pub(super) fn revoke(&mut self, session: u64, transports: bool) -> Result<(), LiveViolation> {
        let Some(staged) = self.session_mut(session)?.staged.as_deref() else { return Ok(()) };
        let key = staged.key;
        let scope = self.handoffs.get(&key).map(|one| one.scope.clone()).ok_or(LiveViolation::NoHandoff(session))?;
        let affected = self.pending_in(session, &scope);
        self.settle_all(key, affected, transports)
    }

    /// Revokes, and settles each effect once. The handoff closes before what it invalidates, so that it is gone first.
    fn settle_all(&mut self, key: HandoffKey, affected: Vec<EffectKey>, transports: bool) -> Result<(), LiveViolation> {
        let refuse = |error| LiveViolation::Handoff { handoff: key, error };
        let number = key.number.saturating_add(1);
        let mut rule = Handoff::new(affected.len() as u64);
        for effect in &affected {
            self.owe(*effect, number)?;
        }
        rule = rule.apply(HandoffEvent::Revoke {}).map_err(refuse)?;
        self.between += 1;
        let settled = if transports { HandoffEvent::Transport {} } else { HandoffEvent::Invalidate {} };
        for effect in &affected {
            rule = rule.apply(settled).map_err(refuse)?;
            if transports && !planted("live-leaves-effects-owed") {
                self.transport(*effect, number)?;
            }
        }
        if let Some(handover) = self.handoffs.get_mut(&key) {
            handover.rule = rule;
            handover.affected = affected;
        }
        if !transports {
            self.close_handoff(key);
            let invalidated = self.handoffs.get(&key).map(|one| one.affected.clone()).unwrap_or_default();
            for effect in &invalidated {
                self.invalidate(*effect, TakenBy::Handoff(key), number)?;
            }
            if let Some(handover) = self.handoffs.get_mut(&key) {
                handover.invalidated = invalidated;
            }
        }
        Ok(())
    }

    /// The new owner gets its right, which nobody else has then.
    pub(super) fn activate(&mut self, session: u64, generation: u64) -> Result<bool, LiveViolation> {
        let staged = self.session(session).and_then(|found| found.staged.as_deref());
        let Some(key) = staged.filter(|staged| staged.to_generation == generation).map(|staged| staged.key) else {
            return Ok(false);
        };
        self.commit(key)?;
        let activated = self.handoffs.get(&key).map(|one| one.activated.clone());
        let found = self.session_mut(session)?;
        (found.staged, found.owner, found.generation) = (None, activated, generation);
        Ok(true)
    }

    fn commit(&mut self, key: HandoffKey) -> Result<(), LiveViolation> {
        let (tick, refuse) = (self.tick, |error| LiveViolation::Handoff { handoff: key, error });
        let handover = self.handoffs.get_mut(&key).ok_or(LiveViolation::NoHandoff(key.session))?;
        handover.rule = handover.rule.apply(HandoffEvent::Activate {}).map_err(refuse)?;
        self.between = self.between.saturating_sub(1);
        handover.tick = tick;
        handover.owner = match key.endpoint {
            true => self.sessions.owned.get(&key.session).and_then(|one| one.owner.clone()),
            false => Some(handover.activated.clone()),
        };
        let told = Note::handed_over(key, handover);
        if handover.closed.is_none() {
            self.close_handoff(key);
        }
        self.notes.extend(told);
        self.notes.push(Note::HandoffPublication { handoff: key });
        Ok(())
    }

    fn close_handoff(&mut self, key: HandoffKey) {
        let number = self.ended.push(Ended::Handoff(Box::new(key)));
        if let Some(handover) = self.handoffs.get_mut(&key) {
            handover.closed = Some(number);
        }
    }

    /// The staged transfer is undone, or its session ends before it is done: nothing was settled.
    pub(super) fn roll_back(&mut self, session: u64, reason: Option<&str>) -> Result<(), LiveViolation> {
        let tick = self.tick;
        let found = self.session_mut(session)?;
        let owner = found.owner.clone();
        let Some(key) = found.staged.take().map(|staged| staged.key) else { return Ok(()) };
        let handover = self.handoffs.get_mut(&key).ok_or(LiveViolation::NoHandoff(session))?;
        let rule = handover.rule.apply(HandoffEvent::RollBack {});
        handover.rule = rule.map_err(|error| LiveViolation::Handoff { handoff: key, error })?;
        (handover.tick, handover.owner) = (tick, owner);
        handover.reason = reason.map(String::from);
        let told = Note::handed_over(key, handover);
        self.close_handoff(key);
        self.notes.extend(told);
        Ok(())
    }

    /// An instruction gave an endpoint to another coroutine. What the giver asked goes along with it.
    pub(super) fn moved(&mut self, moved: &MovedEndpoint<'_>) -> Result<(), LiveViolation> {
        let MovedEndpoint { island, session, number, role, from, to } = *moved;
        let key = HandoffKey { session, endpoint: true, number };
        let main = self.session_mut(island)?;
        if session != island && !main.guests.contains(&session) {
            main.guests.push(session);
            self.sessions.insert(session, true, false);
        }
        if from == to {
            return Ok(());
        }
        if self.handoffs.contains_key(&key) {
            return Err(LiveViolation::HandoffTwice(key));
        }
        let mut affected = self.open_of(island);
        affected.retain(|effect| effect.coroutine == from);
        let coros = (u64::from(from), u64::from(to));
        let (revoked, activated) = (ids::coroutine(coros.0), ids::coroutine(coros.1));
        let scope = OwnershipScope::Fragments(BTreeSet::from([String::from(role)]));
        let handover = Handover::begun(coros, revoked, activated, scope, self.tick);
        self.handoffs.insert(key, handover);
        self.settle_all(key, affected, true)?;
        self.commit(key)
    }
}
