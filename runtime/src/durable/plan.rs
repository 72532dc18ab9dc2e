//! What recovery found and did.

use super::entry::Intent;
use motet_log::{Lsn, Report, Tail};
use motet_machine::EffectId;
use motet_semantic::{AgreementWalEntry, DurableRecoveryDecision, DurableRecoveryMetadata, EvidenceOutcomeCacheEntry};
use motet_types::Digest;

/// What recovery found, what was cut, and what happens now.
#[derive(Clone, Debug)]
pub struct DurableRecoveryPlan {
    /// What the log's own recovery found and put in order; a torn tail stands there with its address.
    pub found: Report,
    /// The checkpoint that recovery began from: the records below this position were not read.
    pub checkpoint: Option<Lsn>,
    /// Waves that the checkpoint had committed.
    pub checkpoint_waves: u64,
    /// Waves committed now; those since the checkpoint were run again.
    pub waves: u64,
    /// Steps that were taken again.
    pub steps: u64,
    /// Inputs that were given again, answers inside bursts included.
    pub inputs: u64,
    /// Effects whose asking stands in the log behind the checkpoint, or was carried into it.
    pub asked: u64,
    /// Effects whose recorded answer was used again: nobody was asked.
    pub reused: u64,
    /// Effects that were asked and have no answer in the log. They are asked again, under the same id.
    pub reasked: Vec<Intent>,
    /// State digests that stood in the log and were found again.
    pub digests: u64,
    /// The state root after recovery.
    pub state_root: Digest,
    /// What was found of agreements: ticks, and which operations go on and which have ended.
    pub metadata: DurableRecoveryMetadata,
    /// What is done with every operation that the log knows of, by id.
    pub decisions: Vec<DurableRecoveryDecision>,
    /// The agreement records behind the checkpoint.
    pub wal_suffix: Vec<AgreementWalEntry>,
    /// What effects that gave evidence came to, in the order in which it was written down.
    pub evidence_cache: Vec<EvidenceOutcomeCacheEntry>,
}

impl DurableRecoveryPlan {
    /// Whether the run had been ended, or had just been synced: nothing was cut and nothing is asked again.
    pub fn is_clean(&self) -> bool {
        self.found.is_clean() && self.reasked.is_empty()
    }

    /// Whether the log's records were found whole: no torn tail, and nothing left over from what was interrupted. A
    /// checkpoint that was not finished may still lie there.
    pub fn is_found_whole(&self) -> bool {
        self.found.tail == Tail::Clean && self.found.cleared.is_empty()
    }

    /// Whether that effect will be asked again.
    pub fn asks_again(&self, effect: EffectId) -> bool {
        self.reasked.iter().any(|intent| intent.id == effect)
    }
}
