//! One instruction, as the specification says it: registers, control, effects and guards. What concerns sessions is in
//! [`talk`](super::talk) and [`sessions`](super::sessions), speculation in [`speculation`](super::speculation).

use super::code::Code;
use super::fate::About;
use super::island::{Evidence, Island, Step, Verdict, Waits, World};
use motet_heap::{Resource, ResourceId};
use motet_machine::{Ask, EffectCoordinate, EffectOutcome, EffectResponse, Wanted};
use motet_types::{
    CoroutineId, Digester, EdgeId, EffectFailureKind, EffectKind, EffectRow, Event, EventKind, FaultClass, Instr,
    LabelId, LayerId, RoleId, SortId, Value,
};
use std::sync::Arc;

/// How an instruction that names a communication means it.
pub(super) enum Means {
    /// `Send`: the one label there is.
    Send(u16),
    /// `Offer`: a label of the code.
    Offer(u16, LabelId),
    Receive(u16),
    Choose(u32),
    Decide(u32),
}

impl Island {
    pub(super) fn code(&self, world: &World) -> Arc<Code> {
        Arc::clone(&world.codes[self.main().code])
    }

    pub(super) fn read(&self, by: u16, register: u16) -> Value {
        self.crew[&by].registers[usize::from(register)].clone()
    }

    pub(super) fn write(&mut self, by: u16, register: u16, value: Value) {
        self.crew.get_mut(&by).expect("it runs").registers[usize::from(register)] = value;
    }

    /// Execution goes on at `pc`.
    pub(super) fn go(&mut self, world: &World, by: u16, pc: u32) -> Step {
        let to = self.code(world).lead(pc);
        self.crew.get_mut(&by).expect("it runs").pc = to;
        Ok(Verdict::Ran)
    }

    pub(super) fn step(&mut self, world: &mut World, by: u16) -> Step {
        let code = self.code(world);
        let pc = self.crew[&by].pc;
        let instr = *code.instrs.get(pc as usize).ok_or(FaultClass::Pc)?;
        match instr {
            Instr::Send { chan, val } => self.communicate(world, by, chan, &Means::Send(val)),
            Instr::Offer { chan, val, label } => {
                self.communicate(world, by, chan, &Means::Offer(val, LabelId(label as u16)))
            }
            Instr::Receive { chan, dst } => self.communicate(world, by, chan, &Means::Receive(dst)),
            Instr::Choose { chan, table } => self.communicate(world, by, chan, &Means::Choose(table)),
            Instr::Decide { chan, table } => self.communicate(world, by, chan, &Means::Decide(table)),
            Instr::Set { dst, constant } => {
                self.write(by, dst, code.constants[constant as usize].clone());
                self.go(world, by, pc + 1)
            }
            Instr::Move { dst, src } => {
                let value = self.read(by, src);
                self.write(by, dst, value);
                self.go(world, by, pc + 1)
            }
            Instr::Jump { target } => self.go(world, by, target),
            Instr::Branch { on, table } => {
                let at = match self.read(by, on) {
                    Value::Nat(number) => usize::try_from(number).unwrap_or(usize::MAX),
                    Value::Bool(truth) => usize::from(truth),
                    _ => return Err(FaultClass::Type),
                };
                let row = code.parts.tables[table as usize].get(at);
                self.go(world, by, row.map_or(pc + 1, |row| row.target))
            }
            Instr::Yield {} => self.go(world, by, pc + 1).map(|_| Verdict::Yielded),
            Instr::Cast { val, sort } => match self.read(by, val).has_sort(&code.sorts, SortId(sort as u16)) {
                true => self.go(world, by, pc + 1),
                false => Err(FaultClass::Type),
            },
            Instr::Halt {} => self.halt(world, by),
            Instr::Invoke { arg: _, dst, effect } => self.invoke(world, by, dst, EffectRow(effect as u16), pc),
            Instr::Acquire { dst, layer } => self.acquire(world, by, dst, LayerId(layer as u16), pc),
            Instr::Release { evidence, layer } => self.release(world, by, evidence, LayerId(layer as u16), pc),
            Instr::Open { dst, plan } => self.open_session(world, by, dst, plan as u16, pc),
            Instr::Close { session } => self.close_session(world, by, session, pc),
            Instr::Spawn { args, dst, target } => self.spawn(world, by, args, dst, target, pc),
            Instr::Transfer { endpoint, target, .. } => self.transfer(world, by, endpoint, target, pc),
            Instr::Fork { ghost } => self.fork(world, by, ghost, pc),
            Instr::Join {} => self.join(world, by, pc),
            Instr::Abort {} => self.abort(world, by, pc),
            Instr::Tag { fact, dst } => self.tag(world, by, fact, dst, pc),
            Instr::Check { knowledge, target, dst } => self.check(world, by, [knowledge, target, dst as u16], pc),
        }
    }

