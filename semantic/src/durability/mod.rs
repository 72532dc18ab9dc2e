//! Durability: the records of agreements, the gate before visibility, and what recovery decides.

mod declared;
mod envelope;
mod index;
mod recovery;
mod report;
mod sync;
mod wal;

pub use declared::{ContractError, DeclaredAgreement};
pub use envelope::{
    ArtifactBytesError, DurabilityPayload, EvidenceOutcomeCacheEntry, MAX_ARTIFACT_BYTES, PersistedDurabilityArtifact,
};
pub use index::{Admitted, WalError, WalIndex};
pub use recovery::{
    AgreementRecovery, CheckpointedOperation, DurableRecoveryDecision, DurableRecoveryMetadata, RecoverError,
    UnsoundDecision, recover_agreements,
};
pub use report::DurablePropertyReport;
pub use sync::{WalEntryKind, WalSyncMode, WalSyncRequest};
pub use wal::{AgreementWalEntry, WalIdentity};
