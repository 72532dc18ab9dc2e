//! Guards: `Acquire` asks the host for one and keeps its evidence as a heap resource; `Release` gives it back and consumes
//! the evidence, which can be done once.

use crate::ext::store;
use crate::frame::{Frame, Outcome, Step};
use crate::host::Question;
use crate::outbox::Wanted;
use crate::outcome::{EffectOutcome, EffectResponse};
use crate::reply::{Aside, Respondent};
use crate::resources::Resources;
use crate::session::Gate;
use crate::tape::decode_value;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use motet_heap::{HeapError, Resource, ResourceId};
use motet_types::{
    Digest, Digester, EdgeId, EffectFailureKind, EventKind, EvidenceError, Fault, LabelId, LayerId, Planted, Reader,
    RoleId, SessionId, Value, planted,
};

/// The tag of the heap resources that are evidence.
const TAG: &str = "motet.guard";

/// What a guard's evidence says. As a resource's data:
///
/// ```text
/// u64 session | u16 role | u16 layer | u32 effect counter | what the host granted, a value
/// ```
struct Evidence {
    session: SessionId,
    layer: LayerId,
    granted: Value,
}

impl Evidence {
    fn resource(self, role: RoleId, counter: u32) -> Resource {
        let mut data = Vec::with_capacity(64);
        data.u64(self.session.0);
        data.u16(role.0);
        data.u16(self.layer.0);
        data.u32(counter);
        self.granted.digest(&mut data);
        Resource::Value { tag: String::from(TAG), data }
    }

    /// What a resource says, when it is evidence.
    fn of(resource: &Resource) -> Option<Self> {
        let Resource::Value { tag, data } = resource else { return None };
        let mut from = Reader::new(data);
        let session = SessionId(from.u64()?);
        from.u16()?;
        let layer = LayerId(from.u16()?);
        from.u32()?;
        let granted = decode_value(&mut from, 0)?;
        (tag == TAG && from.remaining() == 0).then_some(Self { session, layer, granted })
    }
}

fn refuse<T>(layer: LayerId, kind: EffectFailureKind, message: impl Into<String>) -> Result<T, Box<Fault>> {
    Err(Box::new(Fault::Acquire { layer, kind, message: message.into() }))
}

/// What an outcome answers that is no success of the right kind.
fn unwilling<T>(layer: LayerId, outcome: EffectOutcome) -> Result<T, Box<Fault>> {
    match outcome {
        EffectOutcome::Failure(failure) => refuse(layer, failure.kind, failure.message),
        EffectOutcome::Blocked | EffectOutcome::Pending => {
            refuse(layer, EffectFailureKind::ContractViolation, "a guard must be taken back at once")
        }
        EffectOutcome::Success(_) => {
            refuse(layer, EffectFailureKind::ContractViolation, "the answer belongs to another kind of effect")
        }
    }
}

/// Asks for a guard outside the wave; when it is granted, makes its evidence a resource and writes its id.
pub(crate) fn acquire(frame: &mut Frame<'_>, dst: u16, layer: LayerId, pc: u32) -> Step {
    frame.outside_speculation()?;
    let Some(outcome) = frame.late_answer() else {
        return match frame.defer(Wanted::Guard(layer), Gate::Guard(layer)) {
            Some(step) => step,
            None => refuse(layer, EffectFailureKind::ContractViolation, "it has asked 2^32 times"),
        };
    };
    let granted = match outcome {
        EffectOutcome::Success(EffectResponse::Acquire(granted)) => granted,
        other => return unwilling(layer, other),
    };
    let (size, limit) = (granted.wire_size(), frame.context.max_payload);
    if size > limit {
        let message = format!("evidence of {size} bytes; the limit is {limit}");
        return refuse(layer, EffectFailureKind::ContractViolation, message);
    }
    // The ask itself was counted.
    let counter = frame.counter.wrapping_sub(1);
    let (session, coroutine) = (frame.session, frame.coroutine);
    let evidence = Evidence { session, layer, granted }.resource(frame.role(), counter);
    let resources = frame.out.resources.get_or_insert_with(Resources::untouched);
    let id = match resources.make(session, coroutine, counter, &evidence) {
        Ok(id) => id,
        // No run leads to a heap that has it already.
        Err(error) => return refuse(layer, EffectFailureKind::ContractViolation, error.to_string()),
    };
    let (tag, word) = store(frame.ext, Value::Str(id.to_string()));
    frame.write(dst, tag, word);
    frame.pc = pc;
    frame.event(EventKind::Acquired, EdgeId(0), LabelId(layer.0));
    Ok(Outcome::Ran)
}

/// Gives a guard back: the evidence is checked, then the host is asked, and only then is the evidence consumed.
pub(crate) fn release(frame: &mut Frame<'_>, host: &dyn Respondent, register: u16, layer: LayerId, pc: u32) -> Step {
    frame.outside_speculation()?;
    let session = frame.session;
    let (id, granted) = evidence(frame, register, layer).map_err(|why| Box::new(Fault::Evidence { layer, why }))?;
    if frame.context.wants.contains(motet_types::EffectKind::Release) {
        let (mut aside, resource, role) = (Aside::default(), Digest(id.0), frame.role());
        let question = Question::Release { layer, evidence: &granted, resource: &resource };
        match frame.ask(host, role, question, &mut aside).outcome(&mut aside) {
            EffectOutcome::Success(EffectResponse::Release) => {}
            other => return unwilling(layer, other),
        }
    }
    if !planted(Planted::GuardReleaseKeeps) {
        let resources = frame.out.resources.get_or_insert_with(Resources::untouched);
        // It was just read, and asking the host changes no resource.
        if let Err(error) = resources.consume(session, &id) {
            return refuse(layer, EffectFailureKind::ContractViolation, error.to_string());
        }
    }
    frame.pc = pc;
    frame.event(EventKind::Released, EdgeId(0), LabelId(layer.0));
    Ok(Outcome::Ran)
}

/// The evidence whose id a register holds: the session's own, of this layer, and not consumed yet.
fn evidence(frame: &Frame<'_>, register: u16, layer: LayerId) -> Result<(ResourceId, Value), EvidenceError> {
    let (tag, word) = frame.read(register);
    let text = crate::ext::view(frame.ext.as_deref(), frame.session, tag, word);
    let id = match text {
        crate::ext::ValueRef::Str(text) => Digest::from_hex(text),
        _ => None,
    };
    let id = ResourceId(id.ok_or(EvidenceError::Malformed)?.0);
    let resources = frame.out.resources.as_deref().ok_or(EvidenceError::Foreign)?;
    let resource = resources.read(frame.session, &id).map_err(|error| match error {
        HeapError::AlreadyConsumed(_) => EvidenceError::Consumed,
        _ => EvidenceError::Foreign,
    })?;
    let evidence = Evidence::of(&resource).ok_or(EvidenceError::Foreign)?;
    if evidence.session != frame.session && !planted(Planted::GuardAnySession) {
        return Err(EvidenceError::Foreign);
    }
    if evidence.layer != layer && !planted(Planted::GuardAnyLayer) {
        return Err(EvidenceError::OtherLayer(evidence.layer));
    }
    Ok((id, evidence.granted))
}
