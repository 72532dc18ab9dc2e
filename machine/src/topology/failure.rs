//! What a failed site means for one island: who faults, who is cancelled, and whether the island ends.
//!
//! A coroutine is at a site if it runs the code of a role of that name, or owns the endpoint of one in any session of the
//! island. When the site crashes, it faults and is gone, while what it had sent can still be received. Under the finer rule
//! a coroutine is cancelled if it waits for a message of a role that has failed, or on sending to one that is gone: nothing
//! is queued for it then, or it would not wait. Whoever waits on a coroutine that is gone is cancelled in turn. An island
//! without a coroutine that goes on has ended.
//!
//! What a speculation did can neither be kept without its coroutine nor be taken back behind a failure. So an island that
//! speculates ends as a whole when a coroutine of it fails, or when a site of it crashes.

use super::links::Links;
use super::perturbation::Cancellation;
use crate::edge::Header;
use crate::growth::Guest;
use crate::image::CodeImage;
use crate::images::Images;
use crate::layout::{CORO_GATE, CORO_PC, EDGE_HEADER, EDGE_WORDS, HEAD_STATUS};
use crate::outbox::FaultReport;
use crate::ownership::numbered;
use crate::session::{Gate, Session, Status, is_ready};
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{CoroutineId, EdgeId, Event, EventKind, Fault, Pc, Planted, RoleId, Terminal, planted};

/// What became of an island.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    /// What is told, in order. A guest's events stand behind the word that says so.
    pub(crate) events: Vec<Event>,
    /// A report for every coroutine that faulted.
    pub(crate) faults: Vec<FaultReport>,
    /// Coroutines that are gone.
    pub(crate) gone: Vec<CoroutineId>,
    /// How the island has ended, when it has.
    pub(crate) ended: Option<Terminal>,
}

/// A coroutine that has not ended.
#[derive(Clone, Copy, Debug)]
struct One {
    number: u16,
    role: RoleId,
    pc: Pc,
    gate: Gate,
    ready: bool,
}

/// An island that is looked at.
struct Island<'a> {
    session: &'a mut Session,
    images: &'a Images,
    image: &'a CodeImage,
}

/// How an island ends none of whose coroutines goes on.
pub(crate) fn last_terminal(session: &Session, image: &CodeImage) -> Terminal {
    let gates = gates(session, image);
    if gates.contains(&Gate::Cancelled) {
        Terminal::Cancelled
    } else if gates.contains(&Gate::Crashed) && !planted(Planted::TopologyCrashCloses) {
        Terminal::Faulted
    } else {
        Terminal::Closed
    }
}

fn gates(session: &Session, image: &CodeImage) -> Vec<Gate> {
    let at = |place: &crate::layout::Place| session.words[image.layout.coros_at + place.start as usize + CORO_GATE];
    let mains = image.layout.places.iter().map(at);
    let children = session.growth().into_iter().flat_map(|growth| &growth.children).map(|child| child.words[CORO_GATE]);
    mains.chain(children).map(Gate::unpack).collect()
}

impl Failure {
    /// Looks for coroutines that wait on failed ones, and, where sites have crashed, for those that were there.
    pub(crate) fn of(session: &mut Session, images: &Images, crashes: bool) -> Self {
        let image = &*images[session.image as usize];
        let mut island = Island { session, images, image };
        let mut failure = Self::default();
        let coarse = images.network.rule == Cancellation::Coarse;
        let site = if crashes { island.crashed_site() } else { None };
        let mut crashed = if site.is_some() { island.at_crashed_sites() } else { Vec::new() };
        let whole = site.is_some() && (coarse || island.session.speculates());
        if whole && crashed.is_empty() {
            // Whoever was there has ended, but the session has not.
            crashed.extend(site.and_then(|(number, role)| island.owner_of(number, role)));
        }
        crashed.iter().for_each(|one| island.fail(*one, Gate::Crashed));
        let cancelled = if coarse || whole { Vec::new() } else { island.cancel() };
        let told = [EventKind::CancellationRequested, EventKind::Cancelled];
        let told = if planted(Planted::TopologyCancelsBackwards) { [told[1], told[0]] } else { told };
        for kind in told {
            failure.events.extend(cancelled.iter().map(|one| Event::plain(kind, CoroutineId(one.number), 0)));
        }
        for one in &crashed {
            let fault = Fault::Crashed { site: island.site_of(*one) };
            let (coroutine, class) = (CoroutineId(one.number), fault.class() as u8);
            failure.events.push(Event::plain(EventKind::FailureBranchEntered, coroutine, class));
            failure.events.push(Event::plain(EventKind::Faulted, coroutine, class));
            let (session, role, pc) = (island.session.id(), one.role, one.pc);
            failure.faults.push(FaultReport { session, coroutine, role, pc, line: image.line(pc), fault });
        }
        failure.gone = crashed.iter().chain(&cancelled).map(|one| CoroutineId(one.number)).collect();
        let speculated = island.session.speculates() && !failure.gone.is_empty();
        failure.ended = if whole || speculated {
            Some(if crashed.is_empty() { Terminal::Cancelled } else { Terminal::Faulted })
        } else if island.session.status().live() == 0 {
            Some(last_terminal(island.session, image))
        } else {
            None
        };
        failure
    }

