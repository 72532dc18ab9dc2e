//! What a log of agreements says so far, and what may follow: by the table, by what was written before, and by the contract
//! that the operation has.

use super::{AgreementWalEntry, ContractError, DeclaredAgreement, WalIdentity, WalSyncRequest};
use crate::objects::{AgreementEvidence, AgreementState, EvidenceKind, ProtocolMachineSemanticObjects};
use crate::planted::planted;
use crate::rules::{AgreementEnd, AgreementLevel, Recovery, RecoveryError, RecoveryEvent};
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

/// A record that may not stand where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// The operation is not where the record wants it.
    #[error("`{operation_id}`: {refusal}")]
    Refused {
        /// The operation.
        operation_id: String,
        /// What the table says.
        refusal: RecoveryError,
    },
    /// The log has another record of the same identity.
    #[error("`{operation_id}`: the log has another record of this {what}; one of them is wrong")]
    Conflict {
        /// The operation.
        operation_id: String,
        /// What kind of record.
        what: &'static str,
    },
    /// An escalation without its evidence.
    #[error("`{operation_id}`: the evidence `{evidence_id}` is not in the log before the escalation that rests on it")]
    NoEvidence {
        /// The operation.
        operation_id: String,
        /// The evidence.
        evidence_id: String,
    },
    /// A contract that cannot be kept.
    #[error("`{operation_id}`: {error}")]
    Contract {
        /// The operation.
        operation_id: String,
        /// Why.
        error: ContractError,
    },
    /// A contract that is declared when there are records already.
    #[error("`{operation_id}`: there are records of it already; declare what it has to agree before the first")]
    Undeclared {
        /// The operation.
        operation_id: String,
    },
    /// A state that names another contract than the one that was declared.
    #[error("`{operation_id}`: its contract is `{declared}`, and not `{named}`")]
    OtherContract {
        /// The operation.
        operation_id: String,
        /// The contract that was declared.
        declared: String,
        /// The contract that the state names.
        named: String,
    },
    /// Authoritative evidence of a kind that the contract does not take.
    #[error("`{operation_id}`: the evidence `{evidence_id}` is a {kind}, on which its contract lets no level rest")]
    EvidenceKind {
        /// The operation.
        operation_id: String,
        /// The evidence.
        evidence_id: String,
        /// What it is.
        kind: EvidenceKind,
    },
    /// An escalation for which not enough have given evidence.
    #[error("`{operation_id}`: {voices} of the {needed} participants that its contract needs speak for {level}")]
    TooFew {
        /// The operation.
        operation_id: String,
        /// The level.
        level: AgreementLevel,
        /// How many have.
        voices: u64,
        /// How many are needed.
        needed: u64,
    },
    /// Something would become visible before its contract lets it.
    #[error("`{operation_id}`: it has reached {level}, and its contract shows it from {visible_from} on")]
    NotVisible {
        /// The operation.
        operation_id: String,
        /// Where it stands.
        level: AgreementLevel,
        /// From where on it may be seen there.
        visible_from: AgreementLevel,
    },
    /// An escalation on evidence that is no authority.
    #[error("`{operation_id}`: the evidence `{evidence_id}` is an observation; no level may rest on it")]
    NotAuthoritative {
        /// The operation.
        operation_id: String,
        /// The evidence.
        evidence_id: String,
    },
}

/// Whether a record said something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It did.
    New,
    /// The log says so already; there is nothing to write.
    Known,
}

/// What a log says so far: every operation's place in the table of recovery, what it has to agree, and every fact by its
/// identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalIndex {
    operations: BTreeMap<String, Recovery>,
    /// What was declared, by operation.
    declared: BTreeMap<String, DeclaredAgreement>,
    /// The evidence of each operation that has a contract.
    evidence: BTreeMap<String, BTreeSet<String>>,
    /// When each of them last changed.
    updated: BTreeMap<String, u64>,
    facts: BTreeMap<WalIdentity, AgreementWalEntry>,
}

impl WalIndex {
    /// An operation as the checkpoint has it; the log goes on from there.
    pub fn checkpoint(&mut self, operation_id: String, state: Recovery) {
        self.operations.insert(operation_id, state);
    }

