//! Agreement records of a run: how far the operations that others rely on have got, written down before anybody sees it.
//!
//! What may follow what is a table of `motet-semantic`; a record that it does not permit is refused and not written. Every
//! record is kept whatever is cut, because a fact that is written twice is told by its identity.

use super::entry::{AGREEMENT, CONTRACT, Kept, OUTCOME};
use super::{Durable, DurableError};
use motet_machine::SemanticsError;
use motet_semantic::{
    Admitted, AgreementRecovery, AgreementWalEntry, ArtifactBytesError, CheckpointedOperation, DeclaredAgreement,
    EvidenceOutcomeCacheEntry, ProtocolMachineSemanticObjects, RecoverError as AgreementError, Recovery, WalIndex,
    WalSyncRequest, recover_agreements,
};
use motet_types::{Planted, SessionId, planted};
use std::collections::BTreeMap;

/// What the log says about agreements.
#[derive(Debug, Default)]
pub(crate) struct Agreements {
    index: WalIndex,
    outcomes: BTreeMap<String, EvidenceOutcomeCacheEntry>,
}

/// The same as recovery reads it: what the checkpoint holds, and what stands behind it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) known: Vec<AgreementWalEntry>,
    pub(crate) suffix: Vec<AgreementWalEntry>,
    pub(crate) outcomes: Vec<EvidenceOutcomeCacheEntry>,
    /// What was declared, wherever it stands: each before the first record of its operation.
    pub(crate) declared: Vec<DeclaredAgreement>,
}