    /// The last events of an island that has ended so.
    pub(crate) fn end(&mut self, session: &mut Session) {
        let Some(terminal) = self.ended else { return };
        session.tell_ends(terminal, &mut self.events);
    }
}

impl Island<'_> {
    fn guests(&self) -> &[Guest] {
        self.session.growth().map_or(&[], |growth| &growth.guests)
    }

    /// The image of one of the island's sessions, and its place.
    fn image_of(&self, number: u32) -> Option<(u32, &CodeImage)> {
        if number == 0 {
            return Some((self.session.image, self.image));
        }
        let growth = self.session.growth()?;
        let at = growth.guests[growth.place(number)?].image;
        Some((at, &**self.images.get(at as usize)?))
    }

    fn links(&self, number: u32) -> Option<&Links> {
        self.images.network.at(self.image_of(number)?.0)
    }

    /// The roles of one of the island's sessions, as its words have them.
    fn roles(&self, number: u32) -> &[u64] {
        let layout = &self.image.layout;
        match number {
            0 => &self.session.words[layout.roles_at..layout.coros_at],
            number => {
                let growth = self.session.growth();
                let guest = growth.and_then(|growth| growth.place(number).map(|at| &growth.guests[at]));
                guest.map_or(&[], |guest| &guest.roles)
            }
        }
    }

    /// The first of the island's sessions with a role whose site has crashed, the main one first, and that role; also of those that
    /// a speculation would bring back.
    fn crashed_site(&self) -> Option<(u32, RoleId)> {
        let network = &self.images.network;
        let crashed = |place: u32| {
            let (links, image) = (network.at(place)?, self.images.get(place as usize)?);
            links.first_crashed(image)
        };
        let main = crashed(self.session.image).map(|role| (0, role));
        let guest = |guest: &Guest| crashed(guest.image).map(|role| (guest.number, role));
        main.or_else(|| self.guests().iter().find_map(guest)).or_else(|| undone(self.session).find_map(guest))
    }

    /// Coroutines that have not ended.
    fn crew(&self) -> Vec<One> {
        let (words, layout) = (&self.session.words, &self.image.layout);
        let (near, far) = (&words[crate::layout::HEAD_READY..layout.roles_at], self.session.far());
        let one = |number: u16, role: u16, words: &[u64]| One {
            number,
            role: RoleId(role),
            pc: Pc(words[CORO_PC] as u32),
            gate: Gate::unpack(words[CORO_GATE]),
            ready: is_ready(near, far, number),
        };
        let mains = (0u16..).zip(&layout.places);
        let mains = mains.map(|(at, place)| one(at, at, &words[layout.coros_at + place.start as usize..]));
        let children = self.session.growth().into_iter().flat_map(|growth| &growth.children);
        let all = mains.chain(children.map(|child| one(child.number, child.role, &child.words)));
        all.filter(|one| !one.gate.has_ended()).collect()
    }

    /// Whether a coroutine owns an endpoint of a role whose site has crashed; where.
    fn owns_crashed(&self, coroutine: u16) -> Option<(u32, RoleId)> {
        let numbers = core::iter::once(0).chain(self.guests().iter().map(|guest| guest.number));
        numbers.into_iter().find_map(|number| {
            let links = self.links(number)?;
            let mut roles = (0u16..).map(RoleId).zip(self.roles(number));
            let owned = |(role, cell): &(RoleId, &u64)| (*cell >> 32) as u16 == coroutine && links.is_crashed(*role);
            roles.find(owned).map(|(role, _)| (number, role))
        })
    }

    fn runs_crashed(&self, one: One) -> bool {
        self.links(0).is_some_and(|links| links.is_crashed(one.role))
    }

    fn at_crashed_sites(&self) -> Vec<One> {
        let owns = |one: &One| self.owns_crashed(one.number).is_some() && !planted(Planted::TopologyCrashSparesOwners);
        self.crew().into_iter().filter(|one| self.runs_crashed(*one) || owns(one)).collect()
    }

    /// The owner of an endpoint, whether it has ended or not.
    fn owner_of(&self, number: u32, role: RoleId) -> Option<One> {
        let (layout, growth) = (&self.image.layout, self.session.growth());
        let owner = self.roles(number).get(role.index()).map_or(role.0, |cell| (cell >> 32) as u16);
        let (role, pc) = match layout.places.get(usize::from(owner)) {
            Some(place) => (owner, self.session.words[layout.coros_at + place.start as usize + CORO_PC]),
            None => {
                let child = growth.and_then(|growth| growth.children.iter().find(|child| child.number == owner));
                child.map_or((0, 0), |child| (child.role, child.words[CORO_PC]))
            }
        };
        Some(One { number: owner, role: RoleId(role), pc: Pc(pc as u32), gate: Gate::Halted, ready: false })
    }

    /// The name of the crashed site at which a coroutine was.
    fn site_of(&self, one: One) -> String {
        let (number, role) = if self.runs_crashed(one) {
            (0, one.role)
        } else {
            self.owns_crashed(one.number).or(self.crashed_site()).unwrap_or((0, one.role))
        };
        let kept = || undone(self.session).find(|guest| guest.number == number);
        let image = self.image_of(number).map(|(_, image)| image);
        let image = image.or_else(|| self.images.get(kept()?.image as usize).map(|image| &**image));
        image.map_or_else(String::new, |image| image.role_name(role).into())
    }

    /// Cancels who waits on what has failed, until nobody does. In order of their numbers, round after round.
    fn cancel(&mut self) -> Vec<One> {
        let mut cancelled = Vec::new();
        loop {
            let round: Vec<One> = self.crew().into_iter().filter(|one| self.waits_in_vain(one)).collect();
            if round.is_empty() {
                return cancelled;
            }
            round.iter().for_each(|one| self.fail(*one, Gate::Cancelled));
            cancelled.extend(round);
            if planted(Planted::TopologyNoCascade) {
                return cancelled;
            }
        }
    }

    /// Whether a coroutine waits on a role that has failed.
    fn waits_in_vain(&self, one: &One) -> bool {
        let (number, edge, receives) = match one.gate {
            _ if one.ready => return false,
            Gate::Message(edge) => (0, edge, true),
            Gate::GuestMessage(number, edge) => (number, edge, true),
            Gate::Room(edge) | Gate::Link(edge) => (0, edge, false),
            Gate::GuestRoom(number, edge) | Gate::GuestLink(number, edge) => (number, edge, false),
            _ => return false,
        };
        let Some((_, image)) = self.image_of(number) else { return false };
        let Some(ends) = image.edge(edge) else { return false };
        let other = RoleId(if receives { ends.sender } else { ends.receiver });
        let owner = self.roles(number).get(other.index()).map(|cell| (cell >> 32) as u16);
        let links = self.links(number);
        let late = receives && links.is_some_and(|links| links.is_timed_out(other));
        let gone = links.is_some_and(|links| links.is_crashed(other));
        late || gone || owner.is_some_and(|owner| self.is_gone(owner)) && !planted(Planted::TopologyNoCascade)
    }

    /// Whether a coroutine has failed.
    fn is_gone(&self, number: u16) -> bool {
        let layout = &self.image.layout;
        let word = match layout.places.get(usize::from(number)) {
            Some(place) => Some(self.session.words[layout.coros_at + place.start as usize + CORO_GATE]),
            None => {
                let mut children = self.session.growth().into_iter().flat_map(|growth| &growth.children);
                children.find(|child| child.number == number).map(|child| child.words[CORO_GATE])
            }
        };
        word.is_some_and(|word| matches!(Gate::unpack(word), Gate::Crashed | Gate::Cancelled))
    }

    /// A coroutine does not go on. What it has sent stays.
    fn fail(&mut self, one: One, gate: Gate) {
        if one.gate.has_ended() {
            return;
        }
        let (layout, number) = (&self.image.layout, CoroutineId(one.number));
        self.forget_waiting(one);
        self.session.set_gate(layout, number, gate);
        if let Some(word) = self.session.ready_word(layout, number) {
            *word &= !(1 << (one.number % 64));
        }
        let status = self.session.status();
        let live = status.live().saturating_sub(1);
        self.session.words[HEAD_STATUS] = Status::new(status.current(), live, status.deferred()).0;
        if let Some(ext) = self.session.ext.as_deref_mut() {
            ext.answers.retain(|(of, _)| *of != number);
            if let Some(growth) = ext.growth.as_deref_mut() {
                growth.knowledge.forget_coroutine(one.number);
            }
        }
    }

    /// An edge does not wake a coroutine that is gone.
    fn forget_waiting(&mut self, one: One) {
        let (edges_at, waits) = (self.image.layout.edges_at, u64::from(one.number) + 1);
        let forget = |words: &mut u64| {
            let header = Header(*words);
            if u64::from(header.receiver_waits()) == waits {
                *words &= !(0xffff << 32);
            }
            if u64::from(header.sender_waits()) == waits {
                *words &= !(0xffff << 48);
            }
        };
        let main = |edge: EdgeId| edges_at + edge.index() * EDGE_WORDS + EDGE_HEADER;
        match one.gate {
            Gate::Message(edge) | Gate::Room(edge) => forget(&mut self.session.words[main(edge)]),
            Gate::GuestMessage(number, edge) | Gate::GuestRoom(number, edge) => {
                let growth = self.session.growth_mut();
                let guest = growth.and_then(|growth| growth.place(number).map(|at| &mut growth.guests[at]));
                if let Some(guest) = guest {
                    forget(&mut guest.edges[edge.index()][EDGE_HEADER]);
                }
            }
            _ => {}
        }
    }
}

