//! The one canonical encoding of a session. Digests, snapshots, parked sessions and proofs all use these bytes.
//!
//! It is made from contents alone: where a value is stored, which messages have spilled and where a queue starts
//! never enter, so equal sessions have equal bytes. Integers are little-endian.
//!
//! ```text
//! session    u8 version, 1, plus 1 if it speculates, plus 2 if it was ever owned, plus 8 if it has grown, plus 16 if it keeps a ledger, plus 32 if its coroutines have used credits, plus 64 if its effects have deadlines | u64 id | u16 current coroutine | u8 host has deferred a send
//!            u16 coroutines, each: u32 pc | u32 effect counter | u32 type state | u8 standing | outcome if answered
//!                                  u16 registers, each a value
//!            u16 edges, each:      u64 messages ever sent | u16 in flight, each: u32 sequence | u16 label | value
//!            of a session that has grown: its growth, see `state/growth.rs`
//!            of a session that keeps a ledger: its ledger, see `auth/bytes.rs`
//!            of a session whose coroutines have used credits:
//!            u16 coroutines, by their numbers, each: u16 number | u64 credits used, at least 1
//!            of a session whose effects have deadlines:
//!            u16 coroutines, by their numbers, each: u16 number | u64 tick by which its effect has to be answered
//!            of a session that speculates:
//!            u16 speculating coroutine | u32 withheld events, 8 bytes each
//!            u16 speculations, outermost first, each: u32 number | u32 events withheld before it
//!                                  u16 answers used since, each: u16 coroutine | outcome
//!                                  the session as it was, in version 1, plus 8 if it had grown, plus 16 if it
//!                                  kept a ledger
//!            of a session that was ever owned: its ownership, see `ownership/bytes.rs`
//! ```
//!
//! An effect that waits for its answer is not written down: coroutine, counter and the invoking instruction's
//! register say what was asked, and they cannot change before the answer.

use crate::auth::bytes::encode_ledger;
use crate::deadlines::Deadlines;
use crate::edge::{Header, Message, slot};
use crate::ext::{Ext, FIRST_OWNED_TAG, TAG_UNIT, view};
use crate::image::CodeImage;
use crate::layout::{
    CORO_GATE, CORO_PC, CORO_TAGS, EDGE_HEADER, EDGE_SENT, EDGE_WORDS, HEAD_ID, HEAD_READY, HEAD_STATUS, Place,
};
use crate::ownership::encode_ownership;
use crate::session::{Gate, Session, Status, is_ready};
use crate::speculation::Speculation;
use crate::state::growth::encode_growth;
use crate::tape::encode_outcome;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use motet_types::{CoroutineId, Digest, Digester, EdgeId, Planted, SessionId, planted};

/// The version of the encoding, its first byte.
pub(crate) const VERSION: u8 = 1;
/// What is added to it of a session that speculates, and of one that was ever owned.
pub(crate) const SPECULATES: u8 = 1;
pub(crate) const OWNED: u8 = 2;
/// Of one that has grown. It was 4 when growth had no knowledge; such bytes are refused.
pub(crate) const GROWN: u8 = 8;
/// Of one that keeps a ledger of its messages.
pub(crate) const WATCHED: u8 = 16;
/// Of one whose coroutines have used credits.
pub(crate) const CHARGED: u8 = 32;
/// Of one whose effects have deadlines.
pub(crate) const AWAITED: u8 = 64;

/// Codes of a coroutine's standing; see [`Standing`](crate::Standing).
pub(crate) const RUNS: u8 = 0;
pub(crate) const ANSWERED: u8 = 1;
pub(crate) const DEFERRED: u8 = 2;
pub(crate) const AWAITS_MESSAGE: u8 = 3;
pub(crate) const HAS_MESSAGE: u8 = 4;
pub(crate) const AWAITS_ROOM: u8 = 5;
pub(crate) const HAS_ROOM: u8 = 6;
pub(crate) const AWAITS_ANSWER: u8 = 7;
pub(crate) const HALTED: u8 = 8;
pub(crate) const AWAITS_LINK: u8 = 9;
pub(crate) const CRASHED: u8 = 10;
pub(crate) const CANCELLED: u8 = 11;

