//! Sessions that instructions open and close: `Open`, `Close`, and what an endpoint in a register is good for.
//!
//! Closing discards what the closer itself was still to receive. When something is in flight for others the session is
//! *draining*: nothing can be sent any more, what is in flight can be received, and with the last message it is closed.
//! Closing it again discards that too. Whoever waits on an edge on which nothing can come any more is woken, and finds
//! its endpoint closed.

use crate::ext::{Ext, TAG_ENDPOINT};
use crate::frame::{Frame, Outcome, Step};
use crate::growth::{Growth, Guest};
use crate::image::CodeImage;
use crate::images::Plan;
use crate::layout::CORO_GATE;
use crate::outbox::Outbox;
use crate::session::Gate;
use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::{
    Action, CoroutineId, EdgeId, Event, EventKind, Fault, LabelId, Planted, RoleId, SessionId, Terminal, planted,
};

/// An endpoint's word: the role, and the number of its session within the island, 0 for the main one.
pub(crate) const fn endpoint_word(number: u32, role: RoleId) -> u64 {
    role.0 as u64 | (number as u64) << 16
}

/// Session number and role of an endpoint's word.
pub(crate) const fn endpoint_parts(word: u64) -> (u32, RoleId) {
    ((word >> 16) as u32, RoleId(word as u16))
}

