//! The state root: one digest of sessions, messages in flight and counters.
//!
//! It is computed when asked for, from contents alone: where a value happens to be stored, and which messages have
//! spilled, never enters.

use crate::edge::{Header, Message, slot};
use crate::ext::{Ext, view};
use crate::image::CodeImage;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS, EDGE_HEADER, EDGE_SENT, EDGE_WORDS};
use crate::machine::ProtocolMachine;
use crate::session::Session;
use crate::tape::encode_effect;
use crate::wave::Boundary;
use motet_types::{Digest, Digester, EffectKind, Planted, planted};

fn session_digest(session: &Session, image: &CodeImage) -> Digest {
    let mut into = blake3::Hasher::new();
    let layout = &image.layout;
    into.str("motet.session");
    into.bytes(&image.digest().0);
    let (words, id) = (&session.words, session.id());
    words[..layout.coros_at].iter().for_each(|word| into.u64(*word));
    let ext = session.ext.as_deref();
    for place in &layout.places {
        let coroutine = &words[layout.coros_at + place.start as usize..][..place.words()];
        into.u64(coroutine[CORO_PC]);
        into.u64(coroutine[CORO_GATE]);
        let (tags, registers) = coroutine[CORO_TAGS..].split_at(place.tag_words as usize);
        for (at, word) in registers.iter().enumerate() {
            let tag = (tags[at / 8] >> (at % 8 * 8)) as u8;
            view(ext, id, tag, *word).to_value().digest(&mut into);
        }
    }
    for (at, edge) in words[layout.edges_at..].chunks_exact(EDGE_WORDS).enumerate() {
        let header = Header(edge[EDGE_HEADER]);
        into.u64(edge[EDGE_SENT]);
        into.size(header.len());
        into.u16(header.receiver_waits());
        into.u16(header.sender_waits());
        let spilled = ext.and_then(|ext| ext.overflow.iter().find(|(id, _)| id.index() == at));
        let spilled = spilled.into_iter().flat_map(|(_, queue)| queue.iter().copied());
        let in_place = (0..header.in_place()).map(|place| {
            let at = slot(header.head(), place);
            (edge[at], edge[at + 1])
        });
        for (meta, word) in in_place.chain(spilled) {
            let message = Message::from_slot(meta, word);
            into.u16(message.label.0);
            if !planted(Planted::RootSkipsPayloads) {
                view(ext, id, message.tag, message.word).to_value().digest(&mut into);
            }
        }
    }
    answers(ext, session, &mut into);
    Digest(*into.finalize().as_bytes())
}

/// Answers that have come and were not yet read.
fn answers(ext: Option<&Ext>, session: &Session, into: &mut impl Digester) {
    let answers = ext.map_or(&[][..], |ext| &ext.answers);
    into.size(answers.len());
    for (coroutine, outcome) in answers {
        let at = crate::effect::EffectCoordinate { session: session.id(), coroutine: *coroutine, counter: 0 };
        encode_effect(into, at, EffectKind::InvokeStep, 0, outcome);
    }
}

impl ProtocolMachine {
    /// Digests the state and remembers the digest: certificates name it from now on.
    ///
    /// # Panics
    /// While waves are out: what is out cannot be digested.
    pub fn take_boundary(&mut self) -> Boundary {
        assert_eq!(self.out, 0, "a state digest is taken while every island is at home");
        self.boundary = Boundary { wave: self.tally.waves, state: self.state_root() };
        self.boundary
    }

    /// The state root. Equal in equal runs; where sessions are stored does not matter.
    pub fn state_root(&self) -> Digest {
        let mut into = blake3::Hasher::new();
        into.str("motet.state");
        let tally = self.tally();
        for count in [tally.opened, tally.closed, tally.faulted, tally.steps, tally.messages, tally.dropped] {
            into.u64(count);
        }
        into.u64(self.tick().0);
        into.size(self.live_sessions());
        for (session, image) in self.live_states() {
            into.bytes(&session_digest(session, image).0);
        }
        into.size(self.pending_effects().count());
        for ask in self.pending_effects() {
            into.u64(ask.coordinate.session.0);
            into.u16(ask.coordinate.coroutine.0);
            into.u32(ask.coordinate.counter);
            into.u16(ask.effect.0);
            ask.argument.digest(&mut into);
        }
        Digest(*into.finalize().as_bytes())
    }
}
