//! Spoiling messages in flight, for tests: inside one process nothing else can. Signatures go wherever their messages do,
//! as somebody would have it who can change whatever stands between sender and receiver, and has no keys.

use crate::edge::{Edge, slot};
use crate::layout::{EDGE_HEADER, EDGE_WORDS};
use crate::machine::ProtocolMachine;
use motet_types::{EdgeId, LabelId, SessionId};

/// What becomes of an edge's first message. The edge must have no more messages than stand in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// Its payload is another: one bit is turned.
    Payload,
    /// Its label is another.
    Label(LabelId),
    /// It and the message behind it change places, with their numbers.
    Swap,
    /// The same, and each bears the other's number.
    SwapAndNumber,
    /// It stands behind itself once more, with its number.
    Repeat,
    /// It goes to the front of another edge, whose first message it takes the place of, with that one's number.
    Move(EdgeId),
    /// One bit of its signature is turned.
    Signature,
    /// Its signature is gone.
    Unsigned,
}

impl ProtocolMachine {
    /// Spoils the first message on an edge of a main session; whether there was what is needed for that.
    #[doc(hidden)]
    pub fn tamper(&mut self, session: SessionId, edge: EdgeId, how: Tamper) -> bool {
        let Some(at) = self.slot_of(session) else { return false };
        let slot_of = &mut self.slots[at as usize];
        let layout = &self.images[slot_of.session.image as usize].layout;
        self.digests.changed(slot_of, at);
        let (edges, _) = slot_of.session.words[layout.edges_at..].as_chunks_mut::<EDGE_WORDS>();
        let count = edges.len();
        let header = Edge::of(edges, edge).header();
        let ledger = slot_of.session.ext.get_or_insert_default().ledger.get_or_insert_default();
        let first = slot(header.head(), 0);
        let second = slot(header.head(), 1);
        let words = &mut edges[edge.index()];
        if header.len() == 0 || header.len() > 2 {
            return false;
        }
        let low = u64::from(u32::MAX) << 32;
        match how {
            Tamper::Payload => words[first + 1] ^= 1,
            Tamper::Label(label) => words[first] = words[first] & !0xffff | u64::from(label.0),
            Tamper::Swap | Tamper::SwapAndNumber => {
                if header.len() < 2 {
                    return false;
                }
                words.swap(first, second);
                words.swap(first + 1, second + 1);
                if how == Tamper::SwapAndNumber {
                    let (one, other) = (words[first], words[second]);
                    words[first] = one & !low | other & low;
                    words[second] = other & !low | one & low;
                }
                if let Some(kept) = ledger.edge_mut(0, edge, count)
                    && kept.signatures.len() > 1
                {
                    kept.signatures.swap(0, 1);
                }
            }
            Tamper::Repeat => {
                if header.len() != 1 {
                    return false;
                }
                (words[second], words[second + 1]) = (words[first], words[first + 1]);
                words[EDGE_HEADER] += 1 << 16;
                if let Some(kept) = ledger.edge_mut(0, edge, count) {
                    kept.signatures.extend(kept.signatures.front().copied());
                }
            }
            Tamper::Move(to) => {
                let (meta, word) = (words[first], words[first + 1]);
                let there = Edge::of(edges, to).header();
                if there.len() == 0 {
                    return false;
                }
                let target = slot(there.head(), 0);
                let words = &mut edges[to.index()];
                words[target] = meta & !low | words[target] & low;
                words[target + 1] = word;
                let signature = ledger.edge(0, edge).and_then(|kept| kept.signatures.front().copied());
                if let (Some(kept), Some(signature)) = (ledger.edge_mut(0, to, count), signature)
                    && let Some(front) = kept.signatures.front_mut()
                {
                    *front = signature;
                }
            }
            Tamper::Signature | Tamper::Unsigned => {
                let Some(kept) = ledger.edge_mut(0, edge, count) else { return false };
                let Some(front) = kept.signatures.pop_front() else { return false };
                if how == Tamper::Signature {
                    kept.signatures.push_front(front.turned());
                }
            }
        }
        true
    }
}

impl crate::auth::signed::Signature {
    fn turned(self) -> Self {
        match self {
            Self::KeyedBlake3(mut bytes) => {
                bytes[7] ^= 1;
                Self::KeyedBlake3(bytes)
            }
            Self::Ed25519(mut bytes) => {
                bytes[7] ^= 1;
                Self::Ed25519(bytes)
            }
        }
    }
}
