//! Emission: from local types to the tables and the code of an image.
//!
//! A role's code follows the states of its automaton: each state is emitted once, depth first, and falls through to
//! the next where it can. Register 0 holds the role's endpoint; every sort that the role sends or receives has one
//! further register, so a role sends what it last held of that sort.

use crate::Projection;
use motet_types::{
    Action, Automata, AutomatonError, ConstantPart, EffectPart, ImageParts, Instr, LabelPart, MAX_OPERAND_C,
    MAX_VALUE_DEPTH, Planted, RoleId, RolePart, ScalarPart, Sort, SortId, SortTable, StateId, StatePart, TableRow,
    Value, planted,
};
use std::collections::{BTreeMap, BTreeSet};

/// How code is emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmitOptions {
    /// Invoke the host effect `Runtime.step` after every communication.
    pub step_hooks: bool,
}

/// Why local types have no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// A role's type has no automaton.
    #[error("`{role}` has no automaton: {why}")]
    Automaton {
        /// The role.
        role: String,
        /// What is wrong with its type.
        why: AutomatonError,
    },
    /// More rows than a table can have.
    #[error("the protocol needs more than {limit} {what}")]
    TooMany {
        /// Rows of which table.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A role that handles more sorts than there are registers.
    #[error("`{role}` handles more sorts than a role has registers")]
    TooManySorts {
        /// The role.
        role: String,
    },
    /// A sort that is not in the table of sorts, or too large for a constant.
    #[error("sort number {number} has no default value")]
    NoDefault {
        /// Its row.
        number: u16,
    },
}

/// Emits the image of a protocol, without hooks.
pub fn emit(projection: &Projection) -> Result<ImageParts, EmitError> {
    emit_with(projection, EmitOptions::default())
}

/// Emits the image of a protocol.
pub fn emit_with(projection: &Projection, options: EmitOptions) -> Result<ImageParts, EmitError> {
    let names = projection.names();
    let mut automata = Automata::new();
    let mut initial = Vec::with_capacity(projection.roots().len());
    for (role, root) in projection.roots().iter().enumerate() {
        let role = RoleId(u16::try_from(role).map_err(|_| EmitError::TooMany { what: "roles", limit: 1 << 16 })?);
        let first = automata.add(projection.arena(), role, *root);
        initial.push(first.map_err(|why| EmitError::Automaton { role: names.role_name(role).into(), why })?);
    }
    if names.labels.len() > 1 << 16 {
        return Err(EmitError::TooMany { what: "labels", limit: 1 << 16 });
    }
    let mut emitter = Emitter {
        projection,
        automata: &automata,
        sorts: names.sorts.clone(),
        constant_of: BTreeMap::new(),
        hook: None,
        parts: ImageParts::default(),
        line: 0,
    };
    if options.step_hooks {
        emitter.declare_hook()?;
    }
    for (role, first) in initial.iter().enumerate() {
        emitter.role(RoleId(role as u16), *first)?;
    }
    let Emitter { sorts, mut parts, .. } = emitter;
    parts.name.clone_from(&names.protocol);
    parts.labels = names.labels.iter().map(|l| LabelPart { name: l.name.clone(), sort: l.sort.0 }).collect();
    parts.sorts = sorts.rows().to_vec();
    if !projection.has_lines() {
        parts.lines.clear();
    }
    parts.edges = automata.edges;
    parts.states = automata.states;
    Ok(parts)
}

struct Emitter<'a> {
    projection: &'a Projection,
    automata: &'a Automata,
    sorts: SortTable,
    constant_of: BTreeMap<SortId, u32>,
    /// The sort of unit, when hooks are wanted.
    hook: Option<SortId>,
    parts: ImageParts,
    /// The source line of what is being emitted.
    line: u32,
}

/// Where the states of one role stand, and what still has to be emitted.
struct Role {
    registers: BTreeMap<SortId, u16>,
    placed: BTreeMap<StateId, u32>,
    /// Arms of jump tables, the next one last.
    arms: Vec<Arm>,
    entry: u32,
}

/// A row of a jump table that has no target yet.
struct Arm {
    table: usize,
    row: usize,
    /// What the arm offers; a receiver's arm offers nothing.
    offer: Option<Instr>,
    next: StateId,
    line: u32,
}

