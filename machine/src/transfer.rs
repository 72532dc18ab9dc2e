//! `Transfer`: an endpoint changes hands within its island.
//!
//! Only who owns it can give it away, so nobody waits on its edges meanwhile. Who gave it keeps the value in its
//! registers, which is good for nothing any more; who got it must have the value to use it, which it was given when it
//! was started.

use crate::frame::{Frame, Outcome, Step};
use crate::growth::Delegation;
use crate::layout::CORO_GATE;
use crate::session::Gate;
use alloc::boxed::Box;
use motet_types::{CoroutineId, EdgeId, Event, EventKind, Fault, LabelId, Planted, planted};

impl Frame<'_> {
    /// Whether a coroutine of the island is there and has not ended.
    fn is_alive(&mut self, coroutine: u16) -> bool {
        match self.image.layout.places.get(usize::from(coroutine)) {
            Some(place) => {
                let mains = if self.apart.is_empty() { &self.coros } else { &self.apart };
                Gate::unpack(mains[place.start as usize + CORO_GATE]) != Gate::Halted
            }
            None => self.growth().is_some_and(|growth| growth.child(coroutine).is_some()),
        }
    }
}

pub(crate) fn transfer(frame: &mut Frame<'_>, endpoint: u16, owns: bool, target: u16, pc: u32) -> Step {
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
    let growth = frame.ext.get_or_insert_default().growth.get_or_insert_default();
    let (cells, image) = match place {
        None => (&mut *frame.roles, image_at),
        Some(at) => {
            let guest = &mut growth.guests[at];
            (&mut *guest.roles, guest.image)
        }
    };
    let cell = &mut cells[role.index()];
    if !planted(Planted::TransferMovesNothing) {
        *cell = *cell & u64::from(u32::MAX) | u64::from(to) << 32;
    }
    growth.delegated += 1;
    if !planted(Planted::TransferWithoutReceipt) {
        growth.receipts.push(Delegation { number: growth.delegated, guest: number, image, role: role.0, from, to });
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
