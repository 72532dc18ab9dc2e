//! Invariants of a whole bundle of semantic objects: what must hold between objects, named rule by rule.
//!
//! The machine enforces the same rules as it goes, by the tables. This is the independent look at the result: it shares
//! no state with the machine and reads only what is exported.

mod agreement;
mod handoff;
mod progress;
mod publication;
mod shape;

use crate::names::names;
use crate::objects::{
    AuthoritativeRead, CanonicalHandle, MaterializationProof, OperationInstance, OutstandingEffect,
    ProtocolMachineSemanticObjects,
};
use alloc::collections::BTreeMap;
use alloc::string::String;

names! {
    /// The rules.
    Rule {
        /// Every list is sorted by its ids.
        Sorted "sorted",
        /// No id stands twice in a list.
        Unique "unique",
        /// Ids have their published shape.
        IdShape "id_shape",
        /// What an object refers to exists, and belongs to the same session.
        Reference "reference",
        /// A status and what goes with it agree.
        Consistent "consistent",
        /// Success that needs a proof has a passed one with its handle.
        ProofRequired "proof_required",
        /// What is published on a proof is published on one that passed.
        ProofPassed "proof_passed",
        /// A handle of a materialisation has its passed proof.
        HandleProof "handle_proof",
        /// What was observed is not authority.
        ObservedNotAuthority "observed_not_authority",
        /// An operation has at most one canonical publication.
        OneCanonicalPublication "one_canonical_publication",
        /// A result that comes after invalidation is rejected.
        LateResult "late_result",
        /// A committed handoff takes the right from its old owner before the new one gets it.
        RevokeBeforeActivate "revoke_before_activate",
        /// Every effect pending at a handoff is transported or invalidated, once.
        SettledOnce "settled_once",
        /// Levels and ends of agreements are legal and rest on evidence.
        AgreementLegal "agreement_legal",
        /// Progress goes by legal transitions and ends where its contract says.
        ProgressLegal "progress_legal",
        /// A finalisation path has the stage and read class that follow from its objects.
        FinalizationPriority "finalization_priority",
    }
}

/// A rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{list}: `{object}` breaks {rule}: {why}")]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The object's list in the bundle.
    pub list: &'static str,
    /// The object's id.
    pub object: String,
    /// What is wrong.
    pub why: String,
}

impl Violation {
    fn new(rule: Rule, list: &'static str, object: &str, why: impl Into<String>) -> Self {
        Self { rule, list, object: object.into(), why: why.into() }
    }
}

/// What a check answers.
type Checked = Result<(), Violation>;

/// Answers with a violation unless the condition holds.
fn ensure(holds: bool, violation: impl FnOnce() -> Violation) -> Checked {
    if holds { Ok(()) } else { Err(violation()) }
}

/// A bundle with its objects at hand by id.
struct Look<'a> {
    objects: &'a ProtocolMachineSemanticObjects,
    operations: BTreeMap<&'a str, &'a OperationInstance>,
    effects: BTreeMap<&'a str, &'a OutstandingEffect>,
    proofs: BTreeMap<&'a str, &'a MaterializationProof>,
    handles: BTreeMap<&'a str, &'a CanonicalHandle>,
    reads: BTreeMap<&'a str, &'a AuthoritativeRead>,
}

impl<'a> Look<'a> {
    fn new(objects: &'a ProtocolMachineSemanticObjects) -> Self {
        Self {
            objects,
            operations: objects.operation_instances.iter().map(|one| (one.operation_id.as_str(), one)).collect(),
            effects: objects.outstanding_effects.iter().map(|one| (one.effect_id.as_str(), one)).collect(),
            proofs: objects.materialization_proofs.iter().map(|one| (one.proof_id.as_str(), one)).collect(),
            handles: objects.canonical_handles.iter().map(|one| (one.handle_id.as_str(), one)).collect(),
            reads: objects.authoritative_reads.iter().map(|one| (one.read_id.as_str(), one)).collect(),
        }
    }

    /// The operation of an object in `list`.
    fn operation(
        &self,
        list: &'static str,
        object: &str,
        operation_id: &str,
    ) -> Result<&'a OperationInstance, Violation> {
        let missing = || {
            let why = alloc::format!("its operation `{operation_id}` is not there");
            Violation::new(Rule::Reference, list, object, why)
        };
        self.operations.get(operation_id).copied().ok_or_else(missing)
    }
}

/// Checks every rule on every object; time grows with the bundle's size times a logarithm.
///
/// # Errors
/// The first violation: rules in the order of [`Rule`]'s families, objects in the order of the bundle.
pub fn check(objects: &ProtocolMachineSemanticObjects) -> Result<(), Violation> {
    shape::order(objects)?;
    let look = Look::new(objects);
    shape::ids(&look)?;
    shape::references(&look)?;
    publication::proofs(&look)?;
    publication::authority(&look)?;
    publication::publications(&look)?;
    publication::late_results(&look)?;
    handoff::handoffs(&look)?;
    handoff::obligations(&look)?;
    agreement::states(&look)?;
    progress::contracts(&look)?;
    publication::finalization(&look)
}
