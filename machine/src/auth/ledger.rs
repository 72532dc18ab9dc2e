//! What a session's box keeps of its messages: which number comes next on each edge, the signatures of those in flight, each
//! edge's history, and what was consumed.
//!
//! The sessions of an island share one ledger. A guest's part is freed when it ends, and all of it with the island.

use crate::auth::history::Frontier;
use crate::auth::identity::CommunicationIdentity;
use crate::auth::signed::Signature;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use motet_heap::ResourceId;
use motet_types::{Digest, EdgeId, LabelId, Planted, planted};

/// A message as a full history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) label: LabelId,
    pub(crate) payload: Digest,
    pub(crate) signature: Signature,
}

/// What is kept of one edge.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct EdgeLedger {
    /// The number that the next message to be received has, or, where messages may be overwritten, at least has.
    pub(crate) next: u64,
    /// The signatures of the messages in flight, the first one first.
    pub(crate) signatures: VecDeque<Signature>,
    /// All that were ever sent.
    pub(crate) history: Frontier,
    /// The same message by message, where the configuration asks for it.
    pub(crate) sent: Vec<Sent>,
}

/// What is kept of one session of the island.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionLedger {
    /// Its number in the island; 0 is the main one.
    pub(crate) number: u32,
    pub(crate) edges: Box<[EdgeLedger]>,
}

/// A message that was consumed in a speculation, and so is not in the heap yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) identity: CommunicationIdentity,
    pub(crate) pre_root: Digest,
    pub(crate) post_root: Digest,
}

/// A message that was looked at and is about to be taken. Between two steps there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) number: u64,
    pub(crate) identity: Option<CommunicationIdentity>,
}

/// What an island keeps of its messages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Ledger {
    /// The chain of what was consumed.
    pub(crate) root: Digest,
    /// What was consumed in speculations that are open, in order.
    pub(crate) withheld: Vec<Consumed>,
    /// The nullifiers of those.
    pub(crate) nullified: BTreeSet<ResourceId>,
    /// By their numbers.
    pub(crate) sessions: Vec<SessionLedger>,
    pub(crate) looked: Option<Box<Looked>>,
}

impl Ledger {
    /// The chain of the messages that the island's sessions have received, in a mode other than off; all zeros before the
    /// first.
    pub const fn consumption_root(&self) -> Digest {
        self.root
    }

    /// How many messages were received in speculations that are open, and so are not in the heap yet.
    pub fn withheld(&self) -> usize {
        self.withheld.len()
    }

    /// The number of the message that comes next on an edge of the session of this number.
    pub fn next(&self, number: u32, edge: EdgeId) -> Option<u64> {
        Some(self.edge(number, edge)?.next)
    }

    /// How many messages in flight on an edge are signed.
    pub fn signatures(&self, number: u32, edge: EdgeId) -> usize {
        self.edge(number, edge).map_or(0, |edge| edge.signatures.len())
    }

    /// How many messages the edge's history has, and its root.
    pub fn history(&self, number: u32, edge: EdgeId) -> Option<(u64, Digest)> {
        let history = &self.edge(number, edge)?.history;
        Some((history.count(), history.root()))
    }

    pub(crate) fn edge(&self, number: u32, edge: EdgeId) -> Option<&EdgeLedger> {
        let at = self.sessions.binary_search_by_key(&number, |session| session.number).ok()?;
        self.sessions[at].edges.get(edge.index())
    }

    /// What is kept of an edge of a session with so many of them.
    pub(crate) fn edge_mut(&mut self, number: u32, edge: EdgeId, edges: usize) -> Option<&mut EdgeLedger> {
        let at = match self.sessions.binary_search_by_key(&number, |session| session.number) {
            Ok(at) => at,
            Err(at) => {
                let edges = (0..edges).map(|_| EdgeLedger::default()).collect();
                self.sessions.insert(at, SessionLedger { number, edges });
                at
            }
        };
        self.sessions[at].edges.get_mut(edge.index())
    }

    /// A guest has ended.
    pub(crate) fn forget(&mut self, number: u32) {
        if !planted(Planted::LedgerOutlives) {
            self.sessions.retain(|session| session.number != number);
        }
    }

    /// What was in flight on an edge is discarded.
    pub(crate) fn discard(&mut self, number: u32, edge: EdgeId) {
        if let Ok(at) = self.sessions.binary_search_by_key(&number, |session| session.number)
            && let Some(edge) = self.sessions[at].edges.get_mut(edge.index())
        {
            edge.signatures.clear();
        }
    }

    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let edge = |edge: &EdgeLedger| {
            size_of::<EdgeLedger>()
                + size_of::<Signature>() * edge.signatures.capacity()
                + edge.history.bytes()
                + size_of::<Sent>() * edge.sent.capacity()
        };
        let edges = self.sessions.iter().flat_map(|session| &session.edges);
        let sessions = size_of::<SessionLedger>() * self.sessions.len();
        let withheld = (size_of::<Consumed>() + 64 + 48) * self.withheld.len();
        size_of::<Self>() + sessions + withheld + edges.map(edge).sum::<usize>()
    }
}
