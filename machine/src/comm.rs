//! Sending and receiving: `Send`, `Offer`, `Receive`, `Choose`.

use crate::auth::identity::StepKind;
use crate::edge::{BackpressurePolicy, Edge, Message};
use crate::ext::{TAG_ENDPOINT, store, view};
use crate::frame::{Frame, Outcome, Step};
use crate::host::{Question, refused};
use crate::op::{Arms, Comm};
use crate::outcome::{EffectOutcome, EffectResponse, SendDecision};
use crate::reply::{Aside, Respondent, Says};
use crate::session::Gate;
use alloc::boxed::Box;
use motet_types::{EdgeId, EffectKind, EventKind, Fault, LabelId, Planted, RoleId, ValType, planted};

pub(crate) const fn val_type(tag: u8) -> ValType {
    match tag {
        0 => ValType::Unit,
        1 => ValType::Nat,
        2 => ValType::Bool,
        TAG_ENDPOINT => ValType::Endpoint,
        4 => ValType::Str,
        _ => ValType::Prod,
    }
}

impl Frame<'_> {
    /// The receiver of the edge's messages.
    pub(crate) fn receiver(&self, edge: EdgeId) -> RoleId {
        RoleId(self.image.parts.edges[edge.index()].receiver)
    }

    pub(crate) fn sender(&self, edge: EdgeId) -> RoleId {
        RoleId(self.image.parts.edges[edge.index()].sender)
    }

    /// Whether a product has its label's sort, components included.
    #[cold]
    fn compound_fits(&self, label: LabelId, tag: u8, word: u64) -> bool {
        let value = view(self.ext.as_deref(), self.session, tag, word).to_value();
        value.has_sort(self.image.sorts(), self.image.label_sort(label))
    }

    /// Leaves a message out. The types must not notice: at both ends the branch leads to a state that nobody can tell from
    /// the one before.
    #[cold]
    fn drop_send(&mut self, role: RoleId, comm: &Comm, reason: &'static str) -> Step {
        if !comm.elastic() && !planted(Planted::StepDropAdvances) {
            return Err(Box::new(Fault::BufferFull { edge: comm.edge, reason }));
        }
        self.out.dropped += 1;
        self.advance(role, comm.next);
        // The others first: a sender whose messages go nowhere would never let its receiver run.
        self.pc = comm.pc;
        Ok(Outcome::Yielded)
    }

    /// The value that the host sends instead.
    #[cold]
    fn replace_sent(&mut self, label: LabelId, outcome: EffectOutcome) -> Result<(u8, u64), Box<Fault>> {
        match outcome {
            EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Replace(value))) => {
                self.accept(EffectKind::SendDecision, label, &value)?;
                Ok(store(self.ext, value))
            }
            other => Err(refused(EffectKind::SendDecision, other)),
        }
    }

    /// The value that the host keeps instead of the one that came.
    #[cold]
    fn replace_received(&mut self, message: Message, outcome: EffectOutcome) -> Result<(u8, u64), Box<Fault>> {
        match outcome {
            EffectOutcome::Success(EffectResponse::Receive(Some(value))) => {
                self.accept(EffectKind::Receive, message.label, &value)?;
                self.release(message.tag, message.word);
                Ok(store(self.ext, value))
            }
            other => Err(refused(EffectKind::Receive, other)),
        }
    }

    /// What a full edge does with the message: nothing has been changed or asked yet.
    #[cold]
    fn no_room(&mut self, role: RoleId, comm: &Comm) -> Step {
        let edge = comm.edge;
        match self.context.policy {
            _ if planted(Planted::StepFullFaults) => Err(Box::new(Fault::BufferFull { edge, reason: "it was full" })),
            BackpressurePolicy::Block => {
                Edge::of(self.edges, edge).wait_to_send(self.coroutine);
                self.block(Gate::Room(edge))
            }
            BackpressurePolicy::Drop => self.drop_send(role, comm, "it was full and its policy is to drop"),
            _ => Err(Box::new(Fault::BufferFull { edge, reason: "it was full" })),
        }
    }

    /// Overwrites the last message where the mode and the types allow it.
    #[cold]
    fn overwrite(&mut self, comm: &Comm, message: Message) -> bool {
        let old = Edge::of(self.edges, comm.edge).overwrite_last(message, self.ext);
        if let Some(old) = old {
            self.release(old.tag, old.word);
            self.out.dropped += 1;
        }
        old.is_some()
    }
}

/// `Send` and `Offer`.
#[inline(always)]
pub(crate) fn send<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, comm: &Comm) -> Step {
    let role = frame.monitor(comm.state)?;
    send_as(frame, host, role, comm)
}

