//! Operations: instructions as the step executes them.
//!
//! Verification knows the state of the role's type at every instruction, so everything an instruction needs from the
//! type (edge, label, payload type, next state) is looked up once, when the image is built, and stands in the
//! operation itself. What remains of the monitor at run time is one comparison: is the type in the state in which
//! this instruction was verified?
//!
//! Jumps are folded into the instruction before them: an operation names the position where execution goes on. A jump
//! is therefore no step, unless it is a loop of jumps alone.

use crate::ext::plain;
use crate::verify::Checked;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{
    Action, EdgeId, EffectRow, ImageParts, Instr, LabelId, LayerId, SortId, SortTable, StatePart, ValType, Value,
    bisimilar,
};

/// The payload is a product, whose components must be checked too.
const COMPOUND: u8 = 1;
/// Neither side's type can tell one more or one fewer message of this branch: the transition leads from a state to
/// itself at the sender, and so does every transition of the receiver on the same edge and label. Such a message may
/// be dropped or overwritten; any other may not.
const ELASTIC: u8 = 2;
/// The label was one of several.
const OFFERED: u8 = 4;

/// One communication: everything about it that is known before it happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comm {
    /// The state in which it is allowed.
    pub(crate) state: u32,
    /// The state after it.
    pub(crate) next: u32,
    /// Where execution goes on.
    pub(crate) pc: u32,
    pub(crate) edge: EdgeId,
    pub(crate) label: LabelId,
    /// The register that is sent from or received into.
    pub(crate) reg: u16,
    /// The payload's [`ValType`] as its tag.
    pub(crate) tag: u8,
    flags: u8,
}

impl Comm {
    #[inline(always)]
    pub(crate) const fn compound(&self) -> bool {
        self.flags & COMPOUND != 0
    }
    #[inline(always)]
    pub(crate) const fn elastic(&self) -> bool {
        self.flags & ELASTIC != 0
    }
    #[inline(always)]
    pub(crate) const fn offered(&self) -> bool {
        self.flags & OFFERED != 0
    }

    /// The same communication with another register and another way on.
    pub(crate) const fn at(mut self, reg: u16, pc: u32, offered: bool) -> Self {
        (self.reg, self.pc) = (reg, pc);
        self.flags = if offered { self.flags | OFFERED } else { self.flags & !OFFERED };
        self
    }
}

/// A stretch of an image's arms: one for each branch of a state, in the state's order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arms {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Send(Comm),
    Receive(Comm),
    Choose {
        arms: Arms,
        state: u32,
        edge: EdgeId,
    },
    Decide {
        arms: Arms,
        state: u32,
        edge: EdgeId,
    },
    Invoke {
        arg: u16,
        dst: u16,
        effect: EffectRow,
        pc: u32,
    },
    Acquire {
        dst: u16,
        layer: LayerId,
        pc: u32,
    },
    Release {
        evidence: u16,
        layer: LayerId,
        pc: u32,
    },
    /// A constant that fits a word, in two halves so that operations need no wider alignment.
    Set {
        dst: u16,
        tag: u8,
        /// Whether execution goes on elsewhere than at the next operation.
        far: bool,
        low: u32,
        high: u32,
        pc: u32,
    },
    /// Any other constant.
    SetOwned {
        dst: u16,
        constant: u32,
        pc: u32,
    },
    Move {
        dst: u16,
        src: u16,
        far: bool,
        pc: u32,
    },
    Jump {
        pc: u32,
    },
    Branch {
        on: u16,
        /// Its stretch of the image's targets.
        first: u32,
        count: u32,
        pc: u32,
    },
    Yield {
        pc: u32,
    },
    Fork {
        ghost: u16,
        pc: u32,
    },
    Join {
        pc: u32,
    },
    Abort {
        pc: u32,
    },
    Halt {
        state: u32,
    },
    /// `Send` and `Offer` through an endpoint that is not surely the own one; `Offer` names its label.
    SendThrough {
        chan: u16,
        /// Whether the coroutine surely owns its role's endpoint, which it then uses as its own and not this way.
        owns: bool,
        val: u16,
        label: Option<LabelId>,
        pc: u32,
    },
    /// `Receive` through such an endpoint.
    ReceiveThrough {
        chan: u16,
        owns: bool,
        dst: u16,
        pc: u32,
    },
    /// `Choose` through such an endpoint. Of its arms only register and position matter.
    ChooseThrough {
        chan: u16,
        owns: bool,
        arms: Arms,
    },
    /// `Decide` through such an endpoint. Of its arms only the position matters.
    DecideThrough {
        chan: u16,
        owns: bool,
        arms: Arms,
    },
    Open {
        dst: u16,
        plan: u16,
        pc: u32,
    },
    Close {
        session: u16,
        pc: u32,
    },
    Spawn {
        args: u16,
        dst: u16,
        target: u32,
        pc: u32,
    },
    Transfer {
        endpoint: u16,
        /// Whether the coroutine surely owns its role's endpoint afterwards.
        owns: bool,
        target: u16,
        pc: u32,
    },
    /// `Halt` of a coroutine that does not own its role's endpoint.
    HaltApart,
    Cast {
        val: u16,
        sort: SortId,
        pc: u32,
    },
    Tag {
        /// The register of the endpoint; the next one has the fact.
        fact: u16,
        dst: u16,
        pc: u32,
    },
    Check {
        knowledge: u16,
        target: u16,
        dst: u16,
        pc: u32,
    },
    /// An instruction that no path reaches. It was not verified and cannot run.
    Unreachable,
}

