//! A session as it stands in the old image, made one of the new image.

use super::points::Rest;
use super::target::Target;
use super::{UpgradeDecision, UpgradeObstacle, UpgradePlan};
use crate::edge::BufferConfig;
use crate::image::CodeImage;
use crate::op::Op;
use crate::outbox::Ask;
use crate::session::Session;
use crate::state::decode::{CoroutineState, EdgeState, GrowthState, SessionState, Standing};
use crate::verify::Held;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use motet_types::{LabelId, Pc, Planted, RoleId, SessionId, SortId, StateId, Value, planted};

/// A session of the new image, and the effects that it waits to have answered.
pub(super) type Carried = (Session, Vec<Ask>);

use UpgradeDecision::{Finishes, Waits};

/// What of an island cannot move, or not yet.
fn island(state: &SessionState) -> Result<(), UpgradeDecision> {
    let GrowthState { moved, receipts, children, guests, knowledge, .. } = match &state.growth {
        Some(growth) => growth,
        None => return Ok(()),
    };
    let in_the_way = [
        (!guests.is_empty(), UpgradeObstacle::Opened),
        (!children.is_empty(), UpgradeObstacle::Spawned),
        (!moved.is_empty() || !receipts.is_empty(), UpgradeObstacle::Delegated),
        (!knowledge.is_empty(), UpgradeObstacle::Knows),
    ];
    in_the_way.into_iter().find(|(is, _)| *is).map_or(Ok(()), |(_, obstacle)| Err(Waits(obstacle)))
}

impl UpgradePlan {
    fn role(&self, role: RoleId) -> String {
        self.old.role_name(role).into()
    }

    /// The session in the new image's terms, or what becomes of it instead.
    pub(super) fn carry(
        &mut self,
        mut state: SessionState,
        buffer: &BufferConfig,
    ) -> Result<SessionState, UpgradeDecision> {
        if state.speculation.is_some() {
            return Err(Waits(UpgradeObstacle::Speculates));
        }
        island(&state)?;
        if state.ledger.is_some() {
            return Err(Finishes(UpgradeObstacle::Watched));
        }
        let begins = self.options.at_start && self.is_at_start(&state);
        let edges = core::mem::take(&mut state.edges);
        state.edges = self.carry_edges(edges)?;
        let mut later = None;
        for at in 0..state.coroutines.len() {
            let role = RoleId(at as u16);
            match self.carry_coroutine(state.id, role, &state.coroutines[at], begins) {
                Ok(carried) => state.coroutines[at] = carried,
                // What will never move is worth more than what does not move yet.
                Err(Waits(obstacle)) => _ = later.get_or_insert(obstacle),
                Err(other) => return Err(other),
            }
        }
        if let Some(obstacle) = later {
            return Err(Waits(obstacle));
        }
        self.stand(&mut state, buffer);
        Ok(state)
    }

    /// Whether every role stands at the beginning of its type, and nothing is in flight.
    fn is_at_start(&self, state: &SessionState) -> bool {
        let roles = self.old.parts.roles.iter().zip(&state.coroutines);
        let first = roles.into_iter().all(|(part, coroutine)| part.initial == coroutine.state.0);
        first && state.edges.iter().all(|edge| edge.messages.is_empty())
    }

    fn carry_edges(&self, edges: Vec<EdgeState>) -> Result<Vec<EdgeState>, UpgradeDecision> {
        let empty = || EdgeState { sent: 0, messages: Vec::new() };
        let mut carried: Vec<EdgeState> = self.new.parts.edges.iter().map(|_| empty()).collect();
        for (at, edge) in edges.into_iter().enumerate() {
            let to = self.edges[at].and_then(|to| carried.get_mut(usize::from(to)));
            let Some(to) = to else {
                match edge.messages.first() {
                    Some(message) => return Err(self.stays_in_flight(at, message.label)),
                    None => continue,
                }
            };
            to.sent = edge.sent;
            for mut message in edge.messages {
                let label = self.labels.get(message.label.index()).copied().flatten();
                message.label = match label {
                    Some(label) => LabelId(label),
                    None if planted(Planted::UpgradeKeepsLabels) => message.label,
                    None => return Err(self.stays_in_flight(at, message.label)),
                };
                to.messages.push(message);
            }
        }
        Ok(carried)
    }