    /// Declares what an operation has to agree, before its first record.
    ///
    /// # Errors
    /// A contract that cannot be kept, or is another than the one that was declared, or comes late; or whose profile says
    /// something else than another contract's of that name. Nothing has changed then.
    pub fn declare(&mut self, declared: &DeclaredAgreement) -> Result<Admitted, WalError> {
        if self.judge_contract(declared)? == Admitted::New {
            let operation_id = &declared.contract.operation_id;
            self.operations.insert(operation_id.clone(), declared.begins());
            self.declared.insert(operation_id.clone(), declared.clone());
            return Ok(Admitted::New);
        }
        Ok(Admitted::Known)
    }

    /// What [`WalIndex::declare`] would answer; nothing changes.
    ///
    /// # Errors
    /// As there.
    pub fn judge_contract(&self, declared: &DeclaredAgreement) -> Result<Admitted, WalError> {
        let operation_id = declared.contract.operation_id.clone();
        if let Err(error) = declared.validate() {
            return Err(WalError::Contract { operation_id, error });
        }
        match self.declared.get(&operation_id) {
            Some(before) if before.is(declared) => return Ok(Admitted::Known),
            Some(_) => return Err(WalError::Conflict { operation_id, what: "contract" }),
            None if self.operations.contains_key(&operation_id) => return Err(WalError::Undeclared { operation_id }),
            None => {}
        }
        let profile = declared.profile();
        let mut others = self.declared.values().map(DeclaredAgreement::profile);
        if others.any(|other| other.profile_name == profile.profile_name && other != profile) {
            return Err(WalError::Conflict { operation_id, what: "profile" });
        }
        Ok(Admitted::New)
    }

    /// What was declared, by operation.
    pub fn declared(&self) -> impl Iterator<Item = &DeclaredAgreement> {
        self.declared.values()
    }

    /// Adds what has been declared to a document, and how far it has got: profiles, contracts, evidence and states, of the
    /// operations that are in it.
    pub fn export(&self, into: &mut ProtocolMachineSemanticObjects) {
        let operations = into.operation_instances.iter().map(|one| (one.operation_id.as_str(), one.session));
        let known: BTreeMap<&str, Option<u64>> = operations.collect();
        let declared: Vec<_> =
            self.declared.iter().filter_map(|(id, one)| Some((id, one, *known.get(id.as_str())?))).collect();
        let mut profiles = BTreeMap::new();
        for (operation_id, one, session) in declared {
            let (contract, state) = (&one.contract, self.operation(operation_id));
            // A contract that names another session than its operation's has bound the wrong state.
            into.prestate_bindings.extend(one.prestate.clone().filter(|bound| bound.session == session));
            profiles.insert(contract.profile_name.clone(), one.profile());
            into.agreement_evidence.extend(self.evidence_of(operation_id).cloned());
            into.agreement_states.push(AgreementState {
                operation_id: operation_id.clone(),
                session: contract.session,
                owner_id: contract.owner_id.clone(),
                contract_name: contract.contract_name.clone(),
                level: self.settled_level(operation_id, state),
                finalization: state.end.outcome(),
                evidence_ids: self.evidence.get(operation_id).into_iter().flatten().cloned().collect(),
                last_updated_tick: self.updated.get(operation_id).copied(),
                reason: None,
            });
            into.agreement_contracts.push(contract.clone());
        }
        into.agreement_profiles.extend(profiles.into_values());
        into.sort();
    }

    /// The level that stands: the last one and the end that belongs to it are two records, and one step. Until both are there
    /// it is the level before.
    fn settled_level(&self, operation_id: &str, state: Recovery) -> AgreementLevel {
        let last = WalIdentity::Escalation(operation_id.into(), AgreementLevel::Finalized);
        match self.facts.get(&last) {
            Some(AgreementWalEntry::Escalation { previous_level, .. }) if state.end == AgreementEnd::Open => {
                *previous_level
            }
            _ => state.level,
        }
    }

    /// The evidence of an operation that has a contract, by id.
    fn evidence_of(&self, operation_id: &str) -> impl Iterator<Item = &AgreementEvidence> {
        let ids = self.evidence.get(operation_id).into_iter().flatten();
        ids.filter_map(|id| match self.facts.get(&WalIdentity::Evidence(id.clone())) {
            Some(AgreementWalEntry::EvidenceProduced { evidence, .. }) => Some(evidence),
            _ => None,
        })
    }