impl Emitter<'_> {
    fn declare_hook(&mut self) -> Result<(), EmitError> {
        let unit = self.sorts.intern(Sort::Unit).ok_or(EmitError::TooMany { what: "sorts", limit: 1 << 16 })?;
        self.hook = Some(unit);
        self.parts.effects.push(EffectPart {
            interface: "Runtime".into(),
            operation: "step".into(),
            argument: unit.0,
            answer: unit.0,
            may_block: false,
        });
        Ok(())
    }

    fn role(&mut self, role: RoleId, first: StateId) -> Result<(), EmitError> {
        let name = self.projection.names().role_name(role).to_owned();
        let entry = self.here()?;
        let (handled, sent) = self.sorts_of(first);
        let mut role = Role { registers: BTreeMap::new(), placed: BTreeMap::new(), arms: Vec::new(), entry };
        for (sort, register) in handled.iter().zip(1..=u16::MAX) {
            role.registers.insert(*sort, register);
        }
        let registers = u16::try_from(handled.len() + 1).map_err(|_| EmitError::TooManySorts { role: name.clone() })?;
        self.line = self.line_of(first);
        for sort in sent {
            // A register starts as unit, and a wrong program would rely on it.
            if self.sorts.get(sort) != Some(Sort::Unit) && !planted(Planted::EmitSkipsPrologue) {
                let constant = self.constant(sort)?;
                self.put(Instr::Set { dst: role.register(sort), constant })?;
            }
        }
        self.run(&mut role, first)?;
        while let Some(arm) = role.arms.pop() {
            self.line = arm.line;
            let target = match (role.placed.get(&arm.next), arm.offer, self.hook) {
                // Nothing stands between the message and a state that has its place.
                (Some(placed), None, None) => *placed,
                _ => {
                    let target = self.here()?;
                    if let Some(offer) = arm.offer {
                        self.put(offer)?;
                    }
                    self.step(&role)?;
                    self.run(&mut role, arm.next)?;
                    target
                }
            };
            self.parts.tables[arm.table][arm.row].target = target;
        }
        let code_end = self.here()?;
        self.parts.roles.push(RolePart { name, initial: first.0, code_start: entry, code_end, registers });
        Ok(())
    }

    /// Emits states from `state` on, as far as one leads to the next, and leaves the arms of a choice to be done.
    fn run(&mut self, role: &mut Role, mut state: StateId) -> Result<(), EmitError> {
        loop {
            let automata = self.automata;
            let part: &StatePart = &automata.states[state.index()];
            if let Some(placed) = role.placed.get(&state) {
                // The end is as short as a jump to it.
                let target = if planted(Planted::EmitJumpsToEntry) { role.entry } else { *placed };
                let halt = part.action == Action::End;
                return self.put(if halt { Instr::Halt {} } else { Instr::Jump { target } });
            }
            role.placed.insert(state, self.here()?);
            if part.action != Action::End {
                self.line = self.line_of(state);
            }
            match (part.action, part.branches.as_slice()) {
                (Action::End, _) | (_, []) => return self.put(Instr::Halt {}),
                (Action::Send(_), [only]) => {
                    self.put(Instr::Send { chan: 0, val: role.register(self.sort_of(only.label)) })?;
                    state = StateId(only.next);
                }
                (Action::Recv(_), [only]) => {
                    self.put(Instr::Receive { chan: 0, dst: role.register(self.sort_of(only.label)) })?;
                    state = StateId(only.next);
                }
                (Action::Send(_), _) => {
                    let table = self.table(role, part)?;
                    return self.put(Instr::Decide { chan: 0, table });
                }
                (Action::Recv(_), _) => {
                    let table = self.table(role, part)?;
                    return self.put(Instr::Choose { chan: 0, table });
                }
            }
            self.step(role)?;
        }
    }

    /// A jump table with a row for each branch of `state`, and the arms that will fill it.
    fn table(&mut self, role: &mut Role, state: &StatePart) -> Result<u32, EmitError> {
        let number = self.parts.tables.len();
        let index = u32::try_from(number).ok().filter(|index| *index <= MAX_OPERAND_C);
        let index = index.ok_or(EmitError::TooMany { what: "jump tables", limit: 1 << 24 })?;
        let sends = matches!(state.action, Action::Send(_));
        let mut rows = Vec::with_capacity(state.branches.len());
        let (mut arms, line) = (Vec::with_capacity(state.branches.len()), self.line);
        for (row, branch) in state.branches.iter().enumerate() {
            let told = if planted(Planted::EmitWrongRegister) { &state.branches[0] } else { branch };
            let register = role.register(self.sort_of(told.label));
            rows.push(TableRow { target: 0, dst: if sends { 0 } else { register } });
            let label = if planted(Planted::EmitWrongLabel) { state.branches[0].label } else { branch.label };
            let val = role.register(self.sort_of(branch.label));
            let offer = sends.then_some(Instr::Offer { chan: 0, val, label: u32::from(label) });
            let row = if planted(Planted::EmitSwapsRows) && !sends { state.branches.len() - 1 - row } else { row };
            arms.push(Arm { table: number, row, offer, next: StateId(branch.next), line });
        }
        role.arms.extend(arms.into_iter().rev());
        self.parts.tables.push(rows);
        Ok(index)
    }

    /// The hook behind a communication, when hooks are wanted.
    fn step(&mut self, role: &Role) -> Result<(), EmitError> {
        match self.hook {
            None => Ok(()),
            Some(unit) => {
                let register = role.register(unit);
                self.put(Instr::Invoke { arg: register, dst: register, effect: 0 })
            }
        }
    }

    fn put(&mut self, instr: Instr) -> Result<(), EmitError> {
        self.here()?;
        self.parts.code.push(instr.encode());
        self.parts.lines.push(self.line);
        Ok(())
    }

    /// The position of the next instruction.
    fn here(&self) -> Result<u32, EmitError> {
        let at = u32::try_from(self.parts.code.len()).ok().filter(|at| *at <= MAX_OPERAND_C);
        at.ok_or(EmitError::TooMany { what: "instructions", limit: 1 << 24 })
    }

    fn line_of(&self, state: StateId) -> u32 {
        let role = RoleId(self.automata.states[state.index()].role);
        self.automata.origins.get(state.index()).map_or(0, |id| self.projection.line(role, *id))
    }

    fn sort_of(&self, label: u16) -> SortId {
        self.projection.names().labels.get(usize::from(label)).map_or(SortId(0), |label| label.sort)
    }

    /// The sorts that a role handles, and those of them that it sends.
    fn sorts_of(&self, first: StateId) -> (BTreeSet<SortId>, BTreeSet<SortId>) {
        let (mut handled, mut sent) = (BTreeSet::new(), BTreeSet::new());
        // States of one role stand together: those of the roles before it have lower numbers, and a state of the
        // role reaches only its own.
        let role = self.automata.states[first.index()].role;
        let own = self.automata.states[first.index()..].iter().take_while(|state| state.role == role);
        for state in own {
            for branch in &state.branches {
                let sort = self.sort_of(branch.label);
                handled.insert(sort);
                if matches!(state.action, Action::Send(_)) {
                    sent.insert(sort);
                }
            }
        }
        if !handled.is_empty() {
            handled.extend(self.hook);
        }
        (handled, sent)
    }

    /// The constant that is the default of a sort.
    fn constant(&mut self, sort: SortId) -> Result<u32, EmitError> {
        if let Some(index) = self.constant_of.get(&sort) {
            return Ok(*index);
        }
        let missing = EmitError::NoDefault { number: sort.0 };
        // A well-formed type's payloads are shallow and small, so the default value is too.
        let value = Value::default_of(&self.sorts, sort).ok_or_else(|| missing.clone())?;
        let mut scalars = Vec::new();
        flatten(&value, 0, &mut scalars).ok_or(missing)?;
        let index = self.parts.constants.len() as u32;
        self.parts.constants.push(ConstantPart { sort: sort.0, scalars });
        self.constant_of.insert(sort, index);
        Ok(index)
    }
}

impl Role {
    /// The register of a sort that the role handles.
    fn register(&self, sort: SortId) -> u16 {
        self.registers.get(&sort).copied().unwrap_or(0)
    }
}

/// The scalars of a value in prefix order.
fn flatten(value: &Value, depth: usize, into: &mut Vec<ScalarPart>) -> Option<()> {
    into.push(match value {
        Value::Unit => ScalarPart::Unit,
        Value::Nat(n) => ScalarPart::Nat(*n),
        Value::Bool(b) => ScalarPart::Bool(*b),
        Value::Str(text) => ScalarPart::Str(text.clone()),
        Value::Prod(pair) if depth < MAX_VALUE_DEPTH => {
            flatten(&pair.0, depth + 1, into)?;
            return flatten(&pair.1, depth + 1, into);
        }
        Value::Prod(_) | Value::Endpoint { .. } => return None,
    });
    Some(())
}