    /// Every endpoint that the coroutine owns must be at its end; of sessions that are closing, what it was still to
    /// receive is discarded.
    fn halt(&mut self, world: &mut World, by: u16) -> Step {
        let over = |talk: u32| {
            let talk = &self.talks[&talk];
            let states = &world.codes[talk.code].parts.states;
            let mut owned = talk.roles.iter().filter(|cell| cell.owner == by);
            owned.all(|cell| states[cell.state as usize].branches.is_empty())
        };
        let closing = |talk: u32| talk > 0 && self.talks[&talk].draining;
        if !self.talks.keys().all(|talk| closing(*talk) || over(*talk)) {
            return Err(FaultClass::Type);
        }
        for talk in self.talks.keys().copied().filter(|talk| closing(*talk)).collect::<Vec<_>>() {
            self.discard(world, by, talk, false);
        }
        self.knowledge.retain(|one| one.0 != by);
        self.tell(world, 0, Event::plain(EventKind::Halted, CoroutineId(by), 0));
        Ok(Verdict::Halted)
    }

    /// Asks the host at once, and counts.
    pub(super) fn ask(&mut self, world: &World, by: u16, kind: EffectKind, about: &About<'_>) -> EffectOutcome {
        let at = self.coordinate(by);
        self.crew.get_mut(&by).expect("it runs").counter += 1;
        world.fate.answer(at, kind, about)
    }

    /// Has something asked between waves.
    fn defer(&mut self, world: &mut World, by: u16, wanted: Wanted) -> Step {
        let coordinate = self.coordinate(by);
        let one = self.crew.get_mut(&by).expect("it runs");
        one.counter += 1;
        world.asks.push(Ask { coordinate, role: RoleId(one.role), wanted });
        Ok(Verdict::Blocked(Waits::Answer))
    }

    /// The answer that the coroutine waited for, once. A speculation remembers that it was used.
    fn late(&mut self, by: u16) -> Option<EffectOutcome> {
        let at = self.answers.iter().position(|(of, _)| *of == by)?;
        let answer = self.answers.remove(at);
        if let Some(level) = self.levels.last_mut() {
            level.spent.push(answer.clone());
        }
        Some(answer.1)
    }

    fn outside_speculation(&self) -> Result<(), FaultClass> {
        if self.levels.is_empty() { Ok(()) } else { Err(FaultClass::Speculation) }
    }

    fn invoke(&mut self, world: &mut World, by: u16, dst: u16, effect: EffectRow, pc: u32) -> Step {
        let code = self.code(world);
        let part = &code.parts.effects[effect.index()];
        let about = About::Value(&code.sorts, SortId(part.answer));
        let outcome = if part.may_block {
            match self.late(by) {
                Some(outcome) => outcome,
                None => {
                    self.outside_speculation()?;
                    return self.defer(world, by, Wanted::Answer { effect, argument: Value::Unit });
                }
            }
        } else if world.wants.contains(EffectKind::InvokeStep) {
            self.ask(world, by, EffectKind::InvokeStep, &about)
        } else {
            EffectOutcome::accept(EffectKind::InvokeStep)
        };
        let EffectOutcome::Success(EffectResponse::InvokeStep(value)) = outcome else {
            return Err(FaultClass::Invoke);
        };
        if !fits(world, &code, &value, SortId(part.answer)) {
            return Err(FaultClass::Invoke);
        }
        self.write(by, dst, value);
        self.message_event(world, 0, by, EventKind::Invoked, (EdgeId(0), LabelId(effect.0)));
        self.go(world, by, pc + 1)
    }