impl Frame<'_> {
    /// What the island has besides its main session, when it has anything.
    pub(crate) fn growth(&mut self) -> Option<&mut Growth> {
        self.ext.as_mut().and_then(|ext| ext.growth.as_deref_mut())
    }

    /// The endpoint that a register holds: its session's number and its role.
    pub(crate) fn endpoint(&self, register: u16) -> Result<(u32, RoleId), Box<Fault>> {
        match self.read(register) {
            (TAG_ENDPOINT, word) => Ok(endpoint_parts(word)),
            (tag, _) => Err(Box::new(Fault::NoEndpoint { found: crate::comm::val_type(tag) })),
        }
    }

    pub(crate) fn closed(&self, number: u32, role: RoleId) -> Box<Fault> {
        Box::new(Fault::EndpointClosed { session: self.session.guest(number), role })
    }

    /// The place of a guest that is there, and of whose role the running coroutine owns the endpoint.
    pub(crate) fn owned_guest(&mut self, number: u32, role: RoleId) -> Result<usize, Box<Fault>> {
        let coroutine = self.coroutine;
        let growth = self.growth();
        let found = growth.and_then(|growth| growth.place(number).map(|at| (at, &growth.guests[at])));
        match found {
            Some((at, guest)) if guest.is_owned(role, coroutine) || planted(Planted::GuestAnyOwner) => Ok(at),
            _ => Err(self.closed(number, role)),
        }
    }

    /// A guest's plan. It was there when the guest was opened, or brought back.
    pub(crate) fn plan(&self, plan: u16) -> Option<&Plan> {
        self.images.plan_of(self.image_at, plan)
    }

    /// Lets go of payloads and wakes who waited.
    fn let_go(&mut self, (payloads, waiting): (alloc::vec::Vec<(u8, u64)>, [u16; 2])) {
        payloads.into_iter().for_each(|(tag, word)| self.release(tag, word));
        self.wake_all(waiting);
    }

    fn wake_all(&mut self, waiting: [u16; 2]) {
        if !planted(Planted::CloseWakesNobody) {
            waiting.into_iter().for_each(|woken| self.wake(woken));
        }
    }

    /// An event of a guest.
    pub(crate) fn tell(&mut self, number: u32, event: Event) {
        if self.tracing {
            self.out.event(Event::guest(number));
            self.out.event(event);
        }
    }

    /// Takes a guest away that has ended.
    fn remove_guest(&mut self, at: usize) -> Option<Guest> {
        let growth = self.growth()?;
        let mut guest = growth.guests.remove(at);
        growth.knowledge.forget_session(guest.number);
        self.ledger().into_iter().for_each(|ledger| ledger.forget(guest.number));
        for edge in 0..guest.edges.len() {
            let emptied = guest.empty(EdgeId(edge as u16));
            self.let_go(emptied);
        }
        Some(guest)
    }

    /// Closes a guest at once.
    fn close_guest(&mut self, at: usize) {
        if let Some(guest) = self.remove_guest(at) {
            let (coroutine, epoch) = (CoroutineId(self.coroutine), 1);
            self.tell(guest.number, Event::plain(EventKind::Closed, coroutine, 0));
            self.tell(guest.number, Event::plain(EventKind::SessionTerminal, coroutine, Terminal::Closed as u8));
            self.tell(guest.number, Event::speculation(EventKind::EpochAdvanced, coroutine, epoch));
        }
    }

    /// Ends a guest that has nothing left to do: all its types are at their ends, or it was closing and is drained.
    pub(crate) fn settle_guest(&mut self, at: usize) {
        let images = self.images;
        let Some(guest) = self.growth().and_then(|growth| growth.guests.get(at)) else { return };
        let image: &CodeImage = &images[guest.image as usize];
        if guest.draining {
            if guest.in_flight() == 0 {
                self.close_guest(at);
            }
        } else if (0..guest.roles.len()).all(|role| guest.is_over(RoleId(role as u16), image)) {
            let number = guest.number;
            self.remove_guest(at);
            let ended = Event::plain(EventKind::SessionTerminal, CoroutineId(self.coroutine), Terminal::Closed as u8);
            self.tell(number, ended);
        }
    }

    /// The running coroutine is about to end: every endpoint that it owns must be at its end. Of a session that is
    /// closing, what it was still to receive is discarded.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(&mut self) -> Result<(), Box<Fault>> {
        let (coroutine, images, session) = (self.coroutine, self.images, self.session);
        let main = &images[self.image_at as usize].parts.states;
        let mut cells = (0..).zip(&*self.roles).filter(|(_, cell)| (*cell >> 32) as u16 == coroutine);
        let over = |cell: &u64| main.get(*cell as u32 as usize).is_none_or(|state| state.action == Action::End);
        let unfinished = cells.find(|(_, cell)| !over(cell)).map(|(role, _)| RoleId(role));
        if let Some(role) = unfinished.filter(|_| !planted(Planted::HaltOwnsUnfinished)) {
            return Err(Box::new(Fault::Unfinished { session, role }));
        }
        let Some(growth) = self.growth() else { return Ok(()) };
        for guest in growth.guests.iter().filter(|guest| !guest.draining) {
            let image: &CodeImage = &images[guest.image as usize];
            let mut roles = (0..guest.roles.len()).map(|role| RoleId(role as u16));
            let unfinished = roles.find(|role| guest.is_owned(*role, coroutine) && !guest.is_over(*role, image));
            if let Some(role) = unfinished.filter(|_| !planted(Planted::HaltOwnsUnfinished)) {
                return Err(Box::new(Fault::Unfinished { session: session.guest(guest.number), role }));
            }
        }
        let draining: alloc::vec::Vec<u32> =
            growth.guests.iter().filter(|guest| guest.draining).map(|guest| guest.number).collect();
        for number in draining {
            self.discard(number, false);
        }
        if let Some(growth) = self.growth() {
            growth.knowledge.forget_coroutine(coroutine);
        }
        Ok(())
    }

    /// Discards what is in flight on a guest's edges: everything, or what the running coroutine was to receive. Whoever
    /// waits there for what cannot come any more is woken. A guest with nothing in flight is then closed.
    fn discard(&mut self, number: u32, everything: bool) {
        let (coroutine, images) = (self.coroutine, self.images);
        let Some(at) = self.growth().and_then(|growth| growth.place(number)) else { return };
        let edges = self.growth().map_or(0, |growth| growth.guests[at].edges.len());
        for edge in (0..edges).map(|edge| EdgeId(edge as u16)) {
            let Some(growth) = self.growth() else { return };
            let guest = &mut growth.guests[at];
            let receiver = RoleId(images[guest.image as usize].parts.edges[edge.index()].receiver);
            if everything || guest.is_owned(receiver, coroutine) {
                let emptied = guest.empty(edge);
                self.let_go(emptied);
                self.ledger().into_iter().for_each(|ledger| ledger.discard(number, edge));
            } else {
                let waiting = guest.forget_waiting(edge);
                self.wake_all(waiting);
            }
        }
        self.wake_senders(number);
        self.settle_guest(at);
    }

    /// Whoever waits for a link to send in a session that is closing finds out.
    fn wake_senders(&mut self, number: u32) {
        let waits = |word: u64| matches!(Gate::unpack(word), Gate::GuestLink(of, _) if of == number);
        let mains = if self.apart.is_empty() { &*self.coros } else { &*self.apart };
        let places = (0u16..).zip(&self.images[self.image_at as usize].layout.places);
        let mut waiting: Vec<u16> = places
            .filter(|(_, place)| waits(mains[place.start as usize + CORO_GATE]))
            .map(|(coroutine, _)| coroutine)
            .collect();
        let children = self.growth().into_iter().flat_map(|growth| &growth.children);
        // The words of one that runs are in the frame.
        let asleep = children.filter(|child| child.words.get(CORO_GATE).is_some_and(|word| waits(*word)));
        waiting.extend(asleep.map(|child| child.number));
        waiting.into_iter().for_each(|coroutine| self.wake(coroutine + 1));
    }
}

