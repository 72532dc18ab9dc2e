//! The fourth check: every path of every program against the role's automaton, by abstract interpretation.
//!
//! At each instruction the role's type is in one known state, and each register holds one known sort or something
//! unknown. Paths that meet must agree about the state; registers about which they differ become unknown. Each
//! register can only change once from known to unknown, so the loop ends.

use super::known::{Decided, Forked, Held, Known, join};
use super::{VerifyError, Work};
use crate::op::Point;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{Action, ImageParts, Instr, Pc, Planted, RolePart, Sort, SortId, SortTable, planted};

/// The deepest nesting of speculations that an image may have.
const MAX_FORKS: usize = 64;

/// Checks every path; answers what operations are made from, for every instruction that a path reaches.
pub(super) fn check(
    parts: &ImageParts,
    code: &[Instr],
    sorts: &SortTable,
    work: &mut Work,
) -> Result<Vec<Option<Point>>, VerifyError> {
    let mut points = vec![None; code.len()];
    for role in &parts.roles {
        for (pc, known) in paths(parts, code, sorts, role, work)? {
            let instr = code[pc as usize];
            let gives = matches!(instr, Instr::Transfer { endpoint, .. } if known.registers[usize::from(endpoint)] == Held::Own);
            let (own, owns) = (is_own(instr, &known), known.owns && !gives);
            points[pc as usize] = Some(Point { state: known.state, own, owns });
        }
    }
    Ok(points)
}

/// Whether an instruction is about the own endpoint, or about none.
fn is_own(instr: Instr, known: &Known) -> bool {
    match instr {
        Instr::Send { chan, .. }
        | Instr::Receive { chan, .. }
        | Instr::Offer { chan, .. }
        | Instr::Choose { chan, .. }
        | Instr::Decide { chan, .. } => {
            known.registers[usize::from(chan)] != Held::Endpoint || planted(Planted::VerifyAnyEndpointOwn)
        }
        Instr::Halt {} => known.owns,
        _ => true,
    }
}

/// What is known at every instruction that a path of the role reaches.
pub(super) fn paths(
    parts: &ImageParts,
    code: &[Instr],
    sorts: &SortTable,
    role: &RolePart,
    work: &mut Work,
) -> Result<BTreeMap<u32, Known>, VerifyError> {
    (Flow { parts, code, sorts, role, work, at: BTreeMap::new() }).run()
}

pub(super) struct Flow<'a> {
    pub(super) parts: &'a ImageParts,
    code: &'a [Instr],
    pub(super) sorts: &'a SortTable,
    pub(super) role: &'a RolePart,
    work: &'a mut Work,
    at: BTreeMap<u32, Known>,
}