    fn acquire(&mut self, world: &mut World, by: u16, dst: u16, layer: LayerId, pc: u32) -> Step {
        self.outside_speculation()?;
        let Some(outcome) = self.late(by) else { return self.defer(world, by, Wanted::Guard(layer)) };
        let granted = match outcome {
            EffectOutcome::Success(EffectResponse::Acquire(granted)) => granted,
            _ => return Err(FaultClass::Acquire),
        };
        if granted.wire_size() > world.config.max_payload_bytes {
            return Err(FaultClass::Acquire);
        }
        let one = &self.crew[&by];
        let at = EffectCoordinate { session: self.id, coroutine: CoroutineId(by), counter: one.counter - 1 };
        let id = evidence_id(at, one.role, layer, &granted)?;
        let evidence = Evidence { session: self.id, layer: layer.0, consumed: false };
        if world.evidence.insert(id.clone(), evidence).is_some() {
            return Err(FaultClass::Acquire);
        }
        self.write(by, dst, Value::Str(id.as_str().into()));
        self.message_event(world, 0, by, EventKind::Acquired, (EdgeId(0), LabelId(layer.0)));
        self.go(world, by, pc + 1)
    }

    fn release(&mut self, world: &mut World, by: u16, register: u16, layer: LayerId, pc: u32) -> Step {
        self.outside_speculation()?;
        let Value::Str(id) = self.read(by, register) else { return Err(FaultClass::Acquire) };
        let id = id.to_string();
        let ours = |one: &&Evidence| one.session == self.id && one.layer == layer.0 && !one.consumed;
        world.evidence.get(&id).filter(ours).ok_or(FaultClass::Acquire)?;
        if world.wants.contains(EffectKind::Release) {
            match self.ask(world, by, EffectKind::Release, &About::Nothing) {
                EffectOutcome::Success(EffectResponse::Release) => {}
                _ => return Err(FaultClass::Acquire),
            }
        }
        world.evidence.get_mut(&id).ok_or(FaultClass::Acquire)?.consumed = true;
        self.message_event(world, 0, by, EventKind::Released, (EdgeId(0), LabelId(layer.0)));
        self.go(world, by, pc + 1)
    }
}

/// The id of a guard's evidence: of the heap resource that says who was granted what, and where.
pub(crate) fn evidence_id(
    at: EffectCoordinate,
    role: u16,
    layer: LayerId,
    granted: &Value,
) -> Result<String, FaultClass> {
    let mut data = Vec::new();
    data.u64(at.session.0);
    data.u16(role);
    data.u16(layer.0);
    data.u32(at.counter);
    granted.digest(&mut data);
    let resource = Resource::Value { tag: "motet.guard".into(), data };
    let stored = resource.encode().map_err(|_| FaultClass::Acquire)?;
    let number = u64::from(at.coroutine.0) << 32 | u64::from(at.counter);
    Ok(ResourceId::derive(&at.session.0.to_le_bytes(), number, &stored).to_string())
}

/// Whether a host's value may stand where this sort does.
pub(super) fn fits(world: &World, code: &Code, value: &Value, sort: SortId) -> bool {
    value.has_sort(&code.sorts, sort) && value.wire_size() <= world.config.max_payload_bytes
}

/// An answer of the host's own to a guard of a layer that the configuration does not have, or has shut.
pub(super) fn unguarded(world: &World, layer: LayerId) -> Option<EffectOutcome> {
    let layers = &world.config.guard_layers;
    let why = match layers.iter().find(|row| row.id == layer) {
        _ if layers.is_empty() => return None,
        Some(row) if row.active => return None,
        Some(_) => "the guard layer is not active",
        None => "the configuration has no such guard layer",
    };
    Some(EffectOutcome::failure(EffectFailureKind::Unavailable, why))
}
