//! What remains of a session that has ended. Its memory is given back when its end is committed; nobody has to ask for that.

use crate::machine::{ImageId, ProtocolMachine};
use crate::session::Session;
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

impl ProtocolMachine {
    /// Keeps what the configuration says should remain of a session.
    pub(crate) fn summarise(&mut self, session: &Session, terminal: Terminal) {
        let limit = self.config.max_summaries;
        if limit == 0 {
            return;
        }
        let limit = if planted(Planted::SummariesUnbounded) { u32::MAX } else { limit };
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
        self.summaries.take()
    }
}
