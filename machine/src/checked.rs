//! Steps that are checked before they become visible, in a machine whose configuration asks for it. Nothing here runs in
//! any other.
//!
//! The step is taken, what it told and sent is digested, and the host or the machine says under which condition it stands.
//! If that condition is not admitted, the session ends, so what has to be undone is what outlives it: events, counts,
//! resources, receipts and artifacts, and which sessions the island had. Registers, types and messages end with it.

use crate::condition::{OBSERVABLE_OUTPUT, OutputConditionHint, spell};
use crate::edge::{Message, last_message};
use crate::ext::view;
use crate::frame::{Frame, Outcome, Step};
use crate::growth::Growth;
use crate::host::{Question, refused};
use crate::op::Op;
use crate::outcome::{EffectOutcome, EffectResponse};
use crate::reply::{Aside, Respondent};
use crate::resources::Mark;
use crate::step::step;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{
    CoroutineId, Digest, Digester, EdgeId, EffectFailureKind, EffectKind, Event, EventKind, Fault, Planted, planted,
};

/// The domain of an output's digest.
const OUTPUT: &str = "motet.output.v1";

/// What outlives a session whose step is refused, as it was before the step.
struct Before {
    pc: u32,
    /// How many bytes of events may stay: not those that a speculation withholds.
    events: usize,
    asks: usize,
    delegations: usize,
    consumptions: usize,
    dropped: u64,
    corrupted: u64,
    received: u32,
    resources: Option<Mark>,
    /// What the island has besides its main session; in a speculation, what it had before.
    growth: Option<Box<Growth>>,
}

impl Before {
    fn of(frame: &Frame<'_>) -> Self {
        let ext = frame.ext.as_deref();
        let speculation = ext.and_then(|ext| ext.speculation.as_deref());
        let growth = match speculation {
            Some(speculation) => speculation.levels.first().and_then(|level| level.growth.as_ref()),
            None => ext.and_then(|ext| ext.growth.as_ref()),
        };
        let out = &*frame.out;
        Self {
            pc: frame.pc,
            events: if speculation.is_some() { frame.withheld_at } else { out.events.len() },
            asks: out.asks.len(),
            delegations: out.delegations.len(),
            consumptions: out.consumptions.len(),
            dropped: out.dropped,
            corrupted: out.corrupted,
            received: frame.received,
            resources: out.resources.as_ref().map(|resources| resources.mark(frame.session)),
            growth: growth.cloned(),
        }
    }

    /// The step never happened, as far as anything of the session outlives it; nor did what a speculation withheld.
    fn undo(self, frame: &mut Frame<'_>) {
        frame.pc = self.pc;
        if !planted(Planted::OutputsRefusedCount) {
            frame.received = self.received;
        }
        let out = &mut *frame.out;
        if !planted(Planted::OutputsRefusedTold) {
            out.events.truncate(self.events);
        }
        out.asks.truncate(self.asks);
        out.delegations.truncate(self.delegations);
        out.consumptions.truncate(self.consumptions);
        (out.dropped, out.corrupted) = (self.dropped, self.corrupted);
        if !planted(Planted::OutputsRefusedResources) {
            match (&mut out.resources, self.resources) {
                (Some(resources), Some(mark)) => resources.back_to(mark, frame.session),
                (resources, _) => *resources = None,
            }
        }
        if let Some(ext) = frame.ext.as_mut() {
            ext.speculation = None;
            if !planted(Planted::OutputsRefusedGuests) {
                ext.growth = self.growth;
            }
        }
        frame.tracing = frame.context.trace;
    }
}

/// Whether the instruction never tells anything.
const fn is_silent(op: &Op) -> bool {
    matches!(
        op,
        Op::Set { .. }
            | Op::SetOwned { .. }
            | Op::Move { .. }
            | Op::Jump { .. }
            | Op::Branch { .. }
            | Op::Yield { .. }
            | Op::Decide { .. }
            | Op::DecideThrough { .. }
            | Op::Cast { .. }
            | Op::Spawn { .. }
            | Op::Unreachable
    )
}

