//! The other direction: traces that the reference made are judged here, by local types alone, and spoilt ones are refused.

use crate::dice::Dice;
use motet_bridge::{ChoreographyInput, ProtocolMachineTraceEvent, ValidateTracePayload, validate_trace};
use motet_types::EventKind;
use std::collections::BTreeMap;

type Trace = Vec<ProtocolMachineTraceEvent>;

/// Spoils a trace, if there is anything to spoil in this way.
type Spoil = fn(&mut Trace, &mut Dice) -> Option<()>;

/// How a trace is spoilt, so that no protocol has it.
pub(super) const WAYS: [(&str, Spoil); 8] = [
    ("label", other_label),
    ("sender", no_sender),
    ("unsent", unsent),
    ("too early", too_early),
    ("twice", twice),
    ("session", other_session),
    ("tick", earlier_tick),
    ("unopened", unopened),
];

/// How many traces were taken and refused, by what was done to them.
pub(super) type Judged = BTreeMap<&'static str, u64>;

/// Judges a trace of the reference, and each way of spoiling it. Where no link loses messages, none may be missing.
pub(super) fn judged(
    choreography: &ChoreographyInput,
    trace: &[ProtocolMachineTraceEvent],
    lossless: bool,
    seed: u64,
) -> Result<Judged, String> {
    let mut payload = ValidateTracePayload { choreographies: vec![choreography.clone()], trace: trace.to_vec() };
    let judge = |payload: &ValidateTracePayload| validate_trace(payload).map_err(|error| error.to_string());
    let reply = judge(&payload)?;
    ensure!(reply.valid, "a trace of the reference is refused: {:?}", reply.errors);
    let lost = reply.artifacts["lost"].as_u64().ok_or("the reply counts nothing")?;
    ensure!(!lossless || lost == 0, "{lost} messages are missing, and no link loses any");
    let mut judged = Judged::from([("valid", 1), ("lost", lost)]);
    let mut dice = Dice::new(seed ^ 0x7472_6163_6573);
    for (way, spoil) in WAYS {
        payload.trace = trace.to_vec();
        if spoil(&mut payload.trace, &mut dice).is_some() {
            ensure!(!judge(&payload)?.valid, "a trace that is spoilt ({way}) is taken");
            *judged.entry(way).or_default() += 1;
        }
    }
    // Anything else may happen to be a trace; it is judged in any case.
    payload.trace = trace.to_vec();
    if payload.trace.len() > 1 {
        let (one, other) = (dice.below(payload.trace.len()), dice.below(payload.trace.len()));
        payload.trace.swap(one, other);
        let (from, to) = (payload.trace[one].tick, payload.trace[other].tick);
        (payload.trace[one].tick, payload.trace[other].tick) = (to, from);
        let taken = judge(&payload)?.valid;
        *judged.entry(if taken { "swapped, taken" } else { "swapped, refused" }).or_default() += 1;
    }
    Ok(judged)
}

/// The places of events that a test holds of.
fn places(trace: &Trace, of: impl Fn(&ProtocolMachineTraceEvent) -> bool) -> Vec<usize> {
    (0..trace.len()).filter(|at| of(&trace[*at])).collect()
}

fn any(trace: &Trace, dice: &mut Dice, of: impl Fn(&ProtocolMachineTraceEvent) -> bool) -> Option<usize> {
    let places = places(trace, of);
    (!places.is_empty()).then(|| *dice.pick(&places))
}

/// The events of this kind on the edge of an event.
fn on_edge(trace: &Trace, edge: &ProtocolMachineTraceEvent, kind: EventKind) -> Vec<usize> {
    let of = |one: &ProtocolMachineTraceEvent| (one.session, one.sender.clone(), one.receiver.clone());
    places(trace, |one| one.kind == kind && of(one) == of(edge))
}

/// An event of an edge whose every message was received.
fn settled(trace: &Trace, dice: &mut Dice) -> Option<ProtocolMachineTraceEvent> {
    let at = any(trace, dice, |one| one.kind == EventKind::Received)?;
    let [sent, received] = [EventKind::Sent, EventKind::Received].map(|kind| on_edge(trace, &trace[at], kind));
    (sent.len() == received.len()).then(|| trace[at].clone())
}

fn other_label(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let at = any(trace, dice, |one| one.sender.is_some())?;
    trace[at].label = Some("no label of any protocol".into());
    Some(())
}

fn no_sender(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let at = any(trace, dice, |one| one.sender.is_some())?;
    trace[at].sender = None;
    Some(())
}

fn unsent(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let edge = settled(trace, dice)?;
    let sent = on_edge(trace, &edge, EventKind::Sent);
    trace.remove(*dice.pick(&sent));
    Some(())
}

fn too_early(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let edge = settled(trace, dice)?;
    let (sent, received) = (on_edge(trace, &edge, EventKind::Sent)[0], on_edge(trace, &edge, EventKind::Received)[0]);
    let mut event = trace.remove(received);
    event.tick = trace[sent].tick;
    trace.insert(sent, event);
    Some(())
}

fn twice(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let edge = settled(trace, dice)?;
    let last = *on_edge(trace, &edge, EventKind::Received).last()?;
    trace.insert(last + 1, trace[last].clone());
    Some(())
}

fn other_session(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let at = any(trace, dice, |one| one.kind != EventKind::Opened)?;
    trace[at].session = Some(1 << 40);
    Some(())
}

fn earlier_tick(trace: &mut Trace, _: &mut Dice) -> Option<()> {
    let [.., before, last] = trace.as_mut_slice() else { return None };
    last.tick = before.tick.checked_sub(1)?;
    Some(())
}

fn unopened(trace: &mut Trace, dice: &mut Dice) -> Option<()> {
    let at = any(trace, dice, |one| one.kind == EventKind::Opened)?;
    let session = trace.remove(at).session;
    trace.iter().any(|one| one.session == session).then_some(())
}
