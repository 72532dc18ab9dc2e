//! Sending and receiving: `Send`, `Offer`, `Receive`, `Choose`.

use crate::edge::{BackpressurePolicy, BufferConfig, BufferMode, Edge, Message};
use crate::effect::{EffectHandler, EffectOutcome, EffectResponse, SendDecision};
use crate::host::{Question, refused};
use crate::image::{BranchRow, KIND_RECV, KIND_SEND};
use crate::session::{Gate, TAG_ENDPOINT, store, view};
use crate::step::{Frame, Outcome, Step};
use alloc::boxed::Box;
use motet_types::{EdgeId, EffectKind, EventKind, Fault, LabelId, Planted, RoleId, ValType, planted};

/// How many messages an edge holds before its policy applies. A growing edge's memory grows by itself.
fn capacity(buffer: &BufferConfig) -> usize {
    usize::from(match buffer.policy {
        BackpressurePolicy::Resize { max } => max.max(buffer.capacity),
        _ => buffer.capacity,
    })
}

const fn val_type(tag: u8) -> ValType {
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

    fn sender(&self, edge: EdgeId) -> RoleId {
        RoleId(self.image.parts.edges[edge.index()].sender)
    }

    /// Whether a product of the image's own making has its label's sort, components included.
    fn compound_fits(&self, label: LabelId, tag: u8, word: u64) -> bool {
        let value = view(self.ext.as_deref(), self.session, tag, word).to_value();
        value.has_sort(self.image.sorts(), self.image.label_sort(label))
    }

    /// Leaves a message out. The types must not notice: the branch leads from a state to itself at both ends.
    fn drop_send(&mut self, branch: BranchRow, edge: EdgeId, reason: &'static str) -> Step {
        if !branch.elastic() && !planted(Planted::StepDropAdvances) {
            return Err(Box::new(Fault::BufferFull { edge, reason }));
        }
        self.out.dropped += 1;
        self.pc += 1;
        Ok(Outcome::Ran)
    }
}

/// `Send`, and `Offer` when there is a label: checks, asks, then enqueues, wakes, advances and records together.
#[inline(always)]
pub(crate) fn send<H: EffectHandler + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    chan: u16,
    val: u16,
    offered: Option<LabelId>,
) -> Step {
    let (role, state) = frame.endpoint(chan)?;
    let branches = frame.image.branches_of(state);
    let branch = match offered {
        None => branches.first(),
        Some(label) => branches.iter().find(|branch| branch.label() == label),
    };
    let branch = match branch {
        Some(branch) if state.kind() == KIND_SEND => *branch,
        Some(_) => return Err(Box::new(Fault::Action)),
        None => return Err(Box::new(Fault::UnknownLabel { label: offered.unwrap_or_default() })),
    };
    let (mut tag, mut word) = frame.read(val);
    let (label, edge) = (branch.label(), state.edge());
    if tag != branch.tag() || branch.compound() && !frame.compound_fits(label, tag, word) {
        return Err(Box::new(Fault::Payload { label, found: val_type(tag) }));
    }
    let buffer = frame.context.buffer;
    let overwrites = buffer.mode == BufferMode::LatestValue && branch.elastic();
    let room = Edge::of(frame.edges, edge).header().len() < capacity(&buffer);
    if !(room || overwrites && Edge::of(frame.edges, edge).last_is(label, frame.ext)) {
        return match buffer.policy {
            BackpressurePolicy::Block => {
                Edge::of(frame.edges, edge).wait_to_send(frame.coroutine);
                Ok(Outcome::Blocked(Gate::Room(edge)))
            }
            BackpressurePolicy::Drop => frame.drop_send(branch, edge, "it was full and its policy is to drop"),
            _ => Err(Box::new(Fault::BufferFull { edge, reason: "it was full" })),
        };
    }
    let mut replaced = false;
    if frame.context.wants.contains(EffectKind::SendDecision) {
        let partner = frame.receiver(edge);
        match frame.ask(host, role, Question::Send { partner, label, tag, word }) {
            EffectOutcome::Success(EffectResponse::SendDecision(decision)) => match decision {
                SendDecision::Deliver => {}
                SendDecision::Replace(value) => {
                    frame.accept(EffectKind::SendDecision, label, &value)?;
                    (tag, word) = store(frame.ext, value);
                    replaced = true;
                }
                SendDecision::Drop => return frame.drop_send(branch, edge, "the host dropped the message"),
                SendDecision::Defer => return Ok(Outcome::Blocked(Gate::NextBurst)),
            },
            other => return Err(refused(EffectKind::SendDecision, other)),
        }
    }
    if !replaced {
        frame.retain(tag, word);
    }
    let message = Message { label, tag, word };
    let old = if overwrites { Edge::of(frame.edges, edge).overwrite_last(message, frame.ext) } else { None };
    match old {
        Some(old) => {
            frame.release(old.tag, old.word);
            frame.out.dropped += 1;
        }
        None => {
            let woken = Edge::of(frame.edges, edge).push(message, frame.ext);
            if !planted(Planted::StepNoWake) {
                frame.wake(woken);
            }
        }
    }
    if !planted(Planted::StepSendKeepsState) {
        frame.advance(role, branch.next());
    }
    frame.pc += 1;
    frame.event(EventKind::Sent, edge, label);
    if offered.is_some() {
        frame.event(EventKind::Offered, edge, label);
    }
    Ok(Outcome::Ran)
}