/// The same for a role that the coroutine owns, whose type is in the state of the communication.
#[inline(always)]
pub(crate) fn send_as<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, role: RoleId, comm: &Comm) -> Step {
    let (label, edge) = (comm.label, comm.edge);
    // Verification has followed what every register holds, down to its kind of value; a product's parts it has not.
    let (tag, word) = (comm.tag, frame.word(comm.reg));
    debug_assert_eq!(tag, frame.tag(comm.reg), "a register holds what verification says");
    if comm.compound() && !frame.compound_fits(label, tag, word) {
        return Err(Box::new(Fault::Payload { label, found: val_type(tag) }));
    }
    let header = Edge::of(frame.edges, edge).header();
    let overwrites = frame.context.latest && comm.elastic();
    let one_more = usize::from(planted(Planted::StepOneTooMany));
    let room = header.len() < usize::from(frame.context.capacity) + one_more;
    if !(room || overwrites && Edge::of(frame.edges, edge).last_is(label, frame.ext)) {
        return look_or_wait(frame, host, role, comm);
    }
    deliver::<H, false>(frame, host, role, comm, (tag, word), overwrites)
}

/// A message that finds no room, or is looked at closely: then there is none for it in the burst's context.
#[cold]
#[inline(never)]
fn look_or_wait<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, role: RoleId, comm: &Comm) -> Step {
    let Some(close) = frame.context.close else { return frame.no_room(role, comm) };
    if frame.is_down(comm.edge) {
        return frame.block(Gate::Link(comm.edge));
    }
    let overwrites = close.latest && comm.elastic();
    let header = Edge::of(frame.edges, comm.edge).header();
    let room = header.len() < usize::from(close.capacity);
    if !(room || overwrites && Edge::of(frame.edges, comm.edge).last_is(comm.label, frame.ext)) {
        return frame.no_room(role, comm);
    }
    let sent = (comm.tag, frame.word(comm.reg));
    deliver::<H, true>(frame, host, role, comm, sent, overwrites)
}

/// Asks, then enqueues, wakes, advances and records together. There is room, or the last message is overwritten.
#[inline(always)]
fn deliver<H: Respondent + ?Sized, const CLOSELY: bool>(
    frame: &mut Frame<'_>,
    host: &H,
    role: RoleId,
    comm: &Comm,
    (mut tag, mut word): (u8, u64),
    overwrites: bool,
) -> Step {
    let (label, edge) = (comm.label, comm.edge);
    let mut replaced = false;
    if frame.context.wants.contains(EffectKind::SendDecision) {
        let mut aside = Aside::default();
        let partner = frame.receiver(edge);
        let reply = frame.ask(host, role, Question::Send { partner, label, tag, word }, &mut aside);
        match reply.says {
            Says::Deliver => {}
            Says::Drop if planted(Planted::StepDropIgnored) => {}
            Says::Drop => return frame.drop_send(role, comm, "the host dropped the message"),
            Says::Defer if planted(Planted::StepDeferIgnored) => {}
            Says::Defer => return frame.block(Gate::NextBurst),
            _ => {
                let other = frame.replace_sent(label, reply.outcome(&mut aside))?;
                replaced = !planted(Planted::StepReplacementUnused);
                if replaced {
                    (tag, word) = other;
                }
            }
        }
    }
    if !replaced {
        frame.retain(tag, word);
    }
    let sent = Message { label, tag, word };
    // What is sent is signed; what arrives may be another.
    let message = if CLOSELY { frame.on_its_way(edge, sent) } else { sent };
    let overwrote = overwrites && frame.overwrite(comm, message);
    if !overwrote {
        let woken = Edge::of(frame.edges, edge).push(message, frame.ext);
        if !planted(Planted::StepNoWake) {
            frame.wake(woken);
        }
    }
    if CLOSELY && frame.context.close.is_some_and(|close| close.watched) {
        frame.note_sent(edge, sent, overwrote);
    }
    if CLOSELY && (message.tag, message.word) != (tag, word) {
        frame.release(tag, word);
    }
    if !planted(Planted::StepSendKeepsState) {
        frame.advance(role, comm.next);
    }
    frame.pc = comm.pc;
    frame.event(EventKind::Sent, edge, label);
    if comm.offered() && !planted(Planted::StepOfferUntold) {
        frame.event(EventKind::Offered, edge, label);
    }
    // As with a message that is dropped, the receiver must have its turn.
    Ok(if overwrote && !planted(Planted::StepOverwritesOn) { Outcome::Yielded } else { Outcome::Ran })
}

