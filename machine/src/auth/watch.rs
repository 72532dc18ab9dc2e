//! Looking at messages: what is done beside sending and taking one, in a machine whose configuration asks for it. Nothing
//! here runs in any other.

use crate::auth::Ledger;
use crate::auth::history::{AuthProof, AuthTree};
use crate::auth::identity::{
    CommunicationIdentity, CommunicationReplayMode, ConsumptionArtifact, StepKind, consumption_root,
};
use crate::auth::keys::{Authentication, KeyTable};
use crate::auth::ledger::{Consumed, EdgeLedger, Looked, Sent};
use crate::auth::signed::{Domain, EdgeKey, SignedValue, Statement};
use crate::edge::{Edge, Message};
use crate::effect::RunId;
use crate::ext::view;
use crate::frame::Frame;
use crate::machine::ProtocolMachine;
use crate::resources::Resources;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{Digest, EdgeId, Fault, MessageError, Planted, SessionId, planted};
use serde::{Deserialize, Serialize};

/// How much is kept of what was sent on an edge whose messages are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeHistory {
    /// What its root needs: a digest for each power of two in the count.
    #[default]
    Frontier,
    /// Every message, so that each can be proved to have been sent.
    Full,
}

/// What a configuration says of looking at messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchRules {
    pub(crate) mode: CommunicationReplayMode,
    pub(crate) authentication: Authentication,
    pub(crate) history: EdgeHistory,
    /// Whether no message overwrites another, so that numbers have no gaps.
    pub(crate) exact: bool,
    /// Whether artifacts are kept.
    pub(crate) artifacts: bool,
    pub(crate) run: RunId,
    /// The keys of each image's edges, by the image's place.
    pub(crate) keys: Vec<KeyTable>,
}

impl WatchRules {
    /// Whether messages are looked at at all.
    pub(crate) fn on(&self) -> bool {
        self.mode != CommunicationReplayMode::Off || self.authentication != Authentication::None
    }
}

/// A message's whole number, from its low half and from how many were sent.
fn whole(sent: u64, low: u32) -> u64 {
    let last = sent.wrapping_sub(1);
    last.wrapping_sub(u64::from((last as u32).wrapping_sub(low)))
}