/// `Receive`, and `Choose` when there is a table.
#[inline(always)]
pub(crate) fn receive<H: EffectHandler + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    chan: u16,
    dst: u16,
    table: Option<u32>,
) -> Step {
    let (role, state) = frame.endpoint(chan)?;
    if state.kind() != KIND_RECV {
        return Err(Box::new(Fault::Action));
    }
    let edge = state.edge();
    let Some(message) = Edge::of(frame.edges, edge).peek() else {
        Edge::of(frame.edges, edge).wait_to_receive(frame.coroutine);
        return Ok(Outcome::Blocked(Gate::Message(edge)));
    };
    let branches = frame.image.branches_of(state);
    let Some(at) = branches.iter().position(|branch| branch.label() == message.label) else {
        return Err(Box::new(Fault::UnknownLabel { label: message.label }));
    };
    let branch = branches[at];
    let (dst, pc) = match table {
        None => (dst, frame.pc + 1),
        Some(table) => match frame.image.arms_of(table).get(at) {
            Some(arm) if !planted(Planted::StepWrongArm) => (arm.dst, arm.target),
            Some(_) => frame.image.arms_of(table).last().map_or((0, 0), |arm| (arm.dst, arm.target)),
            None => return Err(Box::new(Fault::UnknownLabel { label: message.label })),
        },
    };
    let (mut tag, mut word) = (message.tag, message.word);
    if frame.context.wants.contains(EffectKind::Receive) {
        let partner = frame.sender(edge);
        let question = Question::Receive { partner, label: message.label, tag, word };
        match frame.ask(host, role, question) {
            EffectOutcome::Success(EffectResponse::Receive(None)) => {}
            EffectOutcome::Success(EffectResponse::Receive(Some(value))) => {
                frame.accept(EffectKind::Receive, message.label, &value)?;
                frame.release(tag, word);
                (tag, word) = store(frame.ext, value);
            }
            other => return Err(refused(EffectKind::Receive, other)),
        }
    }
    let woken = Edge::of(frame.edges, edge).pop(frame.ext);
    frame.wake(woken);
    frame.write(dst, tag, word);
    frame.advance(role, branch.next());
    frame.pc = pc;
    *frame.received += 1;
    frame.event(EventKind::Received, edge, message.label);
    if table.is_some() {
        frame.event(EventKind::Chose, edge, message.label);
    }
    Ok(Outcome::Ran)
}