/// `Receive`: the one label that may come.
#[inline(always)]
pub(crate) fn receive<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, comm: &Comm) -> Step {
    let role = frame.monitor(comm.state)?;
    accept_message(frame, host, role, comm.edge, comm)
}

/// The same for a role that the coroutine owns, whose type is in the state of the communication.
#[inline(always)]
pub(crate) fn accept_message<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    role: RoleId,
    edge: EdgeId,
    comm: &Comm,
) -> Step {
    let Some(message) = frame.incoming(edge) else {
        return frame.block(Gate::Message(edge));
    };
    if message.label != comm.label {
        return frame.strange(edge, message, StepKind::Receive);
    }
    take(frame, host, role, comm, message)
}

/// `Choose`: one of several labels; execution goes on at its arm.
#[inline(always)]
pub(crate) fn choose<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    arms: Arms,
    state: u32,
    edge: EdgeId,
) -> Step {
    let role = frame.monitor(state)?;
    let Some(message) = frame.incoming(edge) else {
        return frame.block(Gate::Message(edge));
    };
    let rows = frame.image.arms(arms);
    choose_among(frame, host, role, rows, message)
}

/// Takes the edge's first message for a role that the coroutine owns, whose type allows the communications of the rows.
#[inline(always)]
pub(crate) fn choose_among<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    role: RoleId,
    rows: &[Comm],
    message: Message,
) -> Step {
    let arm = match planted(Planted::StepWrongArm) {
        true => rows.last(),
        false => rows.iter().find(|arm| arm.label == message.label),
    };
    match arm {
        Some(arm) => take(frame, host, role, arm, message),
        None => match rows.first() {
            Some(first) => frame.strange(first.edge, message, StepKind::Choose),
            None => Err(Box::new(Fault::UnknownLabel { label: message.label })),
        },
    }
}

impl Frame<'_> {
    /// The edge's first message; when there is none, the coroutine is written down as waiting for it.
    #[inline(always)]
    pub(crate) fn incoming(&mut self, edge: EdgeId) -> Option<Message> {
        let mut edge = Edge::of(self.edges, edge);
        let message = edge.peek();
        if message.is_none() {
            edge.wait_to_receive(self.coroutine);
        }
        message
    }
}

impl Frame<'_> {
    /// A message whose label the type does not allow. One that was spoilt on its way is not its sender's doing.
    #[cold]
    #[inline(never)]
    fn strange(&mut self, edge: EdgeId, message: Message, kind: StepKind) -> Step {
        if self.images.watch.on() {
            self.look_at(edge, message, kind)?;
        }
        Err(Box::new(Fault::UnknownLabel { label: message.label }))
    }
}

/// Asks, then dequeues, wakes, writes, advances and records together.
#[inline(always)]
fn take<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H, role: RoleId, comm: &Comm, message: Message) -> Step {
    let (mut tag, mut word) = (message.tag, message.word);
    if frame.context.attended {
        let close = frame.context.close;
        let watched = close.is_some_and(|close| close.watched);
        if watched {
            let kind = if comm.offered() { StepKind::Choose } else { StepKind::Receive };
            frame.look_at(comm.edge, message, kind)?;
        }
        if close.is_some_and(|close| close.tampered) {
            frame.has_arrived(message)?;
        }
        if frame.context.wants.contains(EffectKind::Receive) {
            let mut aside = Aside::default();
            let partner = frame.sender(comm.edge);
            let question = Question::Receive { partner, label: message.label, tag, word };
            let reply = frame.ask(host, role, question, &mut aside);
            if reply.says != Says::Keep {
                let kept = frame.replace_received(message, reply.outcome(&mut aside))?;
                if !planted(Planted::StepKeptUnused) {
                    (tag, word) = kept;
                }
            }
        }
        if watched {
            frame.note_taken(comm.edge)?;
        }
    }
    let woken = Edge::of(frame.edges, comm.edge).pop(frame.ext);
    if !planted(Planted::StepRoomWakesNobody) {
        frame.wake(woken);
    }
    if !planted(Planted::StepPayloadUnwritten) {
        frame.write(comm.reg, tag, word);
    }
    if !planted(Planted::StepReceiveKeepsState) {
        frame.advance(role, comm.next);
    }
    frame.pc = comm.pc;
    frame.received += 1;
    frame.event(EventKind::Received, comm.edge, message.label);
    if comm.offered() && !planted(Planted::StepChoiceUntold) {
        frame.event(EventKind::Chose, comm.edge, message.label);
    }
    Ok(Outcome::Ran)
}
