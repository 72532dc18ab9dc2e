//! Live semantic objects: kept as things happen, one occurrence at a time, in constant time.
//!
//! Whoever runs sessions hands in what was committed, in the order in which it was ([`Occurrence`]). Every rule is a table of
//! `rules`, executed here on the one object that the occurrence is about; nothing is ever computed again from what
//! happened before. Of an effect that was asked and succeeded, to which nothing else has happened, only the ticks are
//! kept: what the tables make of that is always the same, and is worked out when somebody looks. Ids are numbers until
//! somebody exports ([`Live::export`]). Objects that have ended stay until more than
//! a given number of them have, and retire oldest first; what has not ended never retires.

mod audit;
mod authority;
mod bytes;
mod course;
mod effect;
mod effects;
mod export;
mod export_views;
mod handoff;
mod key;
mod memory;
mod occurrence;
mod output;
mod refusal;
mod retire;
mod session;
mod short;
mod store;

pub use audit::{Noted, SemanticAuditEntry, SemanticAuditKind, SemanticAuditRecord};
pub use bytes::LiveBytesError;
pub use export::{Describe, Shown};
pub use key::{EffectKey, HandoffKey, OutputKey, ReadKey, UpgradeKey};
pub use occurrence::{AnsweredEffect, AskedEffect, CheckedOutput, MovedEndpoint, Occurrence, Wanted, WriteBytes};
pub use refusal::LiveViolation;
pub use short::ShortBytes;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use audit::Note;
use authority::Read;
use handoff::Handover;
use output::Output;
use retire::EndedList;
use session::Sessions;
use store::{Due, Effects};

/// The live objects of one machine.
#[derive(Clone, Debug)]
pub struct Live {
    effects: Effects,
    /// Every session that has not retired, with those of its effects that wait.
    sessions: Sessions,
    /// When effects are escalated that wait: it follows from them.
    due: Due,
    /// How many effects wait.
    waiting: usize,
    /// Effects that were invalidated: what comes for them is late.
    late: BTreeMap<EffectKey, u32>,
    handoffs: BTreeMap<HandoffKey, Handover>,
    outputs: BTreeMap<OutputKey, Output>,
    reads: BTreeMap<ReadKey, Read>,
    /// What has ended, oldest first.
    ended: EndedList,
    /// The names of roles that have asked for effects, by image and number.
    roles: BTreeMap<(u32, u16), Box<str>>,
    /// The last of them to ask.
    last_role: Option<(u32, u16)>,
    /// How many effects were asked for.
    asked: u64,
    /// How many handoffs have revoked their old owner and not activated the new one: until they have, nothing retires, so
    /// that none is gone before it is done, and none of its effects before it.
    between: u32,
    /// The last tick.
    tick: u64,
    /// How much of what has ended is kept.
    keep: u32,
    /// What the audit is told of the occurrence that is being applied.
    notes: Vec<Note>,
}

impl Live {
    /// No objects. Of what has ended, `keep` objects are kept: an operation with everything that is its own counts as
    /// one, and so do a witness's read and the region of a session that has ended.
    pub fn new(keep: u32) -> Self {
        Self {
            effects: Effects::default(),
            sessions: Sessions::default(),
            due: Due::default(),
            waiting: 0,
            late: BTreeMap::new(),
            handoffs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            reads: BTreeMap::new(),
            ended: EndedList::default(),
            roles: BTreeMap::new(),
            last_role: None,
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
    // Where it is known what happened, that is all that is left of this.
    #[inline(always)]
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
        if let Occurrence::Answered(answered) = &occurrence
            && let Some(note) = self.succeeded_at_once(answered)
        {
            self.trim();
            said(Noted { tick, note });
            return Ok(());
        }
        let taken = match occurrence {
            Occurrence::Opened { session } => self.opened(session),
            Occurrence::Asked(asked) => self.ask(&asked),
            Occurrence::Begun { effect } => self.begun(effect),
            Occurrence::Elapsed => self.elapsed(),
            Occurrence::Answered(answered) => self.answered(&answered),
            Occurrence::Cancelled { effect } => self.cancelled(effect),
            Occurrence::GivenUp { effect, upgrade } => self.give_up(effect, upgrade),
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
        match self.notes.len() {
            0 => {}
            1 => self.notes.pop().into_iter().for_each(|note| said(Noted { tick, note })),
            _ => self.notes.drain(..).for_each(|note| said(Noted { tick, note })),
        }
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

    /// Before this tick [`Occurrence::Elapsed`] escalates nothing; what was due then may have ended meanwhile.
    pub fn escalates_at(&self) -> Option<u64> {
        self.due.first()
    }

    /// How many of them have ended and are still kept.
    pub fn ended_and_kept(&self) -> usize {
        self.ended.len()
    }
}