    /// Where an operation stands. One of which nothing is known is provisional.
    pub fn operation(&self, operation_id: &str) -> Recovery {
        let unknown = Recovery::at_checkpoint(AgreementLevel::Provisional, AgreementEnd::Open, None);
        self.operations.get(operation_id).copied().unwrap_or(unknown)
    }

    /// Every operation of which something is known, by id.
    pub fn operations(&self) -> impl Iterator<Item = (&str, Recovery)> {
        self.operations.iter().map(|(operation_id, state)| (operation_id.as_str(), *state))
    }

    /// Whether the log says this already.
    pub fn knows(&self, identity: &WalIdentity) -> bool {
        self.facts.contains_key(identity)
    }

    /// What [`WalIndex::admit`] would answer; nothing changes.
    ///
    /// # Errors
    /// As there.
    pub fn judge(&self, entry: &AgreementWalEntry) -> Result<Admitted, WalError> {
        Ok(self.next(entry)?.map_or(Admitted::Known, |_| Admitted::New))
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// A record that the rules do not permit here, or that contradicts an earlier one. Nothing has changed then.
    pub fn admit(&mut self, entry: &AgreementWalEntry) -> Result<Admitted, WalError> {
        let Some((identity, state)) = self.next(entry)? else { return Ok(Admitted::Known) };
        match self.operations.entry(entry.operation_id().into()) {
            Entry::Vacant(place) => _ = place.insert(state),
            Entry::Occupied(mut place) => _ = place.insert(state),
        }
        if self.declared.contains_key(entry.operation_id()) {
            let operation_id = || String::from(entry.operation_id());
            match entry {
                AgreementWalEntry::EvidenceProduced { evidence, .. } => {
                    self.evidence.entry(operation_id()).or_default().insert(evidence.evidence_id.clone());
                    self.updated.insert(operation_id(), entry.tick());
                }
                AgreementWalEntry::Escalation { .. } | AgreementWalEntry::Finalization { .. } => {
                    self.updated.insert(operation_id(), entry.tick());
                }
                AgreementWalEntry::VisibilityGateCrossing { .. } => {}
            }
        }
        if !planted("wal-forgets-identity") {
            self.facts.insert(identity, entry.fact());
        }
        Ok(Admitted::New)
    }

    /// The part of this index that decides what a request still needs: as good as the whole, and small.
    pub fn about(&self, request: &WalSyncRequest) -> Self {
        let operation_id = &request.operation_id;
        let evidence = request.agreement_evidence.iter().map(|one| WalIdentity::Evidence(one.evidence_id.clone()));
        let levels = AgreementLevel::ALL.iter().map(|level| WalIdentity::Escalation(operation_id.clone(), *level));
        let coroutine = request.downstream_coroutine_id.clone();
        let crossing = WalIdentity::Crossing(operation_id.clone(), coroutine, request.gate_level);
        let ends = [WalIdentity::Finalization(operation_id.clone()), crossing];
        let before = self.evidence.get(operation_id).into_iter().flatten();
        let before = before.map(|one| WalIdentity::Evidence(one.clone()));
        let named = evidence.chain(before).chain(levels).chain(ends);
        let facts = named.filter_map(|identity| self.facts.get_key_value(&identity));
        let others = request.agreement_evidence.iter().map(|one| &one.operation_id).chain([operation_id]);
        let others: Vec<&String> = others.collect();
        let operations = others.iter().filter_map(|one| self.operations.get_key_value(*one));
        let declared = others.iter().filter_map(|one| self.declared.get_key_value(*one));
        let mine = self.evidence.get_key_value(operation_id).into_iter();
        Self {
            declared: declared.map(|(id, one)| (id.clone(), one.clone())).collect(),
            evidence: mine.map(|(id, all)| (id.clone(), all.clone())).collect(),
            updated: BTreeMap::new(),
            facts: facts.map(|(identity, fact)| (identity.clone(), fact.clone())).collect(),
            operations: operations.map(|(operation_id, state)| (operation_id.clone(), *state)).collect(),
        }
    }

    /// The identity of a record and where its operation stands behind it; none for one that is known.
    fn next(&self, entry: &AgreementWalEntry) -> Result<Option<(WalIdentity, Recovery)>, WalError> {
        let (identity, operation_id) = (entry.identity(), entry.operation_id());
        if let Some(known) = self.facts.get(&identity) {
            if *known == entry.fact() || planted("wal-hides-conflict") {
                return Ok(None);
            }
            let what = match identity {
                WalIdentity::Evidence(_) => "evidence",
                WalIdentity::Escalation(..) => "escalation",
                WalIdentity::Finalization(_) => "end",
                WalIdentity::Crossing(..) => "crossing",
            };
            return Err(WalError::Conflict { operation_id: operation_id.into(), what });
        }
        self.contracted(entry)?;
        let event = match entry {
            AgreementWalEntry::EvidenceProduced { .. } => None,
            AgreementWalEntry::Escalation { previous_level, new_level, evidence_id, .. } => {
                self.backed(operation_id, evidence_id)?;
                Some(RecoveryEvent::Escalate { previous_level: *previous_level, new_level: *new_level })
            }
            AgreementWalEntry::Finalization { outcome, .. } => {
                Some(RecoveryEvent::End { end: AgreementEnd::from(Some(*outcome)) })
            }
            AgreementWalEntry::VisibilityGateCrossing { gate_level, .. } => {
                Some(RecoveryEvent::Cross { gate_level: *gate_level })
            }
        };
        let mut state = self.operation(operation_id);
        if let Some(event) = event {
            let refused = |refusal| WalError::Refused { operation_id: operation_id.into(), refusal };
            state = state.apply(event).map_err(refused)?;
        }
        Ok(Some((identity, state)))
    }

    /// Whether the operation's contract, if one was declared, permits the record.
    fn contracted(&self, entry: &AgreementWalEntry) -> Result<(), WalError> {
        let Some(declared) = self.declared.get(entry.operation_id()) else { return Ok(()) };
        let (contract, operation_id) = (&declared.contract, || String::from(entry.operation_id()));
        let level = self.operation(entry.operation_id()).level;
        match entry {
            AgreementWalEntry::EvidenceProduced { evidence, .. } => {
                if evidence.authoritative && !declared.takes(evidence) {
                    let (evidence_id, kind) = (evidence.evidence_id.clone(), evidence.kind);
                    return Err(WalError::EvidenceKind { operation_id: operation_id(), evidence_id, kind });
                }
            }
            AgreementWalEntry::Escalation { new_level, .. } => {
                let voices = declared.voices(*new_level, self.evidence_of(&contract.operation_id));
                let (needed, level) = (declared.needed, *new_level);
                if voices < needed && !planted("contract-needs-nobody") {
                    return Err(WalError::TooFew { operation_id: operation_id(), level, voices, needed });
                }
            }
            AgreementWalEntry::VisibilityGateCrossing { gate_level, .. } => {
                let visible_from = declared.visible_from(*gate_level);
                if level < visible_from {
                    return Err(WalError::NotVisible { operation_id: operation_id(), level, visible_from });
                }
            }
            // Where it stands, the table says: at the last level, which no contract is above.
            AgreementWalEntry::Finalization { .. } => {}
        }
        Ok(())
    }

    /// Whether a state names the contract that was declared, if one was.
    pub(super) fn names_contract(&self, state: &AgreementState) -> Result<(), WalError> {
        match self.declared.get(&state.operation_id) {
            Some(declared) if declared.contract.contract_name != state.contract_name => Err(WalError::OtherContract {
                operation_id: state.operation_id.clone(),
                declared: declared.contract.contract_name.clone(),
                named: state.contract_name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether an escalation's evidence is in the log, of this operation, and authoritative.
    fn backed(&self, operation_id: &str, evidence_id: &str) -> Result<(), WalError> {
        let (operation_id, evidence_id) = (String::from(operation_id), String::from(evidence_id));
        match self.facts.get(&WalIdentity::Evidence(evidence_id.clone())) {
            Some(AgreementWalEntry::EvidenceProduced { evidence, .. }) if evidence.operation_id == operation_id => {
                if evidence.authoritative {
                    Ok(())
                } else {
                    Err(WalError::NotAuthoritative { operation_id, evidence_id })
                }
            }
            _ => Err(WalError::NoEvidence { operation_id, evidence_id }),
        }
    }
}