    fn stays_in_flight(&self, edge: usize, label: LabelId) -> UpgradeDecision {
        let ends = self.old.parts.edges.get(edge).map(|edge| (RoleId(edge.sender), RoleId(edge.receiver)));
        let (sender, receiver) = ends.unwrap_or((RoleId(u16::MAX), RoleId(u16::MAX)));
        let label = self.old.label_name(label).into();
        Waits(UpgradeObstacle::InFlight { label, sender: self.role(sender), receiver: self.role(receiver) })
    }

    /// A coroutine where the new code does what it is about to do.
    fn carry_coroutine(
        &mut self,
        id: SessionId,
        role: RoleId,
        coroutine: &CoroutineState,
        begins: bool,
    ) -> Result<CoroutineState, UpgradeDecision> {
        match coroutine.standing {
            Standing::Crashed | Standing::Cancelled => {
                return Err(Finishes(UpgradeObstacle::Failed { role: self.role(role) }));
            }
            Standing::AwaitsLink => return Err(Waits(UpgradeObstacle::Link { role: self.role(role) })),
            _ => {}
        }
        let states = self.states(role, coroutine.state, begins)?;
        let (state, pc) = self.meet(role, coroutine, &states)?;
        let registers = self.carry_registers(id, role, coroutine, pc)?;
        let (counter, standing) = (coroutine.counter, coroutine.standing.clone());
        Ok(CoroutineState { pc, counter, state: StateId(state), standing, registers })
    }

    /// The states in which the role may go on.
    fn states(&mut self, role: RoleId, state: StateId, begins: bool) -> Result<Vec<u32>, UpgradeDecision> {
        if begins {
            return Ok(self.new.parts.roles[role.index()..].iter().take(1).map(|part| part.initial).collect());
        }
        if planted(Planted::UpgradeTrustsTypes) {
            return Ok((0..self.new.parts.states.len() as u32)
                .filter(|at| self.new.parts.states[*at as usize].role == role.0)
                .collect());
        }
        let why = match self.targets.of(&self.new, role.0, state) {
            Target::States(states) => return Ok(states.to_vec()),
            Target::None(why) => why.clone(),
        };
        let later = self.targets.lies_ahead(&self.old, &self.new, state)
            || self.options.at_start && self.returns_to_start(role, state);
        let obstacle = UpgradeObstacle::Type { role: self.role(role), why };
        Err(if later { Waits(obstacle) } else { Finishes(obstacle) })
    }

    /// Whether a role can come to the beginning of its type again.
    fn returns_to_start(&self, role: RoleId, state: StateId) -> bool {
        let Some(initial) = self.old.parts.roles.get(role.index()).map(|part| part.initial) else { return false };
        let mut met = alloc::collections::BTreeSet::from([state.0]);
        let mut todo = alloc::vec![state.0];
        while let Some(at) = todo.pop() {
            if at == initial {
                return true;
            }
            let branches = self.old.parts.states.get(at as usize).map_or(&[][..], |part| &part.branches);
            todo.extend(branches.iter().map(|branch| branch.next).filter(|next| met.insert(*next)));
        }
        false
    }

    /// Where the new code does, in one of those states, what the coroutine is about to do.
    fn meet(&self, role: RoleId, coroutine: &CoroutineState, states: &[u32]) -> Result<(u32, Pc), UpgradeDecision> {
        let (old, pc) = (&self.old, coroutine.pc);
        let busy = || Waits(UpgradeObstacle::Busy { role: self.role(role), pc });
        let op = old.ops.get(pc.index()).ok_or_else(busy)?;
        let entry = |image: &CodeImage| Pc(image.parts.roles[role.index()].code_start);
        let Some(rest) = Rest::of(op) else {
            // Code that has not begun begins anew, where its type does.
            let initial = self.new.parts.roles[role.index()].initial;
            let unbegun = pc == entry(old) && coroutine.counter == 0 && states.contains(&initial);
            return if unbegun { Ok((initial, entry(&self.new))) } else { Err(busy()) };
        };
        if self.from.typing.rests(pc) != Some(coroutine.state.0) && !planted(Planted::UpgradeSplitsDecision) {
            return Err(busy());
        }
        let sought = match rest {
            Rest::Asks(row) => self.effects.get(usize::from(row)).copied().flatten().map(Rest::Asks),
            rest => Some(rest),
        };
        let found = |state: &u32| Some((*state, self.to.find(*state, sought?)?));
        let mut places = states.iter().filter_map(found).peekable();
        let several = places.peek().is_some();
        if let Some((state, pc)) = places.find_map(|(state, pc)| Some((state, pc?))) {
            return Ok((state, pc));
        }
        let what = match (op, rest.effect(), rest.layer()) {
            (_, Some(row), _) => {
                let effect = old.effects().get(row.index());
                effect.map_or_else(String::new, |part| format!("ask {}.{}", part.interface, part.operation))
            }
            (_, _, Some(layer)) => format!("acquire the guard {layer}"),
            (Op::Halt { .. }, ..) => String::from("end"),
            (Op::Receive(_) | Op::Choose { .. }, ..) => String::from("receive"),
            _ => String::from("send"),
        };
        let places = if several { "in several places" } else { "nowhere" };
        Err(Waits(UpgradeObstacle::Point { role: self.role(role), what, places }))
    }