/// A tagged word as [`Value::digest`](motet_types::Value::digest) writes its value.
fn value(into: &mut impl Digester, ext: Option<&Ext>, id: SessionId, tag: u8, word: u64) {
    match ext {
        Some(ext) if tag >= FIRST_OWNED_TAG => ext.owned.get(word).digest(into),
        _ => view(ext, id, tag, word).to_value().digest(into),
    }
}

/// Appends the session. Of the deadlines it has its own.
pub(crate) fn encode_session(into: &mut impl Digester, session: &Session, image: &CodeImage, deadlines: &Deadlines) {
    let ext = session.ext.as_deref();
    let speculation = ext.and_then(|ext| ext.speculation.as_deref());
    let ownership = ext.and_then(|ext| ext.ownership.as_deref());
    let growth = ext.and_then(|ext| ext.growth.as_deref());
    let more = if speculation.is_some() { SPECULATES } else { 0 } + if ownership.is_some() { OWNED } else { 0 };
    let ledger = ext.and_then(|ext| ext.ledger.as_deref());
    let used = ext.map_or(&[][..], Ext::used);
    let used: &[(CoroutineId, u64)] = if planted(Planted::CreditsUncounted) { &[] } else { used };
    let more = more + if used.is_empty() { 0 } else { CHARGED };
    let awaited = if deadlines.is_empty() || planted(Planted::DeadlineUncounted) {
        Vec::new()
    } else {
        deadlines.of(session.id()).collect()
    };
    let more = more + if awaited.is_empty() { 0 } else { AWAITED };
    into.u8(VERSION + more + grown(growth.is_some(), ledger.is_some()));
    encode_words(into, &session.words, ext, image);
    if let Some(growth) = growth {
        encode_growth(into, growth, &session.words, ext, image);
    }
    if let Some(ledger) = ledger {
        encode_ledger(into, ledger);
    }
    if !used.is_empty() {
        into.u16(used.len() as u16);
        for (coroutine, used) in used {
            into.u16(coroutine.0);
            into.u64(*used);
        }
    }
    if !awaited.is_empty() {
        into.u16(awaited.len() as u16);
        for (coroutine, deadline) in awaited {
            into.u16(coroutine.0);
            into.u64(deadline.0);
        }
    }
    if let Some(speculation) = speculation {
        encode_speculation(into, speculation, image);
    }
    if let Some(ownership) = ownership {
        encode_ownership(into, ownership);
    }
}

/// What is added to the version of a session for what is kept in a speculation as well.
const fn grown(growth: bool, ledger: bool) -> u8 {
    (if growth { GROWN } else { 0 }) + if ledger { WATCHED } else { 0 }
}

/// Appends what the session may take back.
fn encode_speculation(into: &mut impl Digester, speculation: &Speculation, image: &CodeImage) {
    into.u16(speculation.coroutine);
    into.u32((speculation.withheld.len() / 8) as u32);
    into.bytes(&speculation.withheld);
    into.u16(speculation.levels.len() as u16);
    for level in &speculation.levels {
        into.u32(level.ghost);
        into.u32((level.events / 8) as u32);
        into.u16(level.spent.len() as u16);
        for (coroutine, outcome) in &level.spent {
            into.u16(coroutine.0);
            encode_outcome(into, outcome);
        }
        into.u8(VERSION + grown(level.growth.is_some(), level.ledger.is_some()));
        let ext = Ext { owned: level.owned.clone(), overflow: level.overflow.clone(), ..Ext::default() };
        encode_words(into, &level.words, Some(&ext), image);
        if let Some(growth) = &level.growth {
            encode_growth(into, growth, &level.words, Some(&ext), image);
        }
        if let Some(ledger) = &level.ledger {
            encode_ledger(into, ledger);
        }
    }
}

