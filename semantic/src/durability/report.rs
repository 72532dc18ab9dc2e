//! What holds of a log: the properties that a durability test reports.

use super::{Admitted, AgreementWalEntry, WalError, WalIndex};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Which properties of durability hold, and what breaks the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DurablePropertyReport {
    /// Nothing became visible before the log said so: every crossing stands behind what its gate asks for.
    pub write_ahead: bool,
    /// No operation's level goes down.
    pub monotonic_wal_levels: bool,
    /// Every escalation stands behind its authoritative evidence, and no evidence contradicts another.
    pub evidence_consistency: bool,
    /// Recovering is the same as not having crashed.
    pub recovery_equivalence: bool,
    /// What breaks them, in the log's order.
    pub violations: Vec<String>,
}

impl DurablePropertyReport {
    /// Reads a log; `recovered_equal` is what the caller found when it compared a recovered run with an undisturbed one.
    pub fn of(entries: &[AgreementWalEntry], recovered_equal: bool) -> Self {
        let mut report = Self {
            write_ahead: true,
            monotonic_wal_levels: true,
            evidence_consistency: true,
            recovery_equivalence: recovered_equal,
            violations: Vec::new(),
        };
        let mut index = WalIndex::default();
        for (at, entry) in entries.iter().enumerate() {
            let error = match index.admit(entry) {
                Ok(Admitted::New) => continue,
                Ok(Admitted::Known) => {
                    report.violations.push(format!("record {at}: the log says this already"));
                    continue;
                }
                Err(error) => error,
            };
            match (&error, entry) {
                (WalError::NoEvidence { .. } | WalError::NotAuthoritative { .. }, _)
                | (_, AgreementWalEntry::EvidenceProduced { .. }) => report.evidence_consistency = false,
                (_, AgreementWalEntry::VisibilityGateCrossing { .. }) => report.write_ahead = false,
                _ => report.monotonic_wal_levels = false,
            }
            report.violations.push(format!("record {at}: {error}"));
        }
        if !recovered_equal {
            report.violations.push("the recovered run differs from the undisturbed one".into());
        }
        report
    }

    /// Whether all properties hold.
    pub fn holds(&self) -> bool {
        self.write_ahead
            && self.monotonic_wal_levels
            && self.evidence_consistency
            && self.recovery_equivalence
            && self.violations.is_empty()
    }
}