/// The operations of an image and the arms that they name.
pub(crate) struct Ops {
    pub(crate) ops: Vec<Op>,
    pub(crate) arms: Vec<Comm>,
    /// Where `Branch` leads.
    pub(crate) targets: Vec<u32>,
    /// What each state of each automaton allows: the communications of its branches, and for each state where they
    /// start; one more start says where the last one's end.
    pub(crate) branches: Vec<Comm>,
    pub(crate) branches_at: Vec<u32>,
}

/// What verification knows of an instruction that some path reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// The state of the role's own type.
    pub(crate) state: u32,
    /// Whether the endpoint that the instruction is about is surely the own one.
    pub(crate) own: bool,
    /// Whether the coroutine surely owns its role's endpoint, also behind the instruction.
    pub(crate) owns: bool,
}

struct Build<'a> {
    parts: &'a ImageParts,
    code: &'a [Instr],
    sorts: &'a SortTable,
    constants: &'a [Value],
    /// For each state the class of those that nobody can tell from it.
    classes: Vec<u32>,
    /// Labels on edges that lead some receiver on to another type: messages that matter one by one.
    rigid: BTreeSet<(u16, u16)>,
    /// Where execution goes on when it goes on at each position.
    targets: Vec<u32>,
    /// Arms by state and table, so that code that shares a table shares its arms.
    choices: BTreeMap<(u32, u32), Arms>,
    branches: BTreeMap<u32, u32>,
    tables: BTreeMap<u32, Arms>,
    arms: Vec<Comm>,
    /// Where the rows of `Branch` tables lead, table after table.
    led: Vec<u32>,
}

/// For every position, where execution goes on: through jumps, but not round a loop of them. Each jump is followed
/// once.
fn threads(code: &[Instr]) -> Vec<u32> {
    let mut targets: Vec<Option<u32>> = vec![None; code.len()];
    let mut met = vec![usize::MAX; code.len()];
    for start in 0..code.len() {
        let mut path = Vec::new();
        let mut at = start;
        let end = loop {
            match (targets[at], code[at]) {
                (Some(end), _) => break end,
                (None, Instr::Jump { target }) if (target as usize) < code.len() && met[at] != start => {
                    met[at] = start;
                    path.push(at);
                    at = target as usize;
                }
                // Another instruction, or a loop of jumps alone, which stays one: its jumps are not followed.
                _ => break at as u32,
            }
        };
        let round = path.iter().position(|met| *met == end as usize).unwrap_or(path.len());
        path.drain(round..).for_each(|at| targets[at] = Some(at as u32));
        path.into_iter().for_each(|at| targets[at] = Some(end));
        targets[start].get_or_insert(end);
    }
    targets.into_iter().map(Option::unwrap_or_default).collect()
}

