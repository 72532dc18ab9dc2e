//! Sessions that instructions open and close, coroutines that they start, endpoints that change hands.

use super::island::{Coroutine, Island, Step, Talk, Verdict, Waits, World};
use motet_machine::ReceiptState;
use motet_types::{CoroutineId, EdgeId, Event, EventKind, FaultClass, LabelId, RoleId, Terminal, Value};

impl Island {
    pub(super) fn open_session(&mut self, world: &mut World, by: u16, dst: u16, plan: u16, pc: u32) -> Step {
        let at = self.code(world).plans[usize::from(plan)];
        let roles = world.codes[at].parts.roles.len();
        if usize::from(dst) + roles > self.crew[&by].registers.len() {
            return Err(FaultClass::Register);
        }
        if self.talks.len() > usize::from(world.config.max_guest_sessions) {
            return Err(FaultClass::Close);
        }
        if world.sites.has_crashed(&world.codes[at]) {
            return Err(FaultClass::Close);
        }
        let number = self.opened + 1;
        (self.opened, self.grown) = (number, true);
        self.talks.insert(number, Talk::open(&world.codes, at, plan, Some(by)));
        for role in 0..roles as u16 {
            let endpoint = Value::Endpoint { session: self.id.guest(number), role: RoleId(role) };
            self.write(by, dst + role, endpoint);
        }
        self.message_event(world, number, by, EventKind::Opened, (EdgeId(0), LabelId(plan)));
        self.go(world, by, pc + 1)
    }

    pub(super) fn close_session(&mut self, world: &mut World, by: u16, register: u16, pc: u32) -> Step {
        let (talk, _) = self.owned(by, register)?;
        if talk == 0 {
            if !self.levels.is_empty() {
                return Err(FaultClass::Close);
            }
            self.tell(world, 0, Event::plain(EventKind::Closed, CoroutineId(by), 0));
            return Ok(Verdict::Closed);
        }
        let there = self.talks.get_mut(&talk).ok_or(FaultClass::Channel)?;
        let again = std::mem::replace(&mut there.draining, true);
        self.discard(world, by, talk, again);
        self.go(world, by, pc + 1)
    }

    /// Discards what is in flight: everything, or what the coroutine was to receive. Whoever waits is woken.
    pub(super) fn discard(&mut self, world: &mut World, by: u16, talk: u32, everything: bool) {
        let Some(there) = self.talks.get_mut(&talk) else { return };
        let parts = &world.codes[there.code].parts;
        let mut woken = Vec::new();
        for (queue, part) in there.edges.iter_mut().zip(&parts.edges) {
            if everything || there.roles[usize::from(part.receiver)].owner == by {
                queue.messages.clear();
            }
            woken.extend([queue.receiver.take(), queue.sender.take()]);
        }
        woken.into_iter().for_each(|one| self.wake(one));
        for one in self.crew.values_mut().filter(|one| one.waits == Waits::Link && one.at.0 == talk) {
            one.ready = true;
        }
        self.settle(world, by, talk);
    }

    /// Ends a session that has nothing left to do.
    pub(super) fn settle(&mut self, world: &mut World, by: u16, talk: u32) {
        let Some(there) = self.talks.get(&talk) else { return };
        let states = &world.codes[there.code].parts.states;
        let over = there.roles.iter().all(|cell| states[cell.state as usize].branches.is_empty());
        let drained = there.draining && there.in_flight() == 0;
        if !drained && (there.draining || !over) {
            return;
        }
        let waiting = there.edges.iter().flat_map(|queue| [queue.receiver, queue.sender]).collect::<Vec<_>>();
        waiting.into_iter().for_each(|one| self.wake(one));
        self.talks.remove(&talk);
        self.knowledge.retain(|one| one.1 != talk);
        let coroutine = CoroutineId(by);
        if drained {
            self.tell(world, talk, Event::plain(EventKind::Closed, coroutine, 0));
        }
        self.tell(world, talk, Event::plain(EventKind::SessionTerminal, coroutine, Terminal::Closed as u8));
        if drained {
            self.tell(world, talk, Event::speculation(EventKind::EpochAdvanced, coroutine, 1));
        }
    }

    pub(super) fn spawn(&mut self, world: &mut World, by: u16, args: u16, dst: u16, target: u32, pc: u32) -> Step {
        let parent = &self.crew[&by];
        if usize::from(args) > parent.registers.len() {
            return Err(FaultClass::Register);
        }
        if self.live() >= usize::from(world.config.max_coroutines) {
            return Err(FaultClass::Speculation);
        }
        let role = parent.role;
        let number = self.main().roles.len() as u16 + self.spawned;
        let mut registers = parent.registers[..usize::from(args)].to_vec();
        let code = self.code(world);
        registers.resize(usize::from(code.parts.roles[usize::from(role)].registers), Value::Unit);
        let child = Coroutine {
            role,
            at: (0, EdgeId(0)),
            pc: code.lead(target),
            counter: 0,
            waits: Waits::Nothing,
            ready: true,
            registers,
        };
        self.crew.insert(number, child);
        (self.spawned, self.grown) = (self.spawned + 1, true);
        self.write(by, dst, Value::Nat(u64::from(number)));
        self.go(world, by, pc + 1)
    }

    pub(super) fn transfer(&mut self, world: &mut World, by: u16, register: u16, target: u16, pc: u32) -> Step {
        let (talk, role) = self.owned(by, register)?;
        let Value::Nat(target) = self.read(by, target) else { return Err(FaultClass::Type) };
        let alive = |to: &u16| self.crew.get(to).is_some_and(|one| !one.waits.is_over());
        let to = u16::try_from(target).ok().filter(alive).filter(|to| *to != by).ok_or(FaultClass::Transfer)?;
        let facts = self.hand_over(world, by, to, (talk, role))?;
        let there = self.talks.get_mut(&talk).ok_or(FaultClass::Channel)?;
        let cell = &mut there.roles[role.index()];
        cell.owner = to;
        let token = !world.codes[there.code].state(cell.state).branches.is_empty();
        (self.delegated, self.grown) = (self.delegated + 1, true);
        let (from, to) = (CoroutineId(by), CoroutineId(to));
        self.receipts.push(ReceiptState { number: self.delegated, guest: talk, role, from, to, token, facts });
        self.message_event(world, talk, by, EventKind::Transferred, (EdgeId(role.0), LabelId(to.0)));
        self.go(world, by, pc + 1)
    }
}
