//! The canonical bytes of a ledger, the way back, and what a ledger must be like to belong to its session.
//!
//! ```text
//! ledger      root of the chain of what was consumed
//!             u32 consumed in speculations, in order, each: identity | root before | root behind
//!             u16 sessions, by their numbers, each: u32 number
//!                                  u16 edges, each: u64 next number | u16 signatures, each | history
//!                                      | u32 kept message by message, each: u16 label | payload digest | signature
//! signature   u8 0 | 32 bytes of keyed BLAKE3, or 1 | 64 bytes of Ed25519
//! history     u64 messages | a digest for each bit of that number that is set, the highest first
//! ```

use crate::auth::history::Frontier;
use crate::auth::identity::{CommunicationIdentity, CommunicationReplayMode, consumption_root};
use crate::auth::keys::Authentication;
use crate::auth::ledger::{Consumed, EdgeLedger, Ledger, Sent, SessionLedger};
use crate::auth::signed::Signature;
use crate::auth::watch::{EdgeHistory, WatchRules};
use crate::state::decode::{EdgeState, SessionState, StateError, StatePlace, list};
use crate::state::rebuild::ensure;
use alloc::vec::Vec;
use motet_types::{Digest, Digester, EdgeId, LabelId, Planted, Reader, planted};

/// Appends a ledger.
pub(crate) fn encode_ledger(into: &mut impl Digester, ledger: &Ledger) {
    into.bytes(&ledger.root.0);
    into.u32(ledger.withheld.len() as u32);
    for consumed in &ledger.withheld {
        consumed.identity.encode(into);
        into.bytes(&consumed.pre_root.0);
        into.bytes(&consumed.post_root.0);
    }
    into.u16(ledger.sessions.len() as u16);
    for session in &ledger.sessions {
        into.u32(session.number);
        into.u16(session.edges.len() as u16);
        for edge in &session.edges {
            into.u64(edge.next);
            let signatures = if planted(Planted::LedgerSignaturesUncounted) { 0 } else { edge.signatures.len() };
            into.u16(signatures as u16);
            edge.signatures.iter().take(signatures).for_each(|signature| signature.encode(into));
            edge.history.encode(into);
            into.u32(edge.sent.len() as u32);
            for sent in &edge.sent {
                into.u16(sent.label.0);
                into.bytes(&sent.payload.0);
                sent.signature.encode(into);
            }
        }
    }
}

fn digest(from: &mut Reader<'_>) -> Option<Digest> {
    Some(Digest(from.take(32)?.try_into().ok()?))
}

/// As many as a `u32` says. Every item has at least one byte, so what remains bounds the memory.
fn long_list<T>(from: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = from.u32()? as usize;
    let mut items = Vec::with_capacity(count.min(from.remaining() / 32));
    for _ in 0..count {
        items.push(item(from)?);
    }
    Some(items)
}

/// Reads what [`encode_ledger`] wrote.
pub(crate) fn decode_ledger(from: &mut Reader<'_>) -> Option<Ledger> {
    let root = digest(from)?;
    let withheld = long_list(from, |from| {
        let identity = CommunicationIdentity::decode(from)?;
        Some(Consumed { identity, pre_root: digest(from)?, post_root: digest(from)? })
    })?;
    let sessions = list(from, |from| {
        let number = from.u32()?;
        let edges = list(from, |from| {
            let next = from.u64()?;
            let signatures = list(from, Signature::decode)?.into();
            let history = Frontier::decode(from)?;
            let sent = long_list(from, |from| {
                let label = LabelId(from.u16()?);
                Some(Sent { label, payload: digest(from)?, signature: Signature::decode(from)? })
            })?;
            Some(EdgeLedger { next, signatures, history, sent })
        })?;
        Some(SessionLedger { number, edges: edges.into() })
    })?;
    Some(Ledger { root, withheld, sessions, ..Ledger::default() })
}

