//! Handoffs and what they owe.

use super::{Checked, Look, Rule, Violation, ensure};
use crate::objects::{DelegationStatus, OwnershipScope, TransformationObligation};
use crate::planted::planted;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

impl TransformationObligation {
    /// Whether its handoff was committed.
    pub fn is_committed(&self) -> bool {
        self.status == DelegationStatus::Committed
    }
}

/// Every handoff has its one obligation, and a committed one leaves its old owner nothing of what it handed over.
pub(super) fn handoffs(look: &Look<'_>) -> Checked {
    let objects = look.objects;
    let mut obligations: BTreeMap<&str, &TransformationObligation> = BTreeMap::new();
    for one in &objects.transformation_obligations {
        let (list, id) = ("transformation_obligations", one.obligation_id.as_str());
        ensure(obligations.insert(&one.handoff_id, one).is_none(), || {
            let why = format!("the handoff `{}` has another obligation", one.handoff_id);
            Violation::new(Rule::SettledOnce, list, id, why)
        })?;
    }
    for one in &objects.semantic_handoffs {
        let (list, id) = ("semantic_handoffs", one.handoff_id.as_str());
        let broken = |rule, why: &str| Violation::new(rule, list, id, why);
        let Some(obligation) = obligations.remove(id) else {
            return Err(broken(Rule::SettledOnce, "it has no obligation"));
        };
        let same = obligation.status == one.status
            && obligation.session == one.session
            && obligation.scope == one.scope
            && obligation.tick == one.tick;
        ensure(same, || broken(Rule::Consistent, "its obligation says something else about it"))?;
        let owners = obligation.publication_revoked_from == one.revoked_owner_id
            && obligation.publication_activated_to == one.activated_owner_id;
        ensure(owners, || broken(Rule::RevokeBeforeActivate, "its obligation names other owners"))?;
        ensure(one.revoked_owner_id != one.activated_owner_id, || {
            broken(Rule::RevokeBeforeActivate, "the owner who was revoked is the one who was activated")
        })?;
    }
    if let Some((handoff, one)) = obligations.first_key_value() {
        let why = format!("its handoff `{handoff}` is not there");
        return Err(Violation::new(Rule::Reference, "transformation_obligations", &one.obligation_id, why));
    }
    revoked(look)
}

/// After the last committed handoff of a whole session, its old owner holds no open effect of that session and does not
/// own its region.
fn revoked(look: &Look<'_>) -> Checked {
    if planted("check-skips-revoked-owner") {
        return Ok(());
    }
    let mut last: BTreeMap<u64, (u64, &str, &str)> = BTreeMap::new();
    for one in &look.objects.semantic_handoffs {
        if one.status == DelegationStatus::Committed && one.scope == OwnershipScope::Session {
            let this = (one.tick, one.revoked_owner_id.as_str(), one.activated_owner_id.as_str());
            let held = last.entry(one.session).or_insert(this);
            if held.0 <= this.0 {
                *held = this;
            }
        }
    }
    for one in look.objects.outstanding_effects.iter().filter(|effect| effect.status.is_open()) {
        let gone = one.session.and_then(|session| last.get(&session)).map(|(_, owner, _)| *owner);
        ensure(gone.is_none() || gone != one.owner_id.as_deref(), || {
            let why = "it is open and belongs to an owner who was revoked";
            Violation::new(Rule::RevokeBeforeActivate, "outstanding_effects", &one.effect_id, why)
        })?;
    }
    for one in &look.objects.regions {
        let gone = last.get(&one.session).map(|(_, owner, _)| *owner);
        ensure(gone.is_none() || gone != one.owner_id.as_deref(), || {
            let why = "it belongs to an owner who was revoked";
            Violation::new(Rule::RevokeBeforeActivate, "regions", &one.region_id, why)
        })?;
    }
    Ok(())
}

/// Every effect that was pending is transported or invalidated, exactly once; of a handoff that was undone, none is.
pub(super) fn obligations(look: &Look<'_>) -> Checked {
    if planted("check-skips-twice-settled") {
        return Ok(());
    }
    for one in &look.objects.transformation_obligations {
        let broken = |why| Violation::new(Rule::SettledOnce, "transformation_obligations", &one.obligation_id, why);
        let affected: BTreeSet<&str> = one.affected_effect_ids.iter().map(|id| id.as_str()).collect();
        let settled = || one.transported_effect_ids.iter().chain(&one.invalidated_effect_ids);
        ensure(one.is_committed() || settled().next().is_none(), || {
            broken("it was undone and settles effects".into())
        })?;
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for id in settled() {
            ensure(affected.contains(id.as_str()), || broken(format!("`{id}` is settled and was not pending")))?;
            ensure(seen.insert(id), || broken(format!("`{id}` is settled twice")))?;
        }
        let left = affected.difference(&seen).next().filter(|_| one.is_committed());
        ensure(left.is_none(), || {
            broken(format!("`{}` is neither transported nor invalidated", left.copied().unwrap_or_default()))
        })?;
        for id in &one.affected_effect_ids {
            ensure(look.effects.contains_key(id.as_str()), || {
                let why = format!("its effect `{id}` is not there");
                Violation::new(Rule::Reference, "transformation_obligations", &one.obligation_id, why)
            })?;
        }
    }
    Ok(())
}
