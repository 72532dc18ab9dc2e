//! The gate that a coroutine stands at: what it waits for, by its instruction and what it holds.

use super::rebuild::{Home, ensure};
use crate::image::CodeImage;
use crate::op::Op;
use crate::outcome::EffectOutcome;
use crate::session::Gate;
use crate::state::decode::{CoroutineState, SessionState, Standing, StateError, StatePlace};
use crate::state::growth::stand;
use motet_types::{Action, CoroutineId, EdgeId, EffectRow, LayerId, Planted, Value, planted};

/// An effect that may block, as its instruction asks for it.
#[derive(Clone, Copy)]
pub(super) enum Deferred {
    /// A host operation, with the register of its argument.
    Effect(EffectRow, u16),
    Guard(LayerId),
}

impl Deferred {
    pub(super) const fn gate(self) -> Gate {
        match self {
            Deferred::Effect(..) => Gate::Answer,
            Deferred::Guard(layer) => Gate::Guard(layer),
        }
    }
}

/// The effect that the instruction asks for, when it is one that may block.
pub(super) fn deferred(image: &CodeImage, op: Op) -> Option<Deferred> {
    match op {
        Op::Invoke { effect, arg, .. } if image.parts.effects[effect.index()].may_block => {
            Some(Deferred::Effect(effect, arg))
        }
        Op::Acquire { layer, .. } => Some(Deferred::Guard(layer)),
        _ => None,
    }
}

/// The gate that a coroutine stands at.
pub(super) fn gate(
    state: &SessionState,
    home: &Home<'_>,
    id: CoroutineId,
    coroutine: &CoroutineState,
    op: Op,
) -> Result<Gate, StateError> {
    let (image, holds) = (home.image, usize::from(home.buffer.holds()));
    let place = StatePlace::Coroutine(id);
    let queued = |edge: EdgeId| state.edges[edge.index()].messages.len();
    let (gate, ok, what) = match (&coroutine.standing, op) {
        (Standing::Runs, _) => (Gate::Open, true, ""),
        (Standing::Answered(outcome), op) => {
            let answer = !matches!(outcome, EffectOutcome::Blocked | EffectOutcome::Pending);
            let asked = deferred(image, op).is_some() && coroutine.counter > 0;
            (Gate::Open, answer && asked, "it has an answer but has asked nothing, or the answer is none")
        }
        (Standing::Deferred, op) => {
            let sends = matches!(op, Op::Send(_) | Op::SendThrough { .. }) && state.deferred;
            (Gate::NextBurst, sends, "its send is deferred, but it sends nothing or nothing was ever deferred")
        }
        (Standing::AwaitsMessage | Standing::HasMessage, Op::Receive(crate::op::Comm { edge, .. }))
        | (Standing::AwaitsMessage | Standing::HasMessage, Op::Choose { edge, .. }) => {
            let there = queued(edge) > 0;
            let ok = there == coroutine.standing.is_ready() || planted(Planted::RestoreTrustsStanding);
            (Gate::Message(edge), ok, "it waits for a message that is there, or was woken by one that is not")
        }
        (Standing::AwaitsRoom | Standing::HasRoom, Op::Send(comm)) => {
            let room = queued(comm.edge) < holds;
            let ok = room == coroutine.standing.is_ready() || planted(Planted::RestoreTrustsStanding);
            (Gate::Room(comm.edge), ok, "it waits for room that is there, or was woken by room that is not")
        }
        (
            standing @ (Standing::AwaitsMessage | Standing::HasMessage | Standing::AwaitsRoom | Standing::HasRoom),
            Op::SendThrough { chan, .. } | Op::ReceiveThrough { chan, .. } | Op::ChooseThrough { chan, .. },
        ) => {
            let sends = matches!(op, Op::SendThrough { .. });
            let gate =
                waits_through(state, home, id.index(), coroutine.registers.get(usize::from(chan)), sends, standing);
            (
                gate.unwrap_or(Gate::Open),
                gate.is_some(),
                "it waits on an edge where it has nothing to wait for, or was woken by what is not there",
            )
        }
        (Standing::AwaitsAnswer, op) => {
            let asked = deferred(image, op).filter(|_| coroutine.counter > 0);
            (
                asked.map_or(Gate::Answer, Deferred::gate),
                asked.is_some(),
                "it waits for an answer but has asked nothing",
            )
        }
        (Standing::Halted, Op::Halt { .. } | Op::HaltApart) => (Gate::Halted, true, ""),
        (Standing::AwaitsLink, Op::Send(comm)) => {
            let down = home.images.network.at(home.image_id).is_some_and(|links| links.is_down(comm.edge));
            (Gate::Link(comm.edge), down || trusts_failures(), "it waits for a link that is whole")
        }
        (Standing::AwaitsLink, Op::SendThrough { chan, .. }) => {
            let gate = link_through(state, home, id.index(), coroutine.registers.get(usize::from(chan)));
            (gate.unwrap_or(Gate::Open), gate.is_some(), "it waits for a link that is whole")
        }
        (Standing::Crashed, _) => {
            let known = home.images.network.failures || trusts_failures();
            (Gate::Crashed, known, "its site has crashed, and none has")
        }
        (Standing::Cancelled, _) => {
            let known = home.images.network.cancels() || trusts_failures();
            (Gate::Cancelled, known, "it was cancelled, and nothing has failed")
        }
        _ => (Gate::Open, false, "it waits for something else than its instruction needs"),
    };
    ensure(ok, place, what).map(|()| gate)
}

