//! Asking the host from inside a burst: `Decide`, `Invoke`, and the questions of sends and receives.

use crate::effect::{Asked, EffectCoordinate, EffectRequest, EffectRequestBody, Labels, Registers};
use crate::ext::{Payload, store, view};
use crate::frame::{Frame, Outcome, Step};
use crate::op::{Arms, Comm};
use crate::outbox::{Ask, Wanted};
use crate::outcome::{EffectOutcome, EffectResponse};
use crate::reply::{Aside, Reply, Respondent, Says};
use crate::session::Gate;
use crate::tape::encode_effect;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use motet_types::{
    CoroutineId, Digest, EdgeId, EffectFailureKind, EffectKind, EffectRow, EventKind, Fault, LabelId, LayerId, Planted,
    RoleId, SortId, Value, planted,
};

/// A question to the host, before it borrows from the session.
pub(crate) enum Question<'a> {
    Send { partner: RoleId, label: LabelId, tag: u8, word: u64 },
    Receive { partner: RoleId, label: LabelId, tag: u8, word: u64 },
    Choose { partner: RoleId, rows: &'a [Comm] },
    Invoke { effect: EffectRow, tag: u8, word: u64 },
    Release { layer: LayerId, evidence: &'a Value, resource: &'a Digest },
    Output { output: &'a Digest },
}

/// A host that broke its contract.
fn broken(kind: EffectKind, message: String) -> Box<Fault> {
    Box::new(Fault::Invoke { effect: kind.name(), kind: EffectFailureKind::ContractViolation, message })
}

/// The fault for an answer that an immediate effect may not have.
#[cold]
pub(crate) fn refused(kind: EffectKind, outcome: EffectOutcome) -> Box<Fault> {
    match outcome {
        EffectOutcome::Failure(failure) => {
            Box::new(Fault::Invoke { effect: kind.name(), kind: failure.kind, message: failure.message })
        }
        EffectOutcome::Blocked | EffectOutcome::Pending => {
            broken(kind, String::from("an immediate effect must be answered at once"))
        }
        EffectOutcome::Success(_) => broken(kind, String::from("the answer belongs to another kind of effect")),
    }
}

#[cold]
fn exhausted(aside: &mut Aside) -> Reply {
    let outcome = EffectOutcome::failure(EffectFailureKind::ContractViolation, "it has asked 2^32 times");
    Reply::new(outcome, aside)
}

impl Frame<'_> {
    fn coordinate(&self) -> EffectCoordinate {
        EffectCoordinate { session: self.session, coroutine: CoroutineId(self.coroutine), counter: self.counter }
    }

    /// Asks, counts, and records the answer. Inlined, because the question is larger than registers.
    #[inline(always)]
    pub(crate) fn ask<H: Respondent + ?Sized>(
        &mut self,
        host: &H,
        role: RoleId,
        question: Question<'_>,
        aside: &mut Aside,
    ) -> Reply {
        let coordinate = self.coordinate();
        let ext = self.ext.as_deref();
        let session = self.session;
        let body = match question {
            Question::Send { partner, label, tag, word } => {
                EffectRequestBody::SendDecision { partner, label, payload: Payload::new(ext, session, tag, word) }
            }
            Question::Receive { partner, label, tag, word } => {
                EffectRequestBody::Receive { partner, label, payload: Payload::new(ext, session, tag, word) }
            }
            Question::Choose { partner, rows } => EffectRequestBody::Choose { partner, labels: Labels { rows } },
            Question::Invoke { effect, tag, word } => {
                EffectRequestBody::InvokeStep { effect, argument: Payload::new(ext, session, tag, word) }
            }
            Question::Release { layer, evidence, resource } => {
                EffectRequestBody::Release { layer, evidence: evidence.into(), resource }
            }
            Question::Output { output } => EffectRequestBody::OutputConditionHint { output },
        };
        let asked = Asked {
            coordinate,
            session: self.about,
            role,
            tick: self.context.tick,
            body,
            state: Registers {
                session,
                tags: &self.coros[self.tags_at..self.regs_at],
                words: &self.coros[self.regs_at..self.regs_at + usize::from(self.registers)],
                ext,
            },
            image: self.image,
            run: &self.context.run,
        };
        // Ids must not repeat: a coroutine that has asked that often may not ask again.
        let reply = match self.counter {
            u32::MAX => exhausted(aside),
            _ => host.respond(EffectRequest(&asked), aside),
        };
        let recorded = self.context.record.then(|| (asked.kind(), asked.subject()));
        if !planted(Planted::StepCounterStays) {
            self.counter = self.counter.saturating_add(1);
        }
        match recorded {
            None => reply,
            Some((kind, subject)) => {
                let outcome = reply.outcome(aside);
                encode_effect(&mut self.out.inputs, coordinate, kind, subject, &outcome);
                Reply::new(outcome, aside)
            }
        }
    }

    /// The answer to the effect that the coroutine waited for, once.
    pub(crate) fn late_answer(&mut self) -> Option<EffectOutcome> {
        let ext = self.ext.as_mut()?;
        let at = ext.answers.iter().position(|(of, _)| of.0 == self.coroutine)?;
        let answer = ext.answers.swap_remove(at);
        if let Some(innermost) = ext.speculation.as_mut().and_then(|open| open.levels.last_mut()) {
            innermost.spent.push(answer.clone());
        }
        Some(answer.1)
    }

    /// Has an effect asked outside the wave, and waits for it; none when the coroutine has asked too often.
    pub(crate) fn defer(&mut self, wanted: Wanted, gate: Gate) -> Option<Step> {
        let coordinate = self.coordinate();
        self.counter = self.counter.checked_add(1)?;
        self.out.asks.push(Ask { coordinate, role: self.role(), wanted });
        Some(self.block(gate))
    }

    /// Whether a host's value may stand where the label's payload does.
    pub(crate) fn accept(&self, kind: EffectKind, label: LabelId, value: &Value) -> Result<(), Box<Fault>> {
        self.has_sort(kind, self.image.label_sort(label), value, self.image.label_name(label))
    }

    fn has_sort(&self, kind: EffectKind, sort: SortId, value: &Value, what: &str) -> Result<(), Box<Fault>> {
        let sorts = self.image.sorts();
        if !value.has_sort(sorts, sort) && !planted(Planted::StepHostSort) {
            let (needed, found) = (sorts.display(sort), value.val_type());
            return Err(broken(kind, format!("the value for {what} must be {needed}, not {found:?}")));
        }
        let (size, limit) = (value.wire_size(), self.context.max_payload);
        if size > limit && !planted(Planted::StepAnySize) {
            return Err(broken(kind, format!("a value of {size} bytes for {what}; the limit is {limit}")));
        }
        Ok(())
    }
}