/// Whether some session of the island has a role of that name; which, and the role.
pub(super) fn roles_named<'a>(
    session: &'a Session,
    images: &'a Images,
    name: &'a str,
) -> impl Iterator<Item = (u32, RoleId)> + 'a {
    let guests = session.growth().into_iter().flat_map(|growth| &growth.guests);
    let all = core::iter::once((0, session.image)).chain(guests.map(|guest| (guest.number, guest.image)));
    all.filter_map(move |(number, image)| Some((number, images.get(image as usize)?.role(name)?)))
}

/// Sessions that instructions of the island opened, as an open speculation would bring them back.
fn undone(session: &Session) -> impl Iterator<Item = &Guest> {
    session.levels().filter_map(|level| level.growth.as_deref()).flat_map(|growth| &growth.guests)
}

/// Whether some session of the island has a role of that name, or would have it if a speculation were taken back.
pub(super) fn has_site(session: &Session, images: &Images, name: &str) -> bool {
    let named = |guest: &Guest| images.get(guest.image as usize).is_some_and(|image| image.role(name).is_some());
    let back = !planted(Planted::TopologyCrashSparesUndone);
    roles_named(session, images, name).next().is_some() || back && undone(session).any(named)
}

/// The event that a role's site has timed out, behind the word that says whose it is.
pub(super) fn timed_out(number: u32, role: RoleId, witness: u64) -> impl Iterator<Item = Event> {
    let event = Event { coroutine: CoroutineId(role.0), ..numbered(EventKind::TimeoutIssued, witness) };
    (number > 0).then(|| Event::guest(number)).into_iter().chain([event])
}

/// Whether some session of the island has an edge between roles of those names.
pub(super) fn island_has_link(session: &Session, images: &Images, from: &str, to: &str) -> bool {
    let guests = session.growth().into_iter().flat_map(|growth| &growth.guests).map(|guest| guest.image);
    core::iter::once(session.image).chain(guests).filter_map(|at| images.get(at as usize)).any(|image| {
        let ends = |role: u16| image.role_name(RoleId(role));
        image.parts.edges.iter().any(|edge| ends(edge.sender) == from && ends(edge.receiver) == to)
    })
}