/// Builds the operations; `points` has what is known of every instruction that a path reaches.
pub(crate) fn build(parts: &ImageParts, checked: &Checked, points: &[Option<Point>]) -> Ops {
    let Checked { sorts, code, constants } = checked;
    let (classes, mut rigid) = (bisimilar(&parts.states), BTreeSet::new());
    for (at, state) in parts.states.iter().enumerate() {
        if let Action::Recv(edge) = state.action {
            let moving = state.branches.iter().filter(|branch| classes[branch.next as usize] != classes[at]);
            rigid.extend(moving.map(|branch| (edge, branch.label)));
        }
    }
    let (targets, choices, branches) = (threads(code), BTreeMap::new(), BTreeMap::new());
    let (tables, arms, led) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut build =
        Build { parts, code, sorts, constants, classes, rigid, targets, choices, branches, tables, arms, led };
    let ops = (0..parts.code.len()).map(|pc| build.op(pc as u32, points[pc])).collect();
    let (mut branches, mut branches_at) = (Vec::new(), Vec::with_capacity(parts.states.len() + 1));
    for (at, state) in parts.states.iter().enumerate() {
        branches_at.push(branches.len() as u32);
        branches.extend((0..state.branches.len()).map(|branch| build.comm(at as u32, branch, 0, 0, false)));
    }
    branches_at.push(branches.len() as u32);
    Ops { ops, arms: build.arms, targets: build.led, branches, branches_at }
}

