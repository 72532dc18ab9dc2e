//! The authenticated history of an edge: an append-only Merkle tree over the signed values that were sent on it.
//!
//! Two messages that stand side by side are hashed into a node, and so are nodes; a lone one at the end of a row goes up as
//! it is. It is never paired with itself, which would give two histories one root. The root commits to the count as well.
//!
//! An edge keeps the [`Frontier`] alone: the tops of the complete trees that the count is made of, largest first, at most
//! 64 digests. Whoever wants proofs keeps all leaves ([`AuthTree`]).

use crate::auth::signed::Domain;
use alloc::vec::Vec;
use motet_types::{Digest, Digester, Planted, Reader, planted};

fn leaf(index: u64, signed: &Digest) -> Digest {
    Domain::MerkleLeaf.hash(|into| {
        into.u64(index);
        into.bytes(&signed.0);
    })
}

fn node(left: &Digest, right: &Digest) -> Digest {
    Domain::MerkleNode.hash(|into| {
        into.bytes(&left.0);
        into.bytes(&right.0);
    })
}

/// The root of a history: its count and its top, all zeros when it is empty.
fn root(count: u64, top: &Digest) -> Digest {
    Domain::Commitment.hash(|into| {
        into.u64(if planted(Planted::HistoryForgetsCount) { 0 } else { count });
        into.bytes(&top.0);
    })
}

/// A history that knows its root and can grow, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    count: u64,
    /// The tops of complete trees: one for each bit of the count, the largest first.
    tops: Vec<Digest>,
}

impl Frontier {
    /// How many messages it has.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Appends a message, as the digest of its signed value.
    pub fn append(&mut self, signed: &Digest) {
        let mut top = leaf(self.count, signed);
        let mut complete = self.count;
        while complete & 1 == 1 {
            if let Some(left) = self.tops.pop() {
                top = node(&left, &top);
            }
            complete >>= 1;
        }
        self.tops.push(top);
        self.count += 1;
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let mut tops = self.tops.iter().rev();
        let last = tops.next().copied().unwrap_or_default();
        root(self.count, &tops.fold(last, |right, left| node(left, &right)))
    }

    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u64(self.count);
        self.tops.iter().for_each(|top| into.bytes(&top.0));
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.u64()?;
        let tops = (0..count.count_ones()).map(|_| Some(Digest(from.take(32)?.try_into().ok()?)));
        Some(Self { count, tops: tops.collect::<Option<_>>()? })
    }

    pub(crate) fn bytes(&self) -> usize {
        32 * self.tops.len()
    }
}

/// A history that can prove what it has.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuthTree {
    leaves: Vec<Digest>,
}

impl AuthTree {
    /// How many messages it has.
    pub fn count(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Appends a message, as the digest of its signed value.
    pub fn append(&mut self, signed: &Digest) {
        self.leaves.push(*signed);
    }

    /// The messages, as the digests of their signed values.
    pub fn leaves(&self) -> &[Digest] {
        &self.leaves
    }

    fn row(&self) -> Vec<Digest> {
        (0..).zip(&self.leaves).map(|(index, signed)| leaf(index, signed)).collect()
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let mut row = self.row();
        while row.len() > 1 {
            row = above(&row);
        }
        root(self.count(), &row.first().copied().unwrap_or_default())
    }

    /// Proves that a message was sent as the so-manieth; none when there were fewer. It hashes the whole history.
    pub fn prove(&self, index: u64) -> Option<AuthProof> {
        let mut at = usize::try_from(index).ok().filter(|at| *at < self.leaves.len())?;
        let (mut row, mut siblings) = (self.row(), Vec::new());
        while row.len() > 1 {
            // A lone one at the end has none, and goes up as it is.
            siblings.extend(row.get(at ^ 1).copied());
            row = above(&row);
            at >>= 1;
        }
        Some(AuthProof { index, count: self.count(), siblings })
    }
}

/// The row above one of at least two.
fn above(row: &[Digest]) -> Vec<Digest> {
    let pair = |pair: &[Digest]| match pair {
        [left, right] => node(left, right),
        [lone] if planted(Planted::HistoryDoublesLone) => node(lone, lone),
        lone => lone.first().copied().unwrap_or_default(),
    };
    row.chunks(2).map(pair).collect()
}

/// That a message was sent on an edge as the so-manieth of so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthProof {
    /// The message's number.
    pub index: u64,
    /// How many messages the history has.
    pub count: u64,
    /// What stands beside the way from the message up, lowest first.
    pub siblings: Vec<Digest>,
}

impl AuthProof {
    /// Whether the history of this root has the message, given as the digest of its signed value
    /// ([`SignedValue::digest`](crate::SignedValue::digest)), at the proof's place. It needs nothing but its arguments.
    pub fn verify(&self, history: &Digest, signed: &Digest) -> bool {
        if self.index >= self.count {
            return false;
        }
        let mut siblings = self.siblings.iter();
        let (mut at, mut last, mut top) = (self.index, self.count - 1, leaf(self.index, signed));
        while last > 0 {
            let lone = at == last && at & 1 == 0;
            if !lone {
                let Some(sibling) = siblings.next() else { return false };
                top = if at & 1 == 0 { node(&top, sibling) } else { node(sibling, &top) };
            }
            (at, last) = (at >> 1, last >> 1);
        }
        siblings.next().is_none() && root(self.count, &top) == *history
    }

    /// The proof as bytes: `u64 index | u64 count | u8 siblings, each a digest`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut into = Vec::with_capacity(17 + 32 * self.siblings.len());
        into.u64(self.index);
        into.u64(self.count);
        into.u8(self.siblings.len() as u8);
        self.siblings.iter().for_each(|sibling| into.bytes(&sibling.0));
        into
    }

    /// Reads what [`AuthProof::to_bytes`] wrote, all of it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let (index, count) = (from.u64()?, from.u64()?);
        let siblings = (0..from.u8()?).map(|_| Some(Digest(from.take(32)?.try_into().ok()?)));
        let siblings = siblings.collect::<Option<_>>()?;
        (from.remaining() == 0).then_some(Self { index, count, siblings })
    }
}