    /// What the new code's registers hold at an instruction: of each sort what the old code's hold of it, and where they
    /// hold none, the sort's default, as code does that has met none.
    fn carry_registers(
        &self,
        id: SessionId,
        role: RoleId,
        coroutine: &CoroutineState,
        pc: Pc,
    ) -> Result<Vec<Value>, UpgradeDecision> {
        let held = self.from.typing.registers(coroutine.pc).unwrap_or_default();
        let needed = self.to.typing.registers(pc).unwrap_or_default();
        let refused = |sort: String| Waits(UpgradeObstacle::Register { role: self.role(role), sort });
        let value = |(at, needed): (usize, &Held)| match needed {
            Held::Own => Ok(Value::Endpoint { session: id, role }),
            Held::Unit | Held::Unknown => Ok(Value::Unit),
            Held::Endpoint => Err(refused(String::from("endpoint"))),
            Held::Sort(sort) => {
                let same = |held: &Held| matches!(held, Held::Sort(held) if super::sorts_agree((&self.old, held.0), (&self.new, sort.0)));
                let registers: Vec<usize> =
                    held.iter().enumerate().filter(|(_, held)| same(held)).map(|(at, _)| at).collect();
                let from = match registers[..] {
                    [] => None,
                    [one] => Some(one),
                    // Several of one sort are told apart by their numbers, where the new code has the same.
                    _ if registers.contains(&at) => Some(at),
                    _ => return Err(refused(self.new.sorts.display(*sort).to_string())),
                };
                let carried = from.filter(|_| !planted(Planted::UpgradeForgetsRegisters));
                let value = match carried {
                    Some(from) => coroutine.registers.get(from).cloned(),
                    None => Value::default_of(&self.new.sorts, SortId(sort.0)),
                };
                value.ok_or_else(|| refused(self.new.sorts.display(*sort).to_string()))
            }
        };
        needed.iter().enumerate().map(value).collect()
    }

    /// What every coroutine waits for in the new image. Whoever waited for a message or for room may find the one where
    /// the other was expected.
    fn stand(&self, state: &mut SessionState, buffer: &BufferConfig) {
        let holds = usize::from(buffer.holds());
        let queued = |edges: &[EdgeState], edge: usize| edges.get(edge).map_or(0, |edge| edge.messages.len());
        for coroutine in &mut state.coroutines {
            let waits = matches!(coroutine.standing, Standing::AwaitsMessage | Standing::AwaitsRoom);
            let woken = matches!(coroutine.standing, Standing::HasMessage | Standing::HasRoom | Standing::Deferred);
            if woken {
                coroutine.standing = Standing::Runs;
            }
            if !waits {
                continue;
            }
            coroutine.standing = match self.new.ops.get(coroutine.pc.index()) {
                Some(Op::Receive(comm)) if queued(&state.edges, comm.edge.index()) == 0 => Standing::AwaitsMessage,
                Some(Op::Choose { edge, .. }) if queued(&state.edges, edge.index()) == 0 => Standing::AwaitsMessage,
                Some(Op::Send(comm)) if queued(&state.edges, comm.edge.index()) >= holds => Standing::AwaitsRoom,
                _ => Standing::Runs,
            };
        }
    }
}
