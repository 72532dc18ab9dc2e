//! Checked outputs: each is an operation with a read, a proof, a handle if it passed, and a publication.

use super::audit::Note;
use super::key::OutputKey;
use super::occurrence::CheckedOutput;
use super::retire::Ended;
use super::{Live, LiveViolation};
use crate::planted::planted;
use crate::rules::{Finalization, FinalizationError, FinalizationEvent};
use alloc::boxed::Box;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// One checked output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Output {
    pub(super) session: u64,
    pub(super) owner: Option<String>,
    pub(super) witness: Option<String>,
    pub(super) passed: bool,
    pub(super) path: Finalization,
    /// Its number among what has ended: it ends as it is checked.
    pub(super) closed: u64,
}

impl Live {
    /// An output was checked. The same output under the same condition, checked again, is the same operation.
    pub(super) fn checked(&mut self, checked: &CheckedOutput<'_>) -> Result<(), LiveViolation> {
        let CheckedOutput { session, predicate, witness, digest, passed } = *checked;
        let key = OutputKey { predicate: predicate.into(), digest };
        if let Some(before) = self.outputs.get(&key) {
            if before.passed == passed && before.session == session {
                return Ok(());
            }
            return Err(LiveViolation::Contradiction { predicate: predicate.into(), digest: key.digest_text() });
        }
        let path = finalize(passed).map_err(|error| LiveViolation::Output {
            predicate: predicate.into(),
            digest: key.digest_text(),
            error,
        })?;
        let owner = self.session_mut(session)?.owner.clone();
        let closed = self.ended.push(Ended::Output(Box::new(key.clone())));
        let witness = witness.map(String::from);
        self.notes.push(Note::OutputPublication { output: Box::new(key.clone()), session, passed });
        self.outputs.insert(key, Output { session, owner, witness, passed, path, closed });
        Ok(())
    }
}

/// The way of an output: a verified read, a passed proof and its publication, or a publication that is turned down.
fn finalize(passed: bool) -> Result<Finalization, FinalizationError> {
    let path = Finalization::new(true);
    if !passed && !planted("live-failed-proofs-pass") {
        return path.apply(FinalizationEvent::Reject {});
    }
    path.apply(FinalizationEvent::Authorize { authoritative: true })?
        .apply(FinalizationEvent::Materialize { passed: true })?
        .apply(FinalizationEvent::Publish {})
}

/// How a checked output is published.
pub(super) const fn publication(passed: bool) -> &'static str {
    if passed { "materialization.succeeded" } else { "materialization.failed" }
}