impl Build<'_> {
    fn thread(&self, pc: u32) -> u32 {
        self.targets.get(pc as usize).copied().unwrap_or(pc)
    }

    fn comm(&self, state: u32, branch: usize, reg: u16, pc: u32, offered: bool) -> Comm {
        let row = &self.parts.states[state as usize];
        let edge = edge(row);
        let branch = row.branches[branch];
        let sort = SortId(self.parts.labels[usize::from(branch.label)].sort);
        let payload = self.sorts.val_type(sort).unwrap_or(ValType::Unit);
        let mut flags = 0;
        if payload == ValType::Prod {
            flags |= COMPOUND;
        }
        let stays = self.classes[branch.next as usize] == self.classes[state as usize];
        if stays && !self.rigid.contains(&(edge.0, branch.label)) {
            flags |= ELASTIC;
        }
        if offered {
            flags |= OFFERED;
        }
        let pc = self.thread(pc);
        Comm { state, next: branch.next, pc, edge, label: LabelId(branch.label), reg, tag: payload as u8, flags }
    }

    /// The arms of a jump table, one for each branch of the state.
    fn choice(&mut self, state: u32, table: u32) -> Arms {
        if let Some(arms) = self.choices.get(&(state, table)) {
            return *arms;
        }
        let first = self.arms.len() as u32;
        let rows = &self.parts.tables[table as usize];
        let branches = self.parts.states[state as usize].branches.len();
        for (branch, row) in rows.iter().enumerate().take(branches) {
            self.arms.push(self.comm(state, branch, row.dst, row.target, true));
        }
        let arms = Arms { first, count: self.arms.len() as u32 - first };
        self.choices.insert((state, table), arms);
        arms
    }

    /// Where a `Branch` leads: its stretch of the targets.
    fn branch(&mut self, table: u32) -> (u32, u32) {
        let rows = &self.parts.tables[table as usize];
        let count = rows.len() as u32;
        if let Some(first) = self.branches.get(&table) {
            return (*first, count);
        }
        let first = self.led.len() as u32;
        let led = rows.iter().map(|row| self.targets.get(row.target as usize).copied().unwrap_or(row.target));
        self.led.extend(led);
        self.branches.insert(table, first);
        (first, count)
    }

    /// The arms of a table whose labels only the step knows: where each leads, and its register.
    fn table(&mut self, table: u32) -> Arms {
        if let Some(arms) = self.tables.get(&table) {
            return *arms;
        }
        let first = self.arms.len() as u32;
        for row in &self.parts.tables[table as usize] {
            let (edge, label, pc) = (EdgeId(0), LabelId(0), self.thread(row.target));
            self.arms.push(Comm { state: 0, next: 0, pc, edge, label, reg: row.dst, tag: 0, flags: 0 });
        }
        let arms = Arms { first, count: self.arms.len() as u32 - first };
        self.tables.insert(table, arms);
        arms
    }

    /// An operation through an endpoint of which only the step knows what its type allows.
    fn through(&mut self, pc: u32, owns: bool) -> Op {
        let next = self.thread(pc + 1);
        match self.code[pc as usize] {
            Instr::Send { chan, val } => Op::SendThrough { chan, owns, val, label: None, pc: next },
            Instr::Offer { chan, val, label } => {
                Op::SendThrough { chan, owns, val, label: Some(LabelId(label as u16)), pc: next }
            }
            Instr::Receive { chan, dst } => Op::ReceiveThrough { chan, owns, dst, pc: next },
            Instr::Choose { chan, table } => Op::ChooseThrough { chan, owns, arms: self.table(table) },
            Instr::Decide { chan, table } => Op::DecideThrough { chan, owns, arms: self.table(table) },
            Instr::Halt {} => Op::HaltApart,
            _ => Op::Unreachable,
        }
    }

    fn op(&mut self, pc: u32, point: Option<Point>) -> Op {
        let Some(Point { state, own, owns }) = point else { return Op::Unreachable };
        if !own {
            return self.through(pc, owns);
        }
        let next = self.thread(pc + 1);
        let row = &self.parts.states[state as usize];
        match self.code[pc as usize] {
            Instr::Send { val, .. } if !row.branches.is_empty() => Op::Send(self.comm(state, 0, val, pc + 1, false)),
            Instr::Offer { val, label, .. } => {
                match row.branches.iter().position(|branch| u32::from(branch.label) == label) {
                    Some(branch) => Op::Send(self.comm(state, branch, val, pc + 1, true)),
                    None => Op::Unreachable,
                }
            }
            Instr::Receive { dst, .. } if !row.branches.is_empty() => {
                Op::Receive(self.comm(state, 0, dst, pc + 1, false))
            }
            Instr::Choose { table, .. } => {
                let edge = edge(row);
                Op::Choose { arms: self.choice(state, table), state, edge }
            }
            Instr::Decide { table, .. } => {
                let edge = edge(row);
                Op::Decide { arms: self.choice(state, table), state, edge }
            }
            Instr::Invoke { arg, dst, effect } => Op::Invoke { arg, dst, effect: EffectRow(effect as u16), pc: next },
            Instr::Acquire { dst, layer } => Op::Acquire { dst, layer: LayerId(layer as u16), pc: next },
            Instr::Release { evidence, layer } => Op::Release { evidence, layer: LayerId(layer as u16), pc: next },
            Instr::Set { dst, constant } => match plain(&self.constants[constant as usize]) {
                Some((tag, word)) => {
                    Op::Set { dst, tag, low: word as u32, high: (word >> 32) as u32, far: next != pc + 1, pc: next }
                }
                None => Op::SetOwned { dst, constant, pc: next },
            },
            Instr::Move { dst, src } => Op::Move { dst, src, far: next != pc + 1, pc: next },
            Instr::Jump { target } => Op::Jump { pc: self.thread(target) },
            Instr::Branch { on, table } => {
                let (first, count) = self.branch(table);
                Op::Branch { on, first, count, pc: next }
            }
            Instr::Yield {} => Op::Yield { pc: next },
            Instr::Fork { ghost } => Op::Fork { ghost, pc: next },
            Instr::Join {} => Op::Join { pc: next },
            Instr::Abort {} => Op::Abort { pc: next },
            Instr::Halt {} => Op::Halt { state },
            Instr::Open { dst, plan } => Op::Open { dst, plan: plan as u16, pc: next },
            Instr::Close { session } => Op::Close { session, pc: next },
            Instr::Spawn { args, dst, target } => Op::Spawn { args, dst, target: self.thread(target), pc: next },
            Instr::Transfer { endpoint, target, .. } => Op::Transfer { endpoint, owns, target, pc: next },
            Instr::Tag { fact, dst } => Op::Tag { fact, dst, pc: next },
            Instr::Check { knowledge, target, dst } => Op::Check { knowledge, target, dst: dst as u16, pc: next },
            Instr::Cast { val, sort } => Op::Cast { val, sort: SortId(sort as u16), pc: next },
            _ => Op::Unreachable,
        }
    }
}

fn edge(state: &StatePart) -> EdgeId {
    match state.action {
        Action::Send(edge) | Action::Recv(edge) => EdgeId(edge),
        Action::End => EdgeId(0),
    }
}
