//! Agreements: contracts, evidence and states.

use super::{Checked, Look, Rule, Violation, ensure};
use crate::objects::{AgreementContract, AgreementEvidence, AgreementRule};
use crate::planted::planted;
use crate::rules::{Agreement, AgreementEnd, AgreementLevel};
use alloc::collections::BTreeMap;
use alloc::format;

/// Every state has its contract, is one that the table can reach, and rests on evidence of its contract's kind.
pub(super) fn states(look: &Look<'_>) -> Checked {
    let objects = look.objects;
    let contracts: BTreeMap<&str, &AgreementContract> =
        objects.agreement_contracts.iter().map(|one| (one.operation_id.as_str(), one)).collect();
    let evidence: BTreeMap<&str, &AgreementEvidence> =
        objects.agreement_evidence.iter().map(|one| (one.evidence_id.as_str(), one)).collect();
    for one in &objects.agreement_contracts {
        let (list, id) = ("agreement_contracts", one.contract_name.as_str());
        look.operation(list, id, &one.operation_id)?;
        ensure(one.usable_at <= one.finalized_at, || {
            Violation::new(Rule::AgreementLegal, list, id, "it stands before it may be used")
        })?;
        let profile = objects.agreement_profiles.iter().find(|profile| profile.profile_name == one.profile_name);
        let same = profile.is_some_and(|profile| {
            (profile.visibility, profile.rule, profile.usable_at, profile.finalized_at, profile.required_evidence_kind)
                == (one.visibility, one.rule, one.usable_at, one.finalized_at, one.required_evidence_kind)
        });
        ensure(same, || {
            let why = format!("the profile `{}` is not there, or says something else", one.profile_name);
            Violation::new(Rule::Reference, list, id, why)
        })?;
    }
    for one in &objects.agreement_evidence {
        look.operation("agreement_evidence", &one.evidence_id, &one.operation_id)?;
    }
    for one in &objects.agreement_states {
        let (list, id) = ("agreement_states", one.operation_id.as_str());
        let broken = |why| Violation::new(Rule::AgreementLegal, list, id, why);
        let contract = contracts.get(id).filter(|contract| contract.contract_name == one.contract_name);
        let missing = || Violation::new(Rule::Reference, list, id, format!("`{}` is not there", one.contract_name));
        let contract = contract.ok_or_else(missing)?;
        let state =
            Agreement { level: one.level, end: AgreementEnd::from(one.finalization), gate: AgreementLevel::None };
        let invariant = state.broken_invariant();
        ensure(invariant.is_none(), || broken(format!("it breaks `{}`", invariant.unwrap_or_default())))?;
        let asked = contract.rule != AgreementRule::NoAgreement;
        ensure(asked == (one.level != AgreementLevel::None), || {
            broken("it has a level exactly when its contract asks for agreement".into())
        })?;
        let mut backed = false;
        for evidence_id in &one.evidence_ids {
            let found = evidence.get(evidence_id.as_str()).filter(|found| found.operation_id == id);
            let Some(found) = found else {
                let why = format!("its evidence `{evidence_id}` is not there, or of another operation");
                return Err(Violation::new(Rule::Reference, list, id, why));
            };
            let right = contract.required_evidence_kind.is_none_or(|kind| kind == found.kind);
            backed |= found.authoritative && right && found.level >= one.level;
        }
        let needs = one.level >= AgreementLevel::SoftSafe && !planted("check-skips-evidence");
        ensure(!needs || backed, || {
            broken(format!("no authoritative evidence of its contract's kind speaks for {}", one.level))
        })?;
    }
    Ok(())
}