impl Frame<'_> {
    /// What is kept of an edge of the session that stands in the frame.
    fn edge_ledger(&mut self, edge: EdgeId) -> Option<&mut EdgeLedger> {
        let (number, edges) = (self.about.number(), self.edges.len());
        self.ext.get_or_insert_default().ledger.get_or_insert_default().edge_mut(number, edge, edges)
    }

    fn statement(&self, edge: EdgeId, message: Message, sequence: u64) -> Statement {
        let payload = self.payload_digest(message);
        let (run, image, session) = (self.images.watch.run, self.image.digest(), self.about);
        Statement { run, image, session, edge, label: message.label, sequence, payload }
    }

    fn payload_digest(&self, message: Message) -> Digest {
        let value = view(self.ext.as_deref(), self.session, message.tag, message.word);
        Domain::Value.hash(|into| value.to_value().digest(into))
    }

    fn key(&self, edge: EdgeId) -> Option<EdgeKey<'_>> {
        let image = self.images.iter().position(|image| core::ptr::eq(&**image, self.image));
        self.images.watch.keys.get(image?)?.of(edge)
    }

    /// A message was put on an edge: it is signed, and joins the edge's history.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_sent(&mut self, edge: EdgeId, message: Message, overwrote: bool) {
        let sequence = Edge::of(self.edges, edge).sent().wrapping_sub(1);
        let full = self.images.watch.history == EdgeHistory::Full;
        let statement = self.statement(edge, message, sequence);
        let signature = self.key(edge).map(|key| key.sign(&statement.digest()));
        let Some(kept) = self.edge_ledger(edge) else { return };
        let Some(signature) = signature else { return };
        if overwrote && !planted(Planted::OverwriteKeepsSignature) {
            kept.signatures.pop_back();
        }
        kept.signatures.push_back(signature);
        if !planted(Planted::HistoryMissesOverwrites) || !overwrote {
            kept.history.append(&SignedValue { statement, signature }.digest());
        }
        if full {
            kept.sent.push(Sent { label: message.label, payload: statement.payload, signature });
        }
    }

    /// Looks at an edge's first message before it is taken.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_at(&mut self, edge: EdgeId, message: Message, kind: StepKind) -> Result<(), Box<Fault>> {
        let images = self.images;
        let rules = &images.watch;
        let (sent, low) = {
            let edge = Edge::of(self.edges, edge);
            (edge.sent(), edge.first_number())
        };
        let sequence = whole(sent, low);
        let sender = self.sender(edge);
        let session = self.about;
        let refuse = |why| Err(Box::new(Fault::Verification { session, edge, sender, sequence, why }));
        let exact = rules.exact;
        let Some(kept) = self.edge_ledger(edge) else { return refuse(MessageError::Unsigned) };
        let next = kept.next;
        let signature = kept.signatures.front().copied();
        if rules.authentication != Authentication::None {
            let Some(signature) = signature else { return refuse(MessageError::Unsigned) };
            let statement = self.statement(edge, message, sequence).digest();
            let verifies = self.key(edge).is_some_and(|key| key.verifies(&statement, &signature));
            if !verifies && !planted(Planted::SignatureUnchecked) {
                return refuse(MessageError::Signature);
            }
        }
        let in_place = if exact { sequence == next } else { next <= sequence && sequence < sent };
        if rules.mode == CommunicationReplayMode::Sequence && !in_place && !planted(Planted::SequenceUnchecked) {
            return refuse(MessageError::SequenceMismatch { expected: next });
        }
        if rules.authentication != Authentication::None && !in_place && !planted(Planted::SignatureAnywhere) {
            return refuse(MessageError::OutOfPlace { expected: next });
        }
        let identity = (rules.mode != CommunicationReplayMode::Off).then(|| CommunicationIdentity {
            sid: session,
            sender: String::from(self.image.role_name(sender)),
            receiver: String::from(self.image.role_name(self.receiver(edge))),
            step_kind: kind,
            label: String::from(self.image.label_name(message.label)),
            payload_digest: self.payload_digest(message),
            sequence_no: sequence,
        });
        if rules.mode == CommunicationReplayMode::Nullifier
            && let Some(identity) = &identity
            && self.is_consumed(identity)
        {
            return refuse(MessageError::Duplicate);
        }
        if let Some(ledger) = self.ledger() {
            ledger.looked = Some(Box::new(Looked { number: sequence, identity }));
        }
        Ok(())
    }

    pub(crate) fn ledger(&mut self) -> Option<&mut Ledger> {
        self.ext.as_mut().and_then(|ext| ext.ledger.as_deref_mut())
    }

    fn is_consumed(&mut self, identity: &CommunicationIdentity) -> bool {
        let Some(id) = identity.nullifier() else { return true };
        if planted(Planted::NullifierUnchecked) {
            return false;
        }
        let session = self.session;
        let withheld = self.ledger().is_some_and(|ledger| ledger.nullified.contains(&id));
        withheld || self.out.resources.as_deref().is_some_and(|resources| resources.is_consumed(session, &id))
    }

    /// The message that was looked at is taken: nothing can keep it any more.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_taken(&mut self, edge: EdgeId) -> Result<(), Box<Fault>> {
        let (mode, speculates) = (self.images.watch.mode, self.speculation().is_some());
        let Some(looked) = self.ledger().and_then(|ledger| ledger.looked.take()) else { return Ok(()) };
        if let Some(kept) = self.edge_ledger(edge) {
            if !planted(Planted::SequenceStays) {
                kept.next = looked.number.wrapping_add(1);
            }
            kept.signatures.pop_front();
        }
        let Some(identity) = looked.identity else { return Ok(()) };
        let Some(ledger) = self.ledger() else { return Ok(()) };
        let pre_root = ledger.root;
        ledger.root = consumption_root(&pre_root, mode, &identity.digest());
        let consumed = Consumed { identity, pre_root, post_root: ledger.root };
        if speculates && !planted(Planted::SpeculationConsumes) {
            if mode == CommunicationReplayMode::Nullifier {
                ledger.nullified.extend(consumed.identity.nullifier());
            }
            ledger.withheld.push(consumed);
            return Ok(());
        }
        self.consume(consumed)
    }

    /// A message was consumed and nothing can take that back: its nullifier is, and its artifact goes out.
    fn consume(&mut self, consumed: Consumed) -> Result<(), Box<Fault>> {
        let images = self.images;
        let mode = images.watch.mode;
        let Consumed { identity, pre_root, post_root } = consumed;
        if mode == CommunicationReplayMode::Nullifier && !planted(Planted::NullifierForgotten) {
            let session = self.session;
            let resources = self.out.resources.get_or_insert_with(Resources::untouched);
            // It was looked for before, and nothing has happened since.
            if resources.nullify(session, &identity).is_err() {
                let (session, sequence) = (identity.sid, identity.sequence_no);
                let (edge, sender) = (EdgeId(0), self.role());
                let why = MessageError::Duplicate;
                return Err(Box::new(Fault::Verification { session, edge, sender, sequence, why }));
            }
        }
        if images.watch.artifacts {
            let tick = self.context.tick;
            self.out.consumptions.push(ConsumptionArtifact { tick, identity, mode, pre_root, post_root });
        }
        Ok(())
    }

    /// The outermost speculation was joined: what was consumed in it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle_consumed(&mut self) -> Result<(), Box<Fault>> {
        let Some(ledger) = self.ledger() else { return Ok(()) };
        ledger.nullified.clear();
        let withheld = core::mem::take(&mut ledger.withheld);
        withheld.into_iter().try_for_each(|consumed| self.consume(consumed))
    }
}

