//! Sessions from outside, held against what verification knows of their image.

use super::rebuild::{Home, ensure};
use crate::image::CodeImage;
use crate::images::Images;
use crate::op::Op;
use crate::state::decode::{SessionState, Standing, StateError, StatePlace};
use crate::state::growth::{examine_edges, examine_growth};
use crate::verify::Typing;
use motet_types::{Planted, Reg, planted};

/// What coroutines have used is what they can have used. A speculation may bring back some that are gone.
pub(super) fn examine_credits(
    state: &SessionState,
    images: &Images,
    coroutines: usize,
    speculates: bool,
) -> Result<(), StateError> {
    let ascend = state.credits.is_sorted_by(|a, b| a.0 < b.0);
    ensure(ascend, StatePlace::Session, "what its coroutines have used stands out of order")?;
    for (number, used) in &state.credits {
        let place = StatePlace::Coroutine(*number);
        let there = state.all().any(|(other, _, _)| other == *number);
        let known = there || speculates && number.index() < coroutines;
        ensure(known, place, "it has used credits, and is not there")?;
        let ok = images.credits.allow(*used) || planted(Planted::RestoreTrustsCredits);
        ensure(ok, place, "it has used credits that it cannot have used")?;
    }
    Ok(())
}

/// Who has a deadline waits for an answer.
pub(super) fn examine_deadlines(state: &SessionState) -> Result<(), StateError> {
    let ascend = state.deadlines.is_sorted_by(|a, b| a.0 < b.0);
    ensure(ascend, StatePlace::Session, "the deadlines of its effects stand out of order")?;
    for (number, _) in &state.deadlines {
        let mut all = state.all();
        let waits = all.any(|(other, _, one)| other == *number && one.standing == Standing::AwaitsAnswer);
        ensure(waits, StatePlace::Coroutine(*number), "its effect has a deadline, and it waits for no answer")?;
    }
    Ok(())
}

/// Holds a session against what verification knows of its image: the state of every role's type, the contents of
/// every register, and the label and payload of every message in flight. It has been, or will be, [`rebuild`] too.
pub(crate) fn examine(state: &SessionState, home: &Home<'_>, typing: &Typing) -> Result<(), StateError> {
    let image = home.image;
    let levels = state.speculation.as_ref().map_or(&[][..], |speculation| &speculation.levels);
    let speculating = state.speculation.as_ref().map(|speculation| speculation.coroutine);
    let place = StatePlace::Session;
    let unlike = "the speculations are not those that its code was verified with";
    let sessions = levels.iter().map(|level| &level.session).chain([state]);
    for (depth, session) in sessions.enumerate() {
        examine_plain(session, image, typing, home)?;
        examine_growth(session, home)?;
        for (number, _, coroutine) in session.all() {
            let open = typing.forks(coroutine.pc);
            let own = speculating == Some(number);
            // What a level keeps stands behind its `Fork`, so inside it; the session itself is inside them all.
            let expected = if own { levels.len().min(depth + 1) } else { 0 };
            ensure(open.len() == expected, place, unlike)?;
            for (fork, level) in open.iter().zip(levels) {
                let kept = level.session.all().find(|(other, _, _)| *other == number);
                let kept = kept.map(|(_, _, coroutine)| coroutine.pc.0);
                let behind = match image.ops.get(*fork as usize) {
                    Some(Op::Fork { pc, .. }) => Some(*pc),
                    _ => None,
                };
                ensure(kept.is_some() && kept == behind, place, unlike)?;
            }
        }
    }
    Ok(())
}

pub(super) fn examine_plain(
    state: &SessionState,
    image: &CodeImage,
    typing: &Typing,
    home: &Home<'_>,
) -> Result<(), StateError> {
    for (id, role, coroutine) in state.all() {
        let place = StatePlace::Coroutine(id);
        let main = id.index() < state.coroutines.len();
        let verified = match typing.owns(coroutine.pc) {
            Some(true) => main && typing.state(coroutine.pc) == Some(coroutine.state.0) && state.owner(role) == id,
            Some(false) => true,
            None => false,
        };
        ensure(verified, place, "its instruction was verified in another state of its type")?;
        for (register, value) in coroutine.registers.iter().enumerate() {
            let fits =
                typing.admits(image, role, coroutine.pc, register, value) || planted(Planted::RestoreTrustsRegisters);
            ensure(
                fits,
                StatePlace::Register(id, Reg(register as u16)),
                "it holds what its code was not verified with",
            )?;
        }
    }
    let state_of = |role: u16| state.coroutines.get(usize::from(role)).map(|coroutine| coroutine.state);
    let is_sent = |edge, label| typing.is_sent(edge, label);
    examine_edges(image, &state.edges, state_of, is_sent, home, StatePlace::Message)
}
