//! `Transfer`: an endpoint changes hands within its island.
//!
//! Only who owns it can give it away, so nobody waits on its edges meanwhile. Who gave it keeps the value in its
//! registers, which is good for nothing any more; who got it must have the value to use it, which it was given when it
//! was started.
//!
//! What goes along: the progress token, which whoever owns an endpoint has until its type is at its end; and what the
//! giver knows of the endpoint, which the taker knows instead. That is knowledge that flows, so the policy is asked about
//! every fact, and one that may not flow keeps everything where it is.

use crate::frame::{Frame, Outcome, Step};
use crate::growth::Delegation;
use crate::knowledge::About;
use crate::layout::CORO_GATE;
use crate::reply::Respondent;
use crate::session::Gate;
use alloc::boxed::Box;
use motet_types::{Action, CoroutineId, EdgeId, Event, EventKind, Fault, LabelId, Planted, planted};

impl Frame<'_> {
    /// Whether a coroutine of the island is there and goes on: it has neither ended nor failed.
    fn is_alive(&mut self, coroutine: u16) -> bool {
        let gate = match self.image.layout.places.get(usize::from(coroutine)) {
            Some(place) => {
                let mains = if self.apart.is_empty() { &self.coros } else { &self.apart };
                Some(mains[place.start as usize + CORO_GATE])
            }
            None => self.growth().and_then(|growth| growth.child(coroutine)).map(|child| child.words[CORO_GATE]),
        };
        let ended = |gate| match planted(Planted::TransferToTheFailed) {
            true => Gate::unpack(gate) == Gate::Halted,
            false => Gate::unpack(gate).has_ended(),
        };
        gate.is_some_and(|gate| !ended(gate))
    }
}

pub(crate) fn transfer<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    endpoint: u16,
    owns: bool,
    target: u16,
    pc: u32,
) -> Step {
    let refused = |reason| Err(Box::new(Fault::Transfer { reason }));
    let (number, role) = frame.endpoint(endpoint)?;
    let target = frame.word(target);
    let (from, image_at) = (frame.coroutine, frame.image_at);
    let place = match number {
        // What verification follows must not move behind its back.
        0 if owns && role.0 == frame.coroutine => return Err(Box::new(Fault::Action)),
        0 => {
            let owned = frame.roles.get(role.index()).is_some_and(|cell| (cell >> 32) as u16 == from);
            if !owned {
                return Err(frame.closed(0, role));
            }
            None
        }
        number => Some(frame.owned_guest(number, role)?),
    };
    let to = u16::try_from(target).ok().filter(|to| frame.is_alive(*to) || planted(Planted::TransferToTheDead));
    let Some(to) = to else { return refused("there is no such coroutine in the island, or it has ended") };
    if to == from {
        return refused("the coroutine owns it already");
    }
    let images = frame.images;
    let (mine, theirs) = (About { coroutine: from, number, role }, About { coroutine: to, number, role });
    let target = images[image_at as usize].role_name(frame.role_of(to));
    let growth = frame.ext.as_deref().and_then(|ext| ext.growth.as_deref());
    let mut stays = false;
    for fact in growth.into_iter().flat_map(|growth| growth.knowledge.of(mine)) {
        stays = stays || !frame.may_flow(host, mine, fact, target)?;
    }
    if stays && !planted(Planted::TransferAnyFlow) {
        let reason = "the flow policy keeps what is known of the endpoint from the role that it would go to";
        return Err(Box::new(Fault::Flow { reason }));
    }
    let growth = frame.ext.get_or_insert_default().growth.get_or_insert_default();
    let (cells, image) = match place {
        None => (&mut *frame.roles, image_at),
        Some(at) => {
            let guest = &mut growth.guests[at];
            (&mut *guest.roles, guest.image)
        }
    };
    let cell = &mut cells[role.index()];
    let state = images[image as usize].parts.states.get(*cell as u32 as usize);
    let token = state.is_some_and(|state| state.action != Action::End);
    if !planted(Planted::TransferMovesNothing) {
        *cell = *cell & u64::from(u32::MAX) | u64::from(to) << 32;
    }
    let facts = growth.knowledge.forget(mine);
    if !planted(Planted::TransferLosesKnowledge) {
        growth.knowledge.learn(theirs, facts.iter().cloned());
    }
    growth.delegated += 1;
    if !planted(Planted::TransferWithoutReceipt) {
        let (number, guest, role) = (growth.delegated, number, role.0);
        growth.receipts.push(Delegation { number, guest, image, role, from, to, token, facts });
    }
    frame.pc = pc;
    let event = Event::message(EventKind::Transferred, CoroutineId(from), EdgeId(role.0), LabelId(to));
    match number {
        0 if frame.tracing => frame.out.event(event),
        0 => {}
        number => frame.tell(number, event),
    }
    Ok(Outcome::Ran)
}
