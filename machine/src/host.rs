//! Asking the host from inside a burst: `Decide`, `Invoke`, and the questions of sends and receives.

use crate::effect::{Asked, EffectCoordinate, EffectHandler, EffectRequest, EffectRequestBody, Labels, Registers};
use crate::ext::{store, view};
use crate::frame::{Frame, Outcome, Step};
use crate::op::Arms;
use crate::outbox::Ask;
use crate::outcome::{EffectOutcome, EffectResponse};
use crate::session::Gate;
use crate::tape::encode_effect;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use motet_types::{
    CoroutineId, EdgeId, EffectFailureKind, EffectKind, EffectRow, EventKind, Fault, LabelId, Planted, RoleId, SortId,
    Value, planted,
};

/// A question to the host, before it borrows from the session.
pub(crate) enum Question {
    Send { partner: RoleId, label: LabelId, tag: u8, word: u64 },
    Receive { partner: RoleId, label: LabelId, tag: u8, word: u64 },
    Choose { partner: RoleId, arms: Arms },
    Invoke { effect: EffectRow, tag: u8, word: u64 },
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

impl Frame<'_> {
    fn coordinate(&self) -> EffectCoordinate {
        EffectCoordinate { session: self.session, coroutine: CoroutineId(self.coroutine), counter: self.counter }
    }

    /// Asks, counts, and records the answer. Inlined, because question and answer are larger than registers.
    #[inline(always)]
    pub(crate) fn ask<H: EffectHandler + ?Sized>(
        &mut self,
        host: &H,
        role: RoleId,
        question: Question,
    ) -> EffectOutcome {
        let coordinate = self.coordinate();
        let ext = self.ext.as_deref();
        let session = self.session;
        let body = match question {
            Question::Send { partner, label, tag, word } => {
                EffectRequestBody::SendDecision { partner, label, payload: view(ext, session, tag, word) }
            }
            Question::Receive { partner, label, tag, word } => {
                EffectRequestBody::Receive { partner, label, payload: view(ext, session, tag, word) }
            }
            Question::Choose { partner, arms } => {
                EffectRequestBody::Choose { partner, labels: Labels { rows: self.image.arms(arms) } }
            }
            Question::Invoke { effect, tag, word } => {
                EffectRequestBody::InvokeStep { effect, argument: view(ext, session, tag, word) }
            }
        };
        let asked = Asked {
            coordinate,
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
        let outcome = match self.counter {
            u32::MAX => EffectOutcome::failure(EffectFailureKind::ContractViolation, "it has asked 2^32 times"),
            _ => host.handle_effect(EffectRequest(&asked)).bounded(),
        };
        let recorded = self.context.record.then(|| (asked.kind(), asked.subject()));
        if !planted(Planted::StepCounterStays) {
            self.counter = self.counter.saturating_add(1);
        }
        if let Some((kind, subject)) = recorded {
            encode_effect(&mut self.out.inputs, coordinate, kind, subject, &outcome);
        }
        outcome
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
        if size > limit {
            return Err(broken(kind, format!("a value of {size} bytes for {what}; the limit is {limit}")));
        }
        Ok(())
    }
}

/// Asks which label to send; the code goes on at that label's arm. The label itself is sent by the `Offer` there.
pub(crate) fn decide<H: EffectHandler + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    arms: Arms,
    state: u32,
    edge: EdgeId,
) -> Step {
    let role = frame.monitor(state)?;
    let kind = EffectKind::Choose;
    let at = if frame.context.wants.contains(kind) {
        let partner = frame.receiver(edge);
        match frame.ask(host, role, Question::Choose { partner, arms }) {
            EffectOutcome::Success(EffectResponse::Choose(at)) => at,
            other => return Err(refused(kind, other)),
        }
    } else {
        // The machine does not decide for a role. A runtime refuses to run such an image without a host for it.
        let message = String::from("nobody decides: the host does not want `choose`");
        return Err(Box::new(Fault::Invoke { effect: kind.name(), kind: EffectFailureKind::Unavailable, message }));
    };
    match frame.image.arms(arms).get(at) {
        Some(arm) => {
            frame.pc = arm.pc;
            Ok(Outcome::Ran)
        }
        None => Err(broken(kind, format!("label number {at} was chosen where there are {}", arms.count))),
    }
}

/// Performs a host effect: inside the burst, or, when it may block, outside the wave.
pub(crate) fn invoke<H: EffectHandler + ?Sized>(
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
    let role = RoleId(frame.coroutine);
    let outcome = if part.may_block {
        let coroutine = CoroutineId(frame.coroutine);
        let answer = frame.ext.as_mut().and_then(|ext| {
            let at = ext.answers.iter().position(|(of, _)| *of == coroutine)?;
            Some(ext.answers.swap_remove(at).1)
        });
        match answer {
            Some(outcome) => outcome,
            None => {
                let coordinate = frame.coordinate();
                if frame.counter == u32::MAX {
                    return Err(broken(kind, String::from("it has asked 2^32 times")));
                }
                frame.counter += 1;
                let argument = view(frame.ext.as_deref(), frame.session, tag, word).to_value();
                frame.out.asks.push(Ask { coordinate, role, effect, argument });
                return frame.block(Gate::Answer);
            }
        }
    } else if frame.context.wants.contains(kind) {
        frame.ask(host, role, Question::Invoke { effect, tag, word })
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
    frame.write(dst, tag, word);
    frame.pc = pc;
    frame.event(EventKind::Invoked, EdgeId(0), LabelId(effect.0));
    Ok(Outcome::Ran)
}
