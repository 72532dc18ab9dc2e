//! The write-ahead log of agreements: its records, and what may follow what.

use super::{ArtifactBytesError, WalSyncRequest};
use crate::objects::AgreementEvidence;
use crate::planted::planted;
use crate::rules::{AgreementEnd, AgreementLevel, FinalizationOutcome, Recovery, RecoveryError, RecoveryEvent};
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AgreementWalEntry {
    /// The level of an operation went up.
    Escalation {
        /// The operation.
        operation_id: String,
        /// From where.
        previous_level: AgreementLevel,
        /// To where.
        new_level: AgreementLevel,
        /// On what evidence.
        evidence_id: String,
        /// When.
        tick: u64,
    },
    /// There is evidence.
    EvidenceProduced {
        /// The evidence.
        evidence: AgreementEvidence,
        /// When.
        tick: u64,
    },
    /// The agreement on an operation ended.
    Finalization {
        /// The operation.
        operation_id: String,
        /// How.
        outcome: FinalizationOutcome,
        /// The proof of what was agreed.
        materialization_proof_id: Option<String>,
        /// Its handle.
        canonical_handle_id: Option<String>,
        /// When.
        tick: u64,
    },
    /// Something became visible downstream.
    VisibilityGateCrossing {
        /// The operation.
        operation_id: String,
        /// Who sees it: `coro:<id>`.
        downstream_coroutine_id: String,
        /// What the gate asked for.
        gate_level: AgreementLevel,
        /// When.
        tick: u64,
    },
}

/// What a record is about: two records of one identity are one fact, written once. Ticks do not tell facts apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WalIdentity {
    /// Evidence, by its id.
    Evidence(String),
    /// An operation's reaching of a level.
    Escalation(String, AgreementLevel),
    /// An operation's end.
    Finalization(String),
    /// A coroutine's crossing of an operation's gate.
    Crossing(String, String, AgreementLevel),
}

impl AgreementWalEntry {
    /// The record as JSON.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`], which no record gives rise to.
    pub fn to_json(&self) -> Result<Vec<u8>, ArtifactBytesError> {
        serde_json::to_vec(self).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }

    /// Reads a record strictly.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`] for bytes that are no record, or more than one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactBytesError> {
        serde_json::from_slice(bytes).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }

    /// What the record is about.
    pub fn identity(&self) -> WalIdentity {
        match self {
            Self::Escalation { operation_id, new_level, .. } => {
                WalIdentity::Escalation(operation_id.clone(), *new_level)
            }
            Self::EvidenceProduced { evidence, .. } => WalIdentity::Evidence(evidence.evidence_id.clone()),
            Self::Finalization { operation_id, .. } => WalIdentity::Finalization(operation_id.clone()),
            Self::VisibilityGateCrossing { operation_id, downstream_coroutine_id, gate_level, .. } => {
                WalIdentity::Crossing(operation_id.clone(), downstream_coroutine_id.clone(), *gate_level)
            }
        }
    }

    /// The operation.
    pub fn operation_id(&self) -> &str {
        match self {
            Self::Escalation { operation_id, .. }
            | Self::Finalization { operation_id, .. }
            | Self::VisibilityGateCrossing { operation_id, .. } => operation_id,
            Self::EvidenceProduced { evidence, .. } => &evidence.operation_id,
        }
    }

    /// When it was written.
    pub const fn tick(&self) -> u64 {
        match self {
            Self::Escalation { tick, .. }
            | Self::EvidenceProduced { tick, .. }
            | Self::Finalization { tick, .. }
            | Self::VisibilityGateCrossing { tick, .. } => *tick,
        }
    }

    /// The record without its tick: what has to be equal where the identity is.
    fn fact(&self) -> Self {
        let mut fact = self.clone();
        match &mut fact {
            Self::Escalation { tick, .. }
            | Self::EvidenceProduced { tick, .. }
            | Self::Finalization { tick, .. }
            | Self::VisibilityGateCrossing { tick, .. } => *tick = 0,
        }
        fact
    }
}

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

/// What a log says so far: every operation's place in the table of recovery, and every fact by its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalIndex {
    operations: BTreeMap<String, Recovery>,
    facts: BTreeMap<WalIdentity, AgreementWalEntry>,
}

impl WalIndex {
    /// An operation as the checkpoint has it; the log goes on from there.
    pub fn checkpoint(&mut self, operation_id: String, state: Recovery) {
        self.operations.insert(operation_id, state);
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
        let named = evidence.chain(levels).chain(ends);
        let facts = named.filter_map(|identity| self.facts.get_key_value(&identity));
        let others = request.agreement_evidence.iter().map(|one| &one.operation_id).chain([operation_id]);
        let operations = others.filter_map(|one| self.operations.get_key_value(one));
        Self {
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