impl Found {
    /// Takes what a checkpoint kept.
    pub(crate) fn checkpointed(&mut self, kept: &[Kept]) -> Result<(), ArtifactBytesError> {
        for Kept { kind, bytes } in kept {
            match *kind {
                AGREEMENT => self.known.push(AgreementWalEntry::from_json(bytes)?),
                CONTRACT => self.declared.push(DeclaredAgreement::from_json(bytes)?),
                OUTCOME => self.outcomes.push(EvidenceOutcomeCacheEntry::from_json(bytes)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is decided about every operation, and the index that goes on from there. `tick` is the checkpoint's.
    pub(crate) fn decide(&self, tick: u64) -> Result<(AgreementRecovery, Agreements), AgreementError> {
        let mut index = WalIndex::default();
        for (at, declared) in self.declared.iter().enumerate() {
            index.declare(declared).map_err(|error| AgreementError::Record { at, error })?;
        }
        let mut admit = |at, entry| match index.admit(entry) {
            Ok(_) => Ok(()),
            Err(error) => Err(AgreementError::Record { at, error }),
        };
        self.known.iter().enumerate().try_for_each(|(at, entry)| admit(at, entry))?;
        let at_checkpoint = |(operation_id, state): (&str, Recovery)| {
            let gate_level = state.gate_crossed.then_some(state.gate_level);
            let finalization = state.end.outcome();
            (operation_id.to_owned(), CheckpointedOperation { level: state.level, finalization, gate_level })
        };
        let checkpoint = index.operations().map(at_checkpoint).collect();
        let recovery = recover_agreements(tick, &checkpoint, &self.known, &self.suffix, &self.outcomes)?;
        let mut admit = |at, entry| match index.admit(entry) {
            Ok(_) => Ok(()),
            Err(error) => Err(AgreementError::Record { at, error }),
        };
        self.suffix.iter().enumerate().try_for_each(|(at, entry)| admit(at, entry))?;
        let outcomes = self.outcomes.iter().map(|entry| (entry.evidence_id.clone(), entry.clone())).collect();
        Ok((recovery, Agreements { index, outcomes }))
    }
}

impl<E> Durable<E> {
    /// Declares what an operation has to agree, before its first record: from then on records are held against the contract
    /// too. It is durable with the next sync, and kept whatever is cut. The state of its session is bound to it as it is now.
    ///
    /// # Errors
    /// [`DurableError::Agreement`] for a contract that cannot be kept, contradicts an earlier one or comes late. Nothing is
    /// written then.
    pub fn declare_agreement(&mut self, declared: &DeclaredAgreement) -> Result<Admitted, DurableError> {
        if self.agreements.index.judge_contract(declared)? == Admitted::Known {
            return Ok(Admitted::Known);
        }
        // What is agreed is agreed of a state: of a session that is there, the one in which it is now.
        let session = declared.contract.session.map(SessionId);
        let prestate = session.and_then(|session| self.runtime.machine().session_digest(session));
        let prestate = prestate.map(|(state, image)| declared.binding(state.to_string(), Some(image.to_string())));
        let declared = &DeclaredAgreement { prestate, ..declared.clone() };
        let bytes = declared.to_json().map_err(DurableError::Artifact)?;
        self.append(CONTRACT, &bytes, &[])?;
        if !planted(Planted::DurableForgetsContracts) {
            self.kept.push(Kept { kind: CONTRACT, bytes });
        }
        Ok(self.agreements.index.declare(declared)?)
    }

    /// Everything that the run knows, as [`Runtime::semantic_objects`](crate::Runtime::semantic_objects), and of the
    /// operations in it what they have to agree and how far that has got: profiles, contracts, evidence and states.
    ///
    /// # Errors
    /// The configuration keeps no semantic objects.
    pub fn semantic_objects(&self) -> Result<ProtocolMachineSemanticObjects, SemanticsError> {
        let mut objects = self.runtime.semantic_objects()?;
        self.agreements.index.export(&mut objects);
        Ok(objects)
    }

    /// Writes down one record of an agreement. It is durable with the next sync, and kept whatever is cut. A record that
    /// the log has already, told by what it is about, is not written again.
    ///
    /// # Errors
    /// [`DurableError::Agreement`] for a record that the operation's level and end do not permit, that contradicts an
    /// earlier one, or that rests on evidence which is not there. Nothing is written then.
    pub fn agree(&mut self, entry: &AgreementWalEntry) -> Result<Admitted, DurableError> {
        match self.agreements.index.judge(entry) {
            Ok(Admitted::Known) => return Ok(Admitted::Known),
            Err(refused) if !planted(Planted::DurableAgreesToAnything) => return Err(refused.into()),
            _ => {}
        }
        let bytes = entry.to_json().map_err(DurableError::Artifact)?;
        self.append(AGREEMENT, &bytes, &[])?;
        if !planted(Planted::DurableForgetsAgreements) {
            self.kept.push(Kept { kind: AGREEMENT, bytes });
        }
        Ok(self.agreements.index.admit(entry)?)
    }

    /// The gate before something becomes visible: writes what the log lacks, evidence, escalation, end and crossing in
    /// this order, and syncs. When it returns, the coroutine that waited may be shown what it waited for. `proof` and
    /// `handle` are those of what was agreed, for its end. Answers what was written.
    ///
    /// # Errors
    /// As [`Durable::agree`], of the first record that is not permitted; none of them is written then. And what the log
    /// refuses: then nothing may be shown.
    pub fn agree_through(
        &mut self,
        request: &WalSyncRequest,
        proof: Option<&str>,
        handle: Option<&str>,
    ) -> Result<Vec<AgreementWalEntry>, DurableError> {
        let missing = request.records(&mut self.agreements.index.about(request), proof, handle)?;
        for entry in &missing {
            self.agree(entry)?;
        }
        self.sync()?;
        Ok(missing)
    }

    /// Writes down what an effect that gave evidence came to, so that it need not be performed again. It is durable with
    /// the next sync, and kept whatever is cut. The first outcome of an evidence stands.
    pub fn keep_outcome(&mut self, entry: EvidenceOutcomeCacheEntry) -> Result<Admitted, DurableError> {
        if self.agreements.outcomes.contains_key(&entry.evidence_id) {
            return Ok(Admitted::Known);
        }
        let bytes = entry.to_json().map_err(DurableError::Artifact)?;
        self.append(OUTCOME, &bytes, &[])?;
        self.kept.push(Kept { kind: OUTCOME, bytes });
        self.agreements.outcomes.insert(entry.evidence_id.clone(), entry);
        Ok(Admitted::New)
    }

    /// What an effect that gave this evidence came to, if it was kept.
    pub fn outcome_of(&self, evidence_id: &str) -> Option<&EvidenceOutcomeCacheEntry> {
        self.agreements.outcomes.get(evidence_id)
    }

    /// Where the agreement on every operation stands, by id.
    pub fn agreements(&self) -> &WalIndex {
        &self.agreements.index
    }
}