/// One step, checked if it is visible.
pub(crate) fn step_checked<H: Respondent + ?Sized>(frame: &mut Frame<'_>, host: &H) -> Step {
    let op = frame.image.ops.get(frame.pc as usize).copied();
    let silent = op.as_ref().is_none_or(is_silent);
    if silent || !frame.images.outputs.is_on() {
        return step(frame, host);
    }
    let asks = frame.context.wants.contains(EffectKind::OutputConditionHint);
    let before = (asks || frame.images.outputs.refuses()).then(|| Before::of(frame));
    let (stood, depth) = (frame.out.events.len(), frame.depth());
    let outcome = step(frame, host)?;
    // What is undone is taken back first, and only its end is told.
    let told_at = match op {
        Some(Op::Abort { .. }) => frame.out.events.len().saturating_sub(8),
        _ => stood,
    };
    let unchecked = planted(Planted::OutputsUncheckedReceives) && matches!(op, Some(Op::Receive(_)));
    if matches!(outcome, Outcome::Blocked) || frame.out.events.len() <= told_at || unchecked {
        return Ok(outcome);
    }
    let digest = frame.output_digest(told_at);
    let hint = match if asks { frame.hint(host, &digest) } else { Ok(None) } {
        Ok(hint) => hint.unwrap_or_else(|| OutputConditionHint { predicate: OBSERVABLE_OUTPUT.into(), witness: None }),
        Err(fault) => {
            before.into_iter().for_each(|before| before.undo(frame));
            return Err(fault);
        }
    };
    let passed = frame.images.outputs.admits(&hint.predicate);
    match before.filter(|_| !passed) {
        None => {
            frame.tell_check(&digest, &hint, true);
            frame.check_stands_outside(depth);
            Ok(outcome)
        }
        Some(before) => {
            before.undo(frame);
            frame.tell_check(&digest, &hint, false);
            Err(Box::new(Fault::OutputCondition { predicate: hint.predicate }))
        }
    }
}

impl Frame<'_> {
    /// How many speculations are open.
    fn depth(&self) -> usize {
        let open = self.ext.as_deref().and_then(|ext| ext.speculation.as_deref());
        open.map_or(0, |speculation| speculation.levels.len())
    }

    /// The check of a `Fork` is no part of the speculation that it begins.
    fn check_stands_outside(&mut self, depth: usize) {
        if self.depth() <= depth || planted(Planted::OutputsForkInside) {
            return;
        }
        let end = self.out.events.len();
        if depth == 0 {
            self.withheld_at = end;
        }
        let events = end - self.withheld_at;
        if let Some(level) = self.speculation().and_then(|speculation| speculation.levels.last_mut()) {
            level.events = events;
        }
    }

    fn tell_check(&mut self, digest: &Digest, hint: &OutputConditionHint, passed: bool) {
        if self.tracing {
            Event::text(&spell(digest, hint)).for_each(|word| self.out.event(word));
            let coroutine = CoroutineId(self.coroutine);
            self.out.event(Event::plain(EventKind::OutputConditionChecked, coroutine, u8::from(passed)));
        }
    }

    /// What the step told from there on, and the payload that it sent.
    fn output_digest(&self, told_at: usize) -> Digest {
        let told = self.out.events.get(told_at..).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.str(OUTPUT);
        hasher.bytes(&self.image.digest().0);
        hasher.u64(self.session.0);
        hasher.size(told.len() / 8);
        if !planted(Planted::OutputsDigestSkipsEvents) {
            hasher.bytes(told);
        }
        let sent = self.sent_in(told).filter(|_| !planted(Planted::OutputsDigestSkipsPayload));
        hasher.u8(u8::from(sent.is_some()));
        if let Some(message) = sent {
            let mut payload = Vec::new();
            view(self.ext.as_deref(), self.session, message.tag, message.word).to_value().digest(&mut payload);
            hasher.size(payload.len());
            hasher.bytes(&payload);
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// The message whose sending these words tell: the last one on its edge.
    fn sent_in(&self, told: &[u8]) -> Option<Message> {
        let mut guest = 0;
        let (words, _) = told.as_chunks::<8>();
        for event in words.iter().filter_map(|word| Event::unpack(u64::from_le_bytes(*word))) {
            match event.kind {
                EventKind::Guest => guest = event.ghost(),
                EventKind::Sent => return self.last_on(guest, event.edge),
                _ => guest = 0,
            }
        }
        None
    }

    fn last_on(&self, guest: u32, edge: EdgeId) -> Option<Message> {
        let ext = self.ext.as_deref();
        if guest == 0 {
            return last_message(self.edges.get(edge.index())?, edge, ext.map_or(&[], |ext| &ext.overflow));
        }
        let growth = ext.and_then(|ext| ext.growth.as_deref())?;
        let guest = &growth.guests[growth.place(guest)?];
        last_message(guest.edges.get(edge.index())?, edge, &guest.overflow)
    }

    /// What the host says of the output; nothing may be anything.
    #[inline(never)]
    fn hint<H: Respondent + ?Sized>(
        &mut self,
        host: &H,
        output: &Digest,
    ) -> Result<Option<OutputConditionHint>, Box<Fault>> {
        let (kind, role, mut aside) = (EffectKind::OutputConditionHint, self.role(), Aside::default());
        match self.ask(host, role, Question::Output { output }, &mut aside).outcome(&mut aside) {
            EffectOutcome::Success(EffectResponse::OutputConditionHint(hint)) => {
                if hint.as_deref().is_none_or(OutputConditionHint::is_sound) {
                    return Ok(hint.map(|hint| *hint));
                }
                let message = String::from("a predicate or a witness is empty, too long, or has control characters");
                Err(Box::new(Fault::Invoke {
                    effect: kind.name(),
                    kind: EffectFailureKind::ContractViolation,
                    message,
                }))
            }
            other => Err(refused(kind, other)),
        }
    }
}