/// Appends what every session has.
fn encode_words(into: &mut impl Digester, words: &[u64], ext: Option<&Ext>, image: &CodeImage) {
    let layout = &image.layout;
    let (id, status) = (SessionId(words[HEAD_ID]), Status(words[HEAD_STATUS]));
    into.u64(id.0);
    into.u16(status.current());
    into.u8(u8::from(status.deferred()));
    into.u16(layout.places.len() as u16);
    for (at, place) in layout.places.iter().enumerate() {
        let coroutine = &words[layout.coros_at + place.start as usize..][..place.words()];
        into.u64(coroutine[CORO_PC]);
        into.u32(words[layout.roles_at + at] as u32);
        let ready = is_ready(&words[HEAD_READY..layout.roles_at], &[], at as u16);
        encode_coroutine(into, coroutine, *place, at, ready, ext, id);
    }
    let edges = words[layout.edges_at..].chunks_exact(EDGE_WORDS);
    into.u16(edges.len() as u16);
    for (at, edge) in edges.enumerate() {
        encode_edge(into, edge, at, ext.map_or(&[], |ext| &ext.overflow), ext, id);
    }
}

/// Appends where a coroutine stands, and its registers.
pub(super) fn encode_coroutine(
    into: &mut impl Digester,
    coroutine: &[u64],
    place: Place,
    at: usize,
    ready: bool,
    ext: Option<&Ext>,
    id: SessionId,
) {
    let answer = ext.and_then(|ext| ext.answers.iter().find(|(of, _)| of.index() == at));
    let standing = match (Gate::unpack(coroutine[CORO_GATE]), ready) {
        (Gate::Open, _) if answer.is_some() => ANSWERED,
        (Gate::Open, _) => RUNS,
        (Gate::NextBurst, _) => DEFERRED,
        (Gate::Message(_), false) => AWAITS_MESSAGE,
        (Gate::Message(_), true) => HAS_MESSAGE,
        (Gate::Room(_), false) => AWAITS_ROOM,
        (Gate::Room(_), true) => HAS_ROOM,
        (Gate::GuestMessage(..), false) => AWAITS_MESSAGE,
        (Gate::GuestRoom(..), false) => AWAITS_ROOM,
        // What it waited for may have been closed meanwhile; it finds out when it looks again.
        (Gate::GuestMessage(..) | Gate::GuestRoom(..), true) => RUNS,
        (Gate::Link(_) | Gate::GuestLink(..), false) => AWAITS_LINK,
        // It may be cut again before it sends.
        (Gate::Link(_) | Gate::GuestLink(..), true) => RUNS,
        (Gate::Crashed, _) => CRASHED,
        (Gate::Cancelled, _) => CANCELLED,
        (Gate::Answer | Gate::Guard(_), _) => AWAITS_ANSWER,
        (Gate::Halted, _) => HALTED,
    };
    into.u8(standing);
    if let (ANSWERED, Some((_, outcome))) = (standing, answer) {
        encode_outcome(into, outcome);
    }
    let (tags, registers) = coroutine[CORO_TAGS..].split_at(place.tag_words as usize);
    into.u16(place.registers);
    for (at, word) in registers.iter().enumerate() {
        value(into, ext, id, (tags[at / 8] >> (at % 8 * 8)) as u8, *word);
    }
}

/// Appends one edge.
pub(super) fn encode_edge(
    into: &mut impl Digester,
    edge: &[u64],
    at: usize,
    overflow: &[(EdgeId, VecDeque<(u64, u64)>)],
    ext: Option<&Ext>,
    id: SessionId,
) {
    let header = Header(edge[EDGE_HEADER]);
    into.u64(edge[EDGE_SENT]);
    into.u16(header.len() as u16);
    let mut message = |meta: u64, word: u64| {
        let message = Message::from_slot(meta, word);
        into.u32((meta >> 32) as u32);
        into.u16(message.label.0);
        let tag = if planted(Planted::RootSkipsPayloads) { TAG_UNIT } else { message.tag };
        value(into, ext, id, tag, message.word);
    };
    for place in 0..header.in_place() {
        let at = slot(header.head(), place);
        message(edge[at], edge[at + 1]);
    }
    if header.len() > header.in_place() {
        let spilled = overflow.iter().find(|(id, _)| id.index() == at);
        spilled.into_iter().flat_map(|(_, queue)| queue).for_each(|(meta, word)| message(*meta, *word));
    }
}

/// The digest of an encoded session: a leaf of the state tree. The image's digest is the key, so the same bytes under
/// another image are another leaf, and no leaf is a node.
pub(crate) fn leaf(image: &Digest, encoded: &[u8]) -> Digest {
    Digest(*blake3::keyed_hash(&image.0, encoded).as_bytes())
}