#[inline(never)]
/// Asks which label to send; the code goes on at that label's arm. The label itself is sent by the `Offer` there.
pub(crate) fn decide<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    arms: Arms,
    state: u32,
    edge: EdgeId,
) -> Step {
    let role = frame.monitor(state)?;
    let rows = frame.image.arms(arms);
    let at = decide_among(frame, host, role, rows, edge)?;
    frame.pc = rows[at].pc;
    Ok(Outcome::Ran)
}

/// Asks which of the rows' labels a role sends; answers its position, which is one.
pub(crate) fn decide_among<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    role: RoleId,
    rows: &[Comm],
    edge: EdgeId,
) -> Result<usize, Box<Fault>> {
    let kind = EffectKind::Choose;
    let at = if frame.context.wants.contains(kind) {
        let partner = frame.receiver(edge);
        let mut aside = Aside::default();
        let reply = frame.ask(host, role, Question::Choose { partner, rows }, &mut aside);
        match reply.says {
            Says::Choose if planted(Planted::StepFirstChosen) => 0,
            Says::Choose => reply.word as usize,
            _ => return Err(refused(kind, reply.outcome(&mut aside))),
        }
    } else {
        // The machine does not decide for a role. A runtime refuses to run such an image without a host for it.
        let message = String::from("nobody decides: the host does not want `choose`");
        return Err(Box::new(Fault::Invoke { effect: kind.name(), kind: EffectFailureKind::Unavailable, message }));
    };
    match rows.len() {
        count if at < count => Ok(at),
        count => Err(broken(kind, format!("label number {at} was chosen where there are {count}"))),
    }
}

#[inline(never)]
/// Performs a host effect: inside the burst, or, when it may block, outside the wave.
pub(crate) fn invoke<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    arg: u16,
    dst: u16,
    effect: EffectRow,
    pc: u32,
) -> Step {
    let kind = EffectKind::InvokeStep;
    let part = &frame.image.parts.effects[effect.index()];
    let (tag, word) = frame.read(arg);
    let role = frame.role();
    let outcome = if part.may_block {
        match frame.late_answer() {
            Some(outcome) => outcome,
            None => {
                frame.outside_speculation()?;
                let argument = view(frame.ext.as_deref(), frame.session, tag, word).to_value();
                let asked = frame.defer(Wanted::Answer { effect, argument }, Gate::Answer);
                return asked.unwrap_or_else(|| Err(broken(kind, String::from("it has asked 2^32 times"))));
            }
        }
    } else if frame.context.wants.contains(kind) {
        let mut aside = Aside::default();
        frame.ask(host, role, Question::Invoke { effect, tag, word }, &mut aside).outcome(&mut aside)
    } else {
        // Only an effect that answers nothing has an answer of the machine's own.
        EffectOutcome::accept(kind)
    };
    let value = match outcome {
        EffectOutcome::Success(EffectResponse::InvokeStep(value)) => value,
        other => return Err(refused(kind, other)),
    };
    frame.has_sort(kind, SortId(part.answer), &value, &part.operation)?;
    let (tag, word) = store(frame.ext, value);
    if !planted(Planted::StepAnswerUnwritten) {
        frame.write(dst, tag, word);
    }
    frame.event(EventKind::Invoked, EdgeId(0), LabelId(effect.0));
    frame.pc = pc;
    Ok(Outcome::Ran)
}
