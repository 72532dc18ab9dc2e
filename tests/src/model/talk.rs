//! Communication: what a coroutine does through an endpoint that it holds.

use super::code::Code;
use super::fate::About;
use super::island::{Island, Queue, Step, Talk, Verdict, Waits, World};
use super::step::{Means, fits};
use motet_machine::{BackpressurePolicy, BufferMode, EffectOutcome, EffectResponse, SendDecision};
use motet_types::{Action, BranchPart, EdgeId, EffectKind, EventKind, FaultClass, LabelId, RoleId, Value};
use std::sync::Arc;

impl Island {
    /// The endpoint that a register holds, which the coroutine must own.
    pub(super) fn owned(&self, by: u16, register: u16) -> Result<(u32, RoleId), FaultClass> {
        let Value::Endpoint { session, role } = self.read(by, register) else { return Err(FaultClass::Type) };
        let cell = self.talks.get(&session.number()).and_then(|talk| talk.roles.get(role.index()));
        match cell {
            Some(cell) if session.host() == self.id && cell.owner == by => Ok((session.number(), role)),
            _ => Err(FaultClass::Channel),
        }
    }

    fn talk(&mut self, talk: u32) -> &mut Talk {
        self.talks.get_mut(&talk).expect("its endpoint was looked up")
    }

    fn edge(&mut self, talk: u32, edge: EdgeId) -> &mut Queue {
        &mut self.talk(talk).edges[edge.index()]
    }

    pub(super) fn communicate(&mut self, world: &mut World, by: u16, chan: u16, means: &Means) -> Step {
        let (talk, role) = self.owned(by, chan)?;
        if talk == 0 {
            return self.act(world, by, 0, role, means);
        }
        let there = &self.talks[&talk];
        let code = &world.codes[there.code];
        if there.draining {
            // What is in flight may be received, and nothing else.
            match code.state(there.roles[role.index()].state).action {
                Action::Recv(edge) if !there.edges[usize::from(edge)].messages.is_empty() => {}
                _ => return Err(FaultClass::Channel),
            }
        }
        let step = self.act(world, by, talk, role, means)?;
        match step {
            Verdict::Blocked(Waits::Message) => Ok(Verdict::Blocked(Waits::Guest(true))),
            Verdict::Blocked(Waits::Room) => Ok(Verdict::Blocked(Waits::Guest(false))),
            Verdict::Blocked(waits) => Ok(Verdict::Blocked(waits)),
            done => {
                self.settle(world, by, talk);
                Ok(done)
            }
        }
    }

    fn act(&mut self, world: &mut World, by: u16, talk: u32, role: RoleId, means: &Means) -> Step {
        let (main, code) = (self.code(world), Arc::clone(&world.codes[self.talks[&talk].code]));
        let pc = self.crew[&by].pc;
        let state = self.talks[&talk].roles[role.index()].state;
        let rows = &code.state(state).branches;
        match (means, code.state(state).action) {
            (Means::Send(val), Action::Send(edge)) => {
                let [row] = rows[..] else { return Err(FaultClass::Type) };
                self.send(world, by, (talk, role), *val, (EdgeId(edge), row, false))
            }
            (Means::Offer(val, label), Action::Send(edge)) => {
                let label = if talk == 0 { Some(*label) } else { code.label_of(&main, *label) };
                let row = rows.iter().find(|row| Some(LabelId(row.label)) == label).ok_or(FaultClass::Label)?;
                self.send(world, by, (talk, role), *val, (EdgeId(edge), *row, true))
            }
            (Means::Receive(dst), Action::Recv(edge)) => {
                let [row] = rows[..] else { return Err(FaultClass::Type) };
                let arms = [(row, *dst, pc + 1)];
                self.receive(world, by, (talk, role), EdgeId(edge), &arms, false)
            }
            (Means::Choose(table), Action::Recv(edge)) => {
                let table = &main.parts.tables[*table as usize];
                if table.len() != rows.len() {
                    return Err(FaultClass::Type);
                }
                let arms: Vec<_> = rows.iter().zip(table).map(|(row, arm)| (*row, arm.dst, arm.target)).collect();
                self.receive(world, by, (talk, role), EdgeId(edge), &arms, true)
            }
            (Means::Decide(table), Action::Send(_)) => {
                let table = &main.parts.tables[*table as usize];
                if table.len() != rows.len() || !world.wants.contains(EffectKind::Choose) {
                    return Err(if table.len() == rows.len() { FaultClass::Invoke } else { FaultClass::Type });
                }
                match self.ask(world, by, EffectKind::Choose, &About::Labels(rows.len())) {
                    EffectOutcome::Success(EffectResponse::Choose(at)) if at < rows.len() => {
                        self.go(world, by, table[at].target)
                    }
                    _ => Err(FaultClass::Invoke),
                }
            }
            _ => Err(FaultClass::Type),
        }
    }

    /// Leaves a message out, which the types must not notice: the state behind it is the same type.
    fn drop_message(&mut self, world: &mut World, by: u16, (talk, role): (u32, RoleId), next: Option<u32>) -> Step {
        let Some(next) = next else { return Err(FaultClass::Buffer) };
        world.dropped += 1;
        self.talk(talk).roles[role.index()].state = next;
        self.go(world, by, self.crew[&by].pc + 1).map(|_| Verdict::Yielded)
    }