/// Holds a session's ledger against the configuration and the session, and puts back what follows from it.
pub(crate) fn settle_ledger(state: &mut SessionState, rules: &WatchRules, speculates: bool) -> Result<(), StateError> {
    let place = StatePlace::Session;
    let mut ledger = state.ledger.take();
    let trusted = planted(Planted::RestoreTrustsLedger);
    ensure(rules.on() || ledger.is_none(), place, "it keeps a ledger, which the configuration does not ask for")?;
    if rules.on() && !trusted {
        let none = Ledger::default();
        let known = ledger.as_deref().unwrap_or(&none);
        let ordered = known.sessions.is_sorted_by(|a, b| a.number < b.number);
        ensure(ordered, place, "the sessions of its ledger stand out of order")?;
        let guests = state.growth.iter().flat_map(|growth| &growth.guests);
        let sessions = guests.map(|guest| (guest.number, &guest.edges, guest.draining));
        let sessions: Vec<_> = core::iter::once((0, &state.edges, false)).chain(sessions).collect();
        let there = |number| sessions.iter().any(|(there, ..)| *there == number);
        let known_there = known.sessions.iter().all(|session| there(session.number));
        ensure(known_there, place, "its ledger is of a session that is not there")?;
        for (number, edges, draining) in sessions {
            let session = known.sessions.iter().find(|session| session.number == number);
            let sized = session.is_none_or(|session| session.edges.len() == edges.len());
            ensure(sized, place, "its ledger has another number of edges")?;
            for (at, edge) in edges.iter().enumerate() {
                let nothing = EdgeLedger::default();
                let kept = session.and_then(|session| session.edges.get(at)).unwrap_or(&nothing);
                let place = if number == 0 { StatePlace::Edge(EdgeId(at as u16)) } else { StatePlace::Guest(number) };
                settle_edge(kept, edge, rules, draining, place)?;
            }
        }
        let mut before = known.withheld.first().map_or(known.root, |first| first.pre_root);
        for consumed in &known.withheld {
            let linked = consumed.pre_root == before;
            before = consumption_root(&before, rules.mode, &consumed.identity.digest());
            let own = consumed.identity.sid.host() == state.id;
            ensure(linked && own && before == consumed.post_root, place, "what it withholds as consumed is no chain")?;
        }
        ensure(before == known.root, place, "what it withholds as consumed does not lead to its root")?;
        ensure(
            speculates || known.withheld.is_empty(),
            place,
            "it withholds what was consumed, and does not speculate",
        )?;
        let quiet = rules.mode != CommunicationReplayMode::Off || known.root == Digest::default();
        ensure(quiet, place, "something was consumed, which the configuration does not ask for")?;
    }
    if let Some(ledger) = &mut ledger
        && rules.mode == CommunicationReplayMode::Nullifier
    {
        ledger.nullified = ledger.withheld.iter().filter_map(|consumed| consumed.identity.nullifier()).collect();
    }
    state.ledger = ledger;
    Ok(())
}

fn settle_edge(
    kept: &EdgeLedger,
    edge: &EdgeState,
    rules: &WatchRules,
    draining: bool,
    place: StatePlace,
) -> Result<(), StateError> {
    let in_flight = edge.messages.len();
    let received = edge.sent.wrapping_sub(in_flight as u64);
    let exact = rules.exact && !draining;
    let next = if exact { kept.next == received } else { kept.next <= received };
    ensure(next, place, "the number of its next message is another than was received")?;
    let signed = rules.authentication != Authentication::None;
    let signatures = if signed { in_flight } else { 0 };
    let fits = |signature: &Signature| match rules.authentication {
        Authentication::None => false,
        Authentication::KeyedBlake3(_) => matches!(signature, Signature::KeyedBlake3(_)),
        Authentication::Ed25519(_) => matches!(signature, Signature::Ed25519(_)),
    };
    let signatures = kept.signatures.len() == signatures && kept.signatures.iter().all(fits);
    ensure(signatures, place, "it has other signatures than messages in flight")?;
    let count = if signed { edge.sent } else { 0 };
    ensure(kept.history.count() == count, place, "its history has another length than messages were sent")?;
    let full = if rules.history == EdgeHistory::Full { count } else { 0 };
    let full = kept.sent.len() as u64 == full && kept.sent.iter().all(|sent| fits(&sent.signature));
    ensure(full, place, "its history keeps other messages than were sent")
}
