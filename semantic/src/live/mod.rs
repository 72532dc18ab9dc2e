//! Live semantic objects: kept as things happen, one occurrence at a time, in constant time times a logarithm.
//!
//! Whoever runs sessions hands in what was committed, in the order in which it was ([`Occurrence`]). Every rule is a table of
//! `rules`, executed here on the one object that the occurrence is about; nothing is ever computed again from what
//! happened before. Ids are numbers until somebody exports ([`Live::export`]). Objects that have ended stay until more than
//! a given number of them have, and retire oldest first; what has not ended never retires.

mod audit;
mod authority;
mod effect;
mod export;
mod export_views;
mod handoff;
mod key;
mod occurrence;
mod output;
mod refusal;
mod retire;
mod session;

pub use audit::{Noted, SemanticAuditEntry, SemanticAuditKind, SemanticAuditRecord};
pub use export::{Describe, Shown};
pub use key::{EffectKey, HandoffKey, OutputKey, ReadKey};
pub use occurrence::{AnsweredEffect, AskedEffect, CheckedOutput, MovedEndpoint, Occurrence, Wanted};
pub use refusal::LiveViolation;
pub use retire::LiveBytesError;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use audit::Note;
use authority::Read;
use effect::Effect;
use handoff::Handover;
use key::ObjectKey;
use output::Output;
use serde::{Deserialize, Serialize};
use session::Session;

/// The live objects of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    effects: BTreeMap<EffectKey, Effect>,
    /// Those that wait for their answers.
    open: BTreeSet<EffectKey>,
    /// When those of them are escalated that are not degraded yet: it follows from them.
    #[serde(skip)]
    due: BTreeSet<(u64, EffectKey)>,
    handoffs: BTreeMap<HandoffKey, Handover>,
    outputs: BTreeMap<OutputKey, Output>,
    reads: BTreeMap<ReadKey, Read>,
    /// Every session that has not retired; nothing is kept for one that nothing but its opening has happened to.
    sessions: BTreeMap<u64, Option<Box<Session>>>,
    /// What has ended, oldest first.
    closed: BTreeMap<u64, ObjectKey>,
    /// The next number of what ends.
    next_closed: u64,
    /// How many effects were asked for.
    asked: u64,
    /// How many handoffs have revoked their old owner and not activated the new one: until they have, nothing retires, so
    /// that none is gone before it is done, and none of its effects before it.
    between: u32,
    /// The last tick.
    tick: u64,
    /// How much of what has ended is kept.
    #[serde(skip)]
    keep: u32,
    /// What the audit is told of the occurrence that is being applied.
    #[serde(skip)]
    notes: Vec<Note>,
}

impl Live {
    /// No objects. Of what has ended, `keep` objects are kept: an operation with everything that is its own counts as
    /// one, and so do a witness's read and the region of a session that has ended.
    pub fn new(keep: u32) -> Self {
        Self {
            effects: BTreeMap::new(),
            open: BTreeSet::new(),
            due: BTreeSet::new(),
            handoffs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            reads: BTreeMap::new(),
            sessions: BTreeMap::new(),
            closed: BTreeMap::new(),
            next_closed: 0,
            asked: 0,
            between: 0,
            tick: 0,
            keep,
            notes: Vec::new(),
        }
    }

    /// Takes what happened next, at `tick`. `said` is told what belongs into the audit, in order; of a refusal that is on
    /// record too.
    ///
    /// # Errors
    /// The rule that it breaks. Nothing has changed then, but that a late result is on record as rejected.
    pub fn apply(
        &mut self,
        tick: u64,
        occurrence: Occurrence<'_>,
        mut said: impl FnMut(Noted),
    ) -> Result<(), LiveViolation> {
        if tick < self.tick {
            return Err(LiveViolation::TickGoesBack { tick, last: self.tick });
        }
        self.tick = tick;
        let taken = match occurrence {
            Occurrence::Opened { session } => self.opened(session),
            Occurrence::Asked(asked) => self.ask(&asked),
            Occurrence::Begun { effect } => self.begun(effect),
            Occurrence::Elapsed => self.elapsed(),
            Occurrence::Answered(answered) => self.answered(&answered),
            Occurrence::Cancelled { effect } => self.cancelled(effect),
            Occurrence::Authority { session, record, transports } => self.authority(session, record, transports),
            Occurrence::Moved(moved) => self.moved(&moved),
            Occurrence::Checked(checked) => self.checked(&checked),
            Occurrence::Failed { session, coroutine, fault } => {
                self.notes.push(Note::FailureBranch { session, coroutine, fault: fault.into() });
                Ok(())
            }
            Occurrence::Ended { session, terminal } => self.ended(session, terminal),
        };
        self.trim();
        self.notes.drain(..).for_each(|note| said(Noted { tick, note }));
        taken
    }

    /// How many operations, reads and regions there are.
    pub fn len(&self) -> usize {
        let operations = self.effects.len() + self.handoffs.len() + self.outputs.len();
        operations + self.reads.len() + self.sessions.len()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first tick at which [`Occurrence::Elapsed`] escalates something.
    pub fn escalates_at(&self) -> Option<u64> {
        self.due.first().map(|(tick, _)| *tick)
    }

    /// How many of them have ended and are still kept.
    pub fn ended_and_kept(&self) -> usize {
        self.closed.len()
    }
}