    fn send(
        &mut self,
        world: &mut World,
        by: u16,
        (talk, role): (u32, RoleId),
        val: u16,
        (edge, row, offered): (EdgeId, BranchPart, bool),
    ) -> Step {
        let code: Arc<Code> = Arc::clone(&world.codes[self.talks[&talk].code]);
        let (label, state) = (LabelId(row.label), self.talks[&talk].roles[role.index()].state);
        let sort = code.label_sort(label);
        let mut value = self.read(by, val);
        if !value.has_sort(&code.sorts, sort) {
            return Err(FaultClass::Type);
        }
        if world.sites.is_down(&code, edge) {
            self.crew.get_mut(&by).expect("it runs").at = (talk, edge);
            return Ok(Verdict::Blocked(Waits::Link));
        }
        let elastic = code.is_elastic(state, row, edge);
        let buffer = world.config.buffer;
        let holds = match buffer.policy {
            BackpressurePolicy::Resize { max } => max.max(buffer.capacity),
            _ => buffer.capacity,
        };
        let queue = &self.talks[&talk].edges[edge.index()];
        let overwrites = buffer.mode == BufferMode::LatestValue
            && elastic
            && queue.messages.back().is_some_and(|(_, last, _)| *last == label);
        if queue.messages.len() >= usize::from(holds) && !overwrites {
            return match buffer.policy {
                BackpressurePolicy::Block => {
                    self.edge(talk, edge).sender = Some(by);
                    self.crew.get_mut(&by).expect("it runs").at = (talk, edge);
                    Ok(Verdict::Blocked(Waits::Room))
                }
                BackpressurePolicy::Drop => self.drop_message(world, by, (talk, role), elastic.then_some(row.next)),
                _ => Err(FaultClass::Buffer),
            };
        }
        if world.wants.contains(EffectKind::SendDecision) {
            match self.ask(world, by, EffectKind::SendDecision, &About::Value(&code.sorts, sort)) {
                EffectOutcome::Success(EffectResponse::SendDecision(decision)) => match decision {
                    SendDecision::Deliver => {}
                    SendDecision::Drop => {
                        return self.drop_message(world, by, (talk, role), elastic.then_some(row.next));
                    }
                    SendDecision::Defer => return Ok(Verdict::Blocked(Waits::Turn)),
                    SendDecision::Replace(other) if fits(world, &code, &other, sort) => value = other,
                    SendDecision::Replace(_) => return Err(FaultClass::Invoke),
                },
                _ => return Err(FaultClass::Invoke),
            }
        }
        let arrives = world.sites.on_its_way(&code, edge, self.edge(talk, edge).sent, value.clone());
        let queue = self.edge(talk, edge);
        if arrives != value {
            queue.spoilt.insert(queue.sent as u32);
        }
        let value = arrives;
        let message = (queue.sent as u32, label, value);
        queue.sent += 1;
        let woken = if overwrites {
            world.dropped += u64::from(queue.messages.pop_back().is_some());
            None
        } else {
            queue.receiver.take()
        };
        queue.messages.push_back(message);
        self.wake(woken);
        self.talk(talk).roles[role.index()].state = row.next;
        self.message_event(world, talk, by, EventKind::Sent, (edge, label));
        if offered {
            self.message_event(world, talk, by, EventKind::Offered, (edge, label));
        }
        let pc = self.crew[&by].pc;
        self.go(world, by, pc + 1).map(|ran| if overwrites { Verdict::Yielded } else { ran })
    }

    /// Takes the edge's first message; `arms` say for each branch where its payload goes and where execution does.
    fn receive(
        &mut self,
        world: &mut World,
        by: u16,
        (talk, role): (u32, RoleId),
        edge: EdgeId,
        arms: &[(BranchPart, u16, u32)],
        chosen: bool,
    ) -> Step {
        let code = Arc::clone(&world.codes[self.talks[&talk].code]);
        let queue = self.edge(talk, edge);
        let Some(message) = queue.messages.front().cloned() else {
            queue.receiver = Some(by);
            self.crew.get_mut(&by).expect("it runs").at = (talk, edge);
            return Ok(Verdict::Blocked(Waits::Message));
        };
        let called = self.expect(world, talk, edge, &message)?;
        let (number, label, mut value) = message;
        let arm = arms.iter().find(|(row, ..)| row.label == label.0);
        let (row, dst, target) = *arm.ok_or(FaultClass::Label)?;
        // Only a corrupted link makes another of it than was sent.
        if !value.has_sort(&code.sorts, code.label_sort(label)) {
            return Err(FaultClass::Type);
        }
        if world.wants.contains(EffectKind::Receive) {
            let sort = code.label_sort(label);
            match self.ask(world, by, EffectKind::Receive, &About::Value(&code.sorts, sort)) {
                EffectOutcome::Success(EffectResponse::Receive(None)) => {}
                EffectOutcome::Success(EffectResponse::Receive(Some(other))) if fits(world, &code, &other, sort) => {
                    value = other;
                }
                _ => return Err(FaultClass::Invoke),
            }
        }
        let queue = self.edge(talk, edge);
        queue.messages.pop_front();
        queue.next = u64::from(number) + 1;
        let woken = queue.sender.take();
        self.wake(woken);
        self.took(world, called);
        self.write(by, dst, value);
        self.talk(talk).roles[role.index()].state = row.next;
        world.messages += 1;
        self.message_event(world, talk, by, EventKind::Received, (edge, label));
        if chosen {
            self.message_event(world, talk, by, EventKind::Chose, (edge, label));
        }
        self.go(world, by, target)
    }
}