/// `Open`: everything is checked, and then the session is there, with its endpoints in the registers.
pub(crate) fn open(frame: &mut Frame<'_>, dst: u16, plan: u16, pc: u32) -> Step {
    let refused = |reason| Err(Box::new(Fault::Open { reason }));
    let images = frame.images;
    let Some(at) = frame.plan(plan).map(|plan| plan.image) else { return refused("there is no such plan") };
    let image: &CodeImage = &images[at as usize];
    let last = u32::from(dst) + image.role_count() as u32;
    if last > u32::from(frame.registers) {
        return Err(Box::new(Fault::OutOfRegisters { register: last - 1, count: u32::from(frame.registers) }));
    }
    let limit = usize::from(frame.context.guests);
    let (opened, there) = frame.growth().map_or((0, 0), |growth| (growth.opened, growth.guests.len()));
    if there >= limit && !planted(Planted::OpenWithoutLimit) {
        return refused("as many sessions as the configuration allows have been opened and have not ended");
    }
    if images.network.at(at).is_some_and(|links| links.first_crashed(image).is_some())
        && !planted(Planted::TopologyOpensCrashed)
    {
        return refused("the site of one of its roles has crashed");
    }
    if opened >= SessionId::MAX_GUESTS {
        return refused("the island has opened as many sessions as can be numbered");
    }
    let number = opened + 1;
    let guest = Guest::open(number, plan, at, image, frame.owner);
    let growth = frame.ext.get_or_insert_default().growth.get_or_insert_default();
    growth.opened = number;
    growth.guests.push(guest);
    for role in 0..image.role_count() as u16 {
        frame.write(dst + role, TAG_ENDPOINT, endpoint_word(number, RoleId(role)));
    }
    frame.pc = pc;
    let (coroutine, plan) = (CoroutineId(frame.coroutine), LabelId(plan));
    frame.tell(number, Event::message(EventKind::Opened, coroutine, EdgeId(0), plan));
    Ok(Outcome::Ran)
}

/// `Close`, through whichever endpoint: the session that is closed is the endpoint's.
pub(crate) fn close(frame: &mut Frame<'_>, session: u16, pc: u32) -> Step {
    let (number, role) = frame.endpoint(session)?;
    let number = if planted(Planted::CloseTheMain) { 0 } else { number };
    if number == 0 {
        let owned = frame.roles.get(role.index()).is_some_and(|cell| (cell >> 32) as u16 == frame.coroutine);
        if !owned {
            return Err(Box::new(Fault::ChannelClosed { role }));
        }
        if frame.speculation().is_some() {
            let reason = "a speculation is open, and the end of the island could not be undone";
            return Err(Box::new(Fault::Close { reason }));
        }
        frame.pc = pc;
        if frame.tracing {
            frame.out.event(Event::plain(EventKind::Closed, CoroutineId(frame.coroutine), 0));
        }
        return Ok(Outcome::Closed);
    }
    let at = frame.owned_guest(number, role)?;
    let Some(growth) = frame.growth() else { return Err(frame.closed(number, role)) };
    let guest = &mut growth.guests[at];
    let again = guest.draining || planted(Planted::CloseNeverDrains);
    guest.draining = true;
    frame.discard(number, again);
    frame.pc = pc;
    Ok(Outcome::Ran)
}

impl Frame<'_> {
    /// Receipts of what changed hands go out with the burst, unless it may still be taken back.
    #[cold]
    #[inline(never)]
    pub(crate) fn hand_out_receipts(&mut self) {
        let session = self.session;
        if let Some(ext) = self.ext.as_mut()
            && let (None, Some(growth)) = (&ext.speculation, &mut ext.growth)
        {
            self.out.delegations.extend(growth.receipts.drain(..).map(|receipt| (session, receipt)));
        }
    }
}

/// The island ends, and the sessions that its instructions opened end with it.
#[cold]
#[inline(never)]
pub(crate) fn end_guests(ext: Option<&Ext>, terminal: Terminal, out: &mut Outbox) {
    ends(ext.and_then(|ext| ext.growth.as_deref()), terminal).for_each(|event| out.event(event));
}

/// The events that the sessions which an island's instructions opened have ended.
pub(crate) fn ends(growth: Option<&Growth>, terminal: Terminal) -> impl Iterator<Item = Event> {
    let end = Event::plain(EventKind::SessionTerminal, CoroutineId(0), terminal as u8);
    growth.into_iter().flat_map(|growth| &growth.guests).flat_map(move |guest| [Event::guest(guest.number), end])
}