/// Why a message cannot be proved to have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// There is no such session, or it has ended, or nothing was ever sent on such an edge.
    #[error("{0} has no history of {1}: it has ended, nothing was sent there, or messages are not signed")]
    None(SessionId, EdgeId),
    /// Histories are kept as their roots need them.
    #[error("histories are kept as their roots need them; `edge_history` must be `Full` for proofs")]
    NotKept,
    /// Fewer messages were sent.
    #[error("{count} messages were sent on {edge}; there is no message {index}")]
    NotSent {
        /// The edge.
        edge: EdgeId,
        /// How many there are.
        count: u64,
        /// Which was asked for.
        index: u64,
    },
}

impl ProtocolMachine {
    /// What the island of a live session keeps of its messages; none when nothing was ever sent in it, or messages are not
    /// looked at.
    pub fn ledger(&self, session: SessionId) -> Option<&Ledger> {
        self.live(session.host())?.0.ext.as_deref()?.ledger.as_deref()
    }

    /// How many messages were ever sent on an edge, and the root of their history.
    pub fn edge_history(&self, session: SessionId, edge: EdgeId) -> Option<(u64, Digest)> {
        self.ledger(session)?.history(session.number(), edge).filter(|(count, _)| *count > 0)
    }

    /// The so-manieth message that was sent on an edge, and a proof that the edge's history has it.
    pub fn prove_sent(
        &self,
        session: SessionId,
        edge: EdgeId,
        index: u64,
    ) -> Result<(SignedValue, AuthProof), HistoryError> {
        let none = HistoryError::None(session, edge);
        let kept = self.ledger(session).and_then(|ledger| ledger.edge(session.number(), edge)).ok_or(none)?;
        if self.config.edge_history != EdgeHistory::Full {
            return Err(HistoryError::NotKept);
        }
        let (main, image) = self.live(session.host()).ok_or(none)?;
        let image = match session.number() {
            0 => image.digest(),
            number => {
                let growth = main.ext.as_deref().and_then(|ext| ext.growth.as_deref());
                let guest = growth.and_then(|growth| Some(&growth.guests[growth.place(number)?])).ok_or(none)?;
                self.images.get(guest.image as usize).ok_or(none)?.digest()
            }
        };
        let run = self.config.run_id;
        let signed = |(sequence, sent): (u64, &Sent)| {
            let Sent { label, payload, signature } = *sent;
            SignedValue { statement: Statement { run, image, session, edge, label, sequence, payload }, signature }
        };
        let all: Vec<SignedValue> = (0..).zip(&kept.sent).map(signed).collect();
        let mut tree = AuthTree::default();
        all.iter().for_each(|value| tree.append(&value.digest()));
        let value = usize::try_from(index).ok().and_then(|at| all.get(at).copied());
        let not_sent = HistoryError::NotSent { edge, count: tree.count(), index };
        value.zip(tree.prove(index)).ok_or(not_sent)
    }

    /// What is kept of messages that were received, in commit order, and how many more there were. It stays where it is.
    pub fn consumptions(&self) -> (impl Iterator<Item = &ConsumptionArtifact>, u64) {
        (self.consumptions.iter(), self.consumptions.lost())
    }

    /// Takes what was kept of messages that were received since it was last taken, in commit order, and how many more there
    /// were than [`max_consumptions`](crate::ProtocolMachineConfig::max_consumptions) allows.
    pub fn drain_consumptions(&mut self) -> (Vec<ConsumptionArtifact>, u64) {
        self.consumptions.take()
    }
}
