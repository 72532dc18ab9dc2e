//! What remains of a session that has ended. Its memory is given back when its end is committed; nobody has to ask for that.

use crate::machine::{ImageId, ProtocolMachine};
use crate::session::Session;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use motet_types::{Planted, SessionId, Terminal, Tick, planted};

/// A session that has ended, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedSessionSummary {
    /// The session.
    pub session: SessionId,
    /// Its image.
    pub image: ImageId,
    /// How it ended.
    pub terminal: Terminal,
    /// The tick of the wave that ended it, or at which something between waves did.
    pub tick: Tick,
    /// Messages in flight on its own edges that were discarded with it.
    pub discarded: usize,
    /// Sessions that its instructions had opened in its island; they ended before it or with it.
    pub opened: u32,
}

/// Summaries that nobody has taken yet: the last ones, and how many went before them.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    kept: VecDeque<ClosedSessionSummary>,
    lost: u64,
}

impl Summaries {
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Bytes that they hold.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<ClosedSessionSummary>()
    }

    fn keep(&mut self, summary: ClosedSessionSummary, limit: usize) {
        if self.kept.len() >= limit && !planted(Planted::SummariesUnbounded) {
            self.kept.pop_front();
            self.lost += 1;
        }
        self.kept.push_back(summary);
    }
}

impl ProtocolMachine {
    /// Keeps what the configuration says should remain of a session.
    pub(crate) fn summarise(&mut self, session: &Session, terminal: Terminal) {
        let limit = self.config.max_summaries as usize;
        if limit == 0 {
            return;
        }
        let layout = &self.images[session.image as usize].layout;
        let summary = ClosedSessionSummary {
            session: session.id(),
            image: ImageId(session.image),
            terminal,
            tick: self.tick,
            discarded: if planted(Planted::SummariesDiscardNothing) { 0 } else { session.in_flight(layout) },
            opened: session.growth().map_or(0, |growth| growth.opened),
        };
        self.summaries.keep(summary, limit);
    }

    /// Takes the summaries of sessions that have ended since they were last taken, in the order in which they ended, and how
    /// many more there were than [`max_summaries`](crate::ProtocolMachineConfig::max_summaries) allows: of those, the oldest
    /// are gone. A machine that was recovered has those of the sessions that ended since its checkpoint.
    pub fn drain_summaries(&mut self) -> (Vec<ClosedSessionSummary>, u64) {
        (core::mem::take(&mut self.summaries.kept).into(), core::mem::take(&mut self.summaries.lost))
    }
}