impl Flow<'_> {
    fn run(mut self) -> Result<BTreeMap<u32, Known>, VerifyError> {
        let mut registers = vec![Held::Unit; usize::from(self.role.registers)];
        registers[0] = Held::Own;
        let entry = self.role.code_start;
        self.at.insert(
            entry,
            Known { state: self.role.initial, owns: true, decided: Decided::Nothing, registers, forks: Vec::new() },
        );
        let mut todo = vec![entry];
        while let Some(pc) = todo.pop() {
            let known = self.at[&pc].clone();
            self.instr(pc, known, &mut todo)?;
        }
        Ok(self.at)
    }

    /// Joins what is known at `target` with `known`, and looks at it again when that changed something.
    fn go(&mut self, from: u32, target: u32, known: Known, todo: &mut Vec<u32>) -> Result<(), VerifyError> {
        if !(self.role.code_start..self.role.code_end).contains(&target) {
            return Err(VerifyError::Jump { pc: Pc(from), target, role: self.role.name.clone() });
        }
        // A visit looks at every register, and keeps or copies them all.
        self.work.spend(known.size())?;
        let Some(old) = self.at.get_mut(&target) else {
            self.at.insert(target, known);
            todo.push(target);
            return Ok(());
        };
        if old.owns != known.owns {
            let what = "with the own endpoint and without it";
            return Err(VerifyError::Ways { pc: Pc(target), role: self.role.name.clone(), what });
        }
        if old.state != known.state && !planted(Planted::VerifyJoinState) {
            let (a, b) = (old.state, known.state);
            return Err(VerifyError::Join { pc: Pc(target), role: self.role.name.clone(), a, b });
        }
        let mut changed = false;
        if old.decided != known.decided && old.decided != Decided::Mixed {
            old.decided = Decided::Mixed;
            changed = true;
        }
        let same = old.forks.iter().map(|fork| fork.pc).eq(known.forks.iter().map(|fork| fork.pc));
        if !same && !planted(Planted::VerifyJoinForks) {
            return Err(VerifyError::Speculation {
                pc: Pc(target),
                role: self.role.name.clone(),
                what: "paths meet that are in different speculations",
            });
        }
        changed |= join(&mut old.registers, known.registers);
        for (old, new) in old.forks.iter_mut().zip(known.forks) {
            // The same instruction began both, so the state of the type is one.
            if old.decided != new.decided && old.decided != Decided::Mixed {
                old.decided = Decided::Mixed;
                changed = true;
            }
            changed |= join(&mut old.registers, new.registers);
        }
        if changed {
            todo.push(target);
        }
        Ok(())
    }

    fn instr(&mut self, pc: u32, mut known: Known, todo: &mut Vec<u32>) -> Result<(), VerifyError> {
        let parts = self.parts;
        let instr = self.code[pc as usize];
        let state = &parts.states[known.state as usize];
        let set = |known: &mut Known, reg: u16, held| known.registers[usize::from(reg)] = held;
        match instr {
            Instr::Send { chan, .. } | Instr::Offer { chan, .. } if self.is_through(&known, chan) => {}
            Instr::Receive { chan, dst } if self.is_through(&known, chan) => set(&mut known, dst, Held::Unknown),
            Instr::Choose { chan, table } | Instr::Decide { chan, table } if self.is_through(&known, chan) => {
                for row in &parts.tables[table as usize] {
                    self.work.spend(known.size())?;
                    let mut known = known.clone();
                    if matches!(instr, Instr::Choose { .. }) {
                        self.register(pc, row.dst)?;
                        set(&mut known, row.dst, Held::Unknown);
                    }
                    self.go(pc, row.target, known, todo)?;
                }
                return Ok(());
            }
            Instr::Send { chan, val } => {
                self.own(pc, &known, chan)?;
                let (Action::Send(_), [branch]) = (state.action, &state.branches[..]) else {
                    return Err(self.not_allowed(pc, instr, state));
                };
                self.payload(pc, &known, val, branch.label)?;
                known.state = branch.next;
            }
            Instr::Offer { chan, val, label } => {
                self.own(pc, &known, chan)?;
                let branch = match state.action {
                    Action::Send(_) => state.branches.iter().find(|branch| u32::from(branch.label) == label),
                    _ => None,
                };
                let branch = branch.ok_or_else(|| self.not_allowed(pc, instr, state))?;
                let obeys = known.decided == Decided::Nothing || known.decided == Decided::Label(branch.label);
                if !obeys && !planted(Planted::VerifyDecision) {
                    let at = (Pc(pc), self.role.name.clone());
                    return Err(VerifyError::Decision { pc: at.0, role: at.1, instr: instr.to_string() });
                }
                self.payload(pc, &known, val, branch.label)?;
                (known.state, known.decided) = (branch.next, Decided::Nothing);
            }
            Instr::Receive { chan, dst } => {
                self.own(pc, &known, chan)?;
                let (Action::Recv(_), Some(branch)) = (state.action, state.branches.first()) else {
                    return Err(self.not_allowed(pc, instr, state));
                };
                if state.branches.len() != 1 && !planted(Planted::VerifyReceiveManyBranches) {
                    return Err(self.not_allowed(pc, instr, state));
                }
                let sort = SortId(parts.labels[usize::from(branch.label)].sort);
                set(&mut known, dst, self.sorted(sort));
                known.state = branch.next;
            }
            Instr::Choose { chan, table } | Instr::Decide { chan, table } => {
                self.own(pc, &known, chan)?;
                let chooses = matches!(instr, Instr::Choose { .. });
                let allowed = match state.action {
                    Action::Recv(_) => chooses,
                    Action::Send(_) => !chooses,
                    Action::End => false,
                };
                let rows = &parts.tables[table as usize];
                let complete = rows.len() == state.branches.len() || planted(Planted::VerifyTableComplete);
                if !allowed || !complete {
                    return Err(self.not_allowed(pc, instr, state));
                }
                for (row, branch) in rows.iter().zip(&state.branches) {
                    self.work.spend(known.size())?;
                    let mut known = known.clone();
                    if chooses {
                        self.register(pc, row.dst)?;
                        let sort = SortId(parts.labels[usize::from(branch.label)].sort);
                        set(&mut known, row.dst, self.sorted(sort));
                        known.state = branch.next;
                    } else {
                        known.decided = Decided::Label(branch.label);
                    }
                    self.go(pc, row.target, known, todo)?;
                }
                return Ok(());
            }
            Instr::Invoke { arg, dst, effect } => {
                let effect = &parts.effects[effect as usize];
                self.held(pc, &known, arg, SortId(effect.argument))?;
                set(&mut known, dst, self.sorted(SortId(effect.answer)));
            }
            Instr::Acquire { dst, .. } => {
                let text = self.text().ok_or(VerifyError::Table {
                    table: "sort",
                    row: self.sorts.rows().len(),
                    rule: "a role acquires a guard, and there is no sort `string` for its evidence",
                })?;
                set(&mut known, dst, Held::Sort(text));
            }
            Instr::Release { evidence, .. } => {
                if !planted(Planted::VerifyEvidence) {
                    self.string(pc, &known, evidence)?;
                }
            }
            Instr::Set { dst, constant } => {
                let sort = SortId(parts.constants[constant as usize].sort);
                set(&mut known, dst, self.sorted(sort));
            }
            Instr::Move { dst, src } => {
                let held = known.registers[usize::from(src)];
                set(&mut known, dst, held);
            }
            Instr::Jump { target } => return self.go(pc, target, known, todo),
            Instr::Branch { on, table } => {
                self.nat(pc, &known, on)?;
                for row in &parts.tables[table as usize] {
                    self.work.spend(known.size())?;
                    self.go(pc, row.target, known.clone(), todo)?;
                }
            }
            Instr::Yield {} => {}
            Instr::Open { dst, plan } => {
                let roles = parts.plans[plan as usize].roles;
                self.register(pc, dst.saturating_add(roles - 1))?;
                known.registers[usize::from(dst)..][..usize::from(roles)].fill(Held::Endpoint);
            }
            Instr::Close { session } => match known.registers[usize::from(session)] {
                Held::Endpoint => {}
                Held::Own if !known.forks.is_empty() => {
                    return Err(self.speculates(pc, "it ends in a speculation, which could not be undone"));
                }
                // Nothing comes after the end of the island.
                Held::Own => return Ok(()),
                held => return Err(self.holds(pc, session, held, String::from("an endpoint"))),
            },
            Instr::Spawn { args, dst, target } => {
                if args > 0 {
                    self.register(pc, args - 1)?;
                }
                let copied = known.registers.iter().take(usize::from(args)).map(|held| match held {
                    Held::Own if !planted(Planted::VerifySpawnOwns) => Held::Endpoint,
                    held => *held,
                });
                let mut registers: Vec<Held> = copied.collect();
                registers.resize(known.registers.len(), Held::Unit);
                let (state, decided) = (self.role.initial, Decided::Nothing);
                self.go(pc, target, Known { state, owns: false, decided, registers, forks: Vec::new() }, todo)?;
                let nat = self.sorts.rows().iter().position(|sort| *sort == Sort::Nat);
                let nat = nat.and_then(|at| u16::try_from(at).ok()).ok_or(VerifyError::Table {
                    table: "sort",
                    row: self.sorts.rows().len(),
                    rule: "a role starts a coroutine, and there is no sort `nat` for its number",
                })?;
                set(&mut known, dst, Held::Sort(SortId(nat)));
            }
            Instr::Transfer { endpoint, target, .. } => {
                self.nat(pc, &known, target)?;
                match known.registers[usize::from(endpoint)] {
                    Held::Endpoint => {}
                    Held::Own if known.decided != Decided::Nothing => {
                        let at = (Pc(pc), self.role.name.clone());
                        return Err(VerifyError::Decision { pc: at.0, role: at.1, instr: instr.to_string() });
                    }
                    Held::Own if planted(Planted::VerifyTransferKeeps) => {}
                    // From here on it is an endpoint like any other, wherever it stands.
                    Held::Own => {
                        (known.state, known.owns) = (self.role.initial, false);
                        let own = known.registers.iter_mut().filter(|held| **held == Held::Own);
                        own.for_each(|held| *held = Held::Endpoint);
                    }
                    held => return Err(self.holds(pc, endpoint, held, String::from("an endpoint"))),
                }
            }
            Instr::Tag { fact, dst } => {
                self.fact(pc, &known, fact)?;
                let answer = self.truth()?;
                set(&mut known, dst, answer);
            }
            Instr::Check { knowledge, target, dst } => {
                self.fact(pc, &known, knowledge)?;
                self.string(pc, &known, target)?;
                let answer = self.truth()?;
                set(&mut known, dst as u16, answer);
            }
            Instr::Cast { val, sort } => {
                let held = self.sorted(SortId(sort as u16));
                set(&mut known, val, held);
            }
            Instr::Fork { ghost } => {
                self.nat(pc, &known, ghost)?;
                if known.forks.len() >= MAX_FORKS {
                    return Err(self.speculates(pc, "speculations are nested too deep"));
                }
                let (state, owns, decided) = (known.state, known.owns, known.decided);
                known.forks.push(Forked { pc, state, owns, decided, registers: known.registers.clone() });
            }
            Instr::Join {} => {
                if known.forks.pop().is_none() {
                    return Err(self.speculates(pc, "no speculation has begun here that could be kept"));
                }
            }
            Instr::Abort {} => {
                let Some(fork) = known.forks.pop() else {
                    return Err(self.speculates(pc, "no speculation has begun here that could be undone"));
                };
                if !planted(Planted::VerifyAbortKeeps) {
                    (known.state, known.owns) = (fork.state, fork.owns);
                    (known.decided, known.registers) = (fork.decided, fork.registers);
                }
            }
            Instr::Halt {} => {
                if known.owns && state.action != Action::End && !planted(Planted::VerifyHaltEarly) {
                    return Err(self.not_allowed(pc, instr, state));
                }
                if !known.forks.is_empty() && !planted(Planted::VerifyHaltForked) {
                    return Err(
                        self.speculates(pc, "the coroutine ends in a speculation that is neither kept nor undone")
                    );
                }
                return Ok(());
            }
        }
        self.go(pc, pc + 1, known, todo)
    }
}