pub(super) fn trusts_failures() -> bool {
    planted(Planted::RestoreTrustsFailures)
}

/// The gate of a coroutine that waits for a link through an endpoint in a register.
pub(super) fn link_through(
    state: &SessionState,
    home: &Home<'_>,
    coroutine: usize,
    endpoint: Option<&Value>,
) -> Option<Gate> {
    let Some(Value::Endpoint { session, role }) = endpoint else { return None };
    let stand = stand(state, home.images, home.image_id, *session, *role)?;
    let Action::Send(edge) = stand.action else { return None };
    let (edge, number) = (EdgeId(edge), session.number());
    let place = match number {
        0 => home.image_id,
        number => {
            let guest = state.growth.as_ref()?.guests.iter().find(|guest| guest.number == number)?;
            home.images.plan_of(home.image_id, guest.plan)?.image
        }
    };
    let down = home.images.network.at(place).is_some_and(|links| links.is_down(edge)) || trusts_failures();
    let waits = stand.owner.index() == coroutine && !stand.draining && down;
    waits.then_some(if number == 0 { Gate::Link(edge) } else { Gate::GuestLink(number, edge) })
}

/// The gate of a coroutine that waits through an endpoint in a register.
pub(super) fn waits_through(
    state: &SessionState,
    home: &Home<'_>,
    coroutine: usize,
    endpoint: Option<&Value>,
    sends: bool,
    standing: &Standing,
) -> Option<Gate> {
    let Some(Value::Endpoint { session, role }) = endpoint else { return None };
    let stand = stand(state, home.images, home.image_id, *session, *role)?;
    let number = session.number();
    let queued = |edge: u16| stand.edges.get(usize::from(edge)).map(|edge| edge.messages.len());
    // In a session opened inside, whoever has been woken is written down as running.
    let open = number == 0 || !standing.is_ready();
    if stand.owner.index() != coroutine || stand.draining || !open {
        return None;
    }
    let (gate, there) = match (stand.action, standing) {
        (Action::Recv(edge), Standing::AwaitsMessage | Standing::HasMessage) if !sends => {
            let gate = if number == 0 { Gate::Message(EdgeId(edge)) } else { Gate::GuestMessage(number, EdgeId(edge)) };
            (gate, queued(edge)? > 0)
        }
        (Action::Send(edge), Standing::AwaitsRoom | Standing::HasRoom) if sends => {
            let gate = if number == 0 { Gate::Room(EdgeId(edge)) } else { Gate::GuestRoom(number, EdgeId(edge)) };
            (gate, queued(edge)? < usize::from(home.buffer.holds()))
        }
        _ => return None,
    };
    (there == standing.is_ready()).then_some(gate)
}
