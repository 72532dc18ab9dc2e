//! Random protocols.
//!
//! [`protocol`] makes protocols that every role can follow: whoever takes part in a branch or a loop is told which
//! one was taken, by somebody who knows. Now and then somebody is forgotten; what projection refuses is thrown away.
//! [`wild`] makes well-formed types that nobody has thought about, most of which some role cannot follow.
//!
//! A protocol is first written down as blocks of steps, as a person would, and then placed from its end to its
//! start, so that what follows a choice is one node for all branches.

use motet_choreo::project;
use motet_types::{Branch, GlobalBuilder, GlobalNode, GlobalType, LabelId, Names, NodeId, RoleId, Sort, SortId, VarId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// How large a random protocol may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The fewest roles; at least 2.
    pub min_roles: u16,
    /// The most roles; at most 26.
    pub max_roles: u16,
    /// About how many communications are written, those that tell of a choice not counted.
    pub messages: usize,
    /// How deep choices, loops and parallel parts stand inside each other.
    pub depth: usize,
    /// Whether there may be parallel parts.
    pub parallel: bool,
    /// Whether the protocol may end in a loop without exit.
    pub endless: bool,
    /// One in so many roles that should be told of a choice is forgotten; 0 for none.
    pub careless: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { min_roles: 2, max_roles: 6, messages: 14, depth: 3, parallel: true, endless: true, careless: 24 }
    }
}

const LABELS: [&str; 12] =
    ["Ask", "Bid", "Call", "Deal", "Echo", "Fold", "Give", "Hold", "Info", "Join", "Keep", "Lend"];
/// How many protocols are thrown away before a plain one is answered.
const ATTEMPTS: usize = 64;

/// A random protocol that projects to every role.
pub fn protocol(rng: &mut ChaCha8Rng, size: &Size) -> GlobalType {
    for _ in 0..ATTEMPTS {
        let global = candidate(rng, size);
        if project(&global).is_ok() {
            return global;
        }
    }
    // With nobody forgotten, every role can tell.
    candidate(rng, &Size { careless: 0, ..*size })
}

/// One attempt of [`protocol`]; well-formed, and nearly always projectable.
pub fn candidate(rng: &mut ChaCha8Rng, size: &Size) -> GlobalType {
    let mut writer = Writer::new(rng, size);
    let roles = writer.roles();
    let scope = Scope { roles, loops: Vec::new(), depth: size.depth, whole: true, last: true };
    let block = writer.block(scope, Tail::Next);
    let mut builder = GlobalBuilder::new();
    let end = place(&mut builder, GlobalNode::End, 0);
    let root = place_block(&mut builder, &block, end);
    finish(builder, writer.names, root)
}

/// A random well-formed type that is often not projectable.
pub fn wild(rng: &mut ChaCha8Rng, size: &Size) -> GlobalType {
    let mut writer = Writer::new(rng, size);
    let roles = writer.roles();
    let mut builder = GlobalBuilder::new();
    let root = writer.wild(&mut builder, &roles, &mut Vec::new(), size.depth + 2);
    finish(builder, writer.names, root)
}

fn finish(builder: GlobalBuilder, names: Names, root: NodeId) -> GlobalType {
    builder.finish(names, root).expect("the root was placed last")
}

fn place(builder: &mut GlobalBuilder, node: GlobalNode, line: u32) -> NodeId {
    builder.push(node, line).expect("parts are placed before the nodes that name them")
}

/// Steps one after the other, and what comes then.
struct Block {
    steps: Vec<Step>,
    tail: Tail,
}

#[derive(Clone, Copy)]
enum Tail {
    /// What follows the block.
    Next,
    /// The loop starts again.
    Again(VarId),
}

enum Step {
    Choose { from: RoleId, to: RoleId, arms: Vec<(LabelId, Block)>, line: u32 },
    Loop { var: VarId, body: Block, line: u32 },
    Beside { parts: Vec<Block>, line: u32 },
}

/// Where a block stands.
struct Scope {
    /// Who may act in it: all of them know that the protocol is here.
    roles: Vec<RoleId>,
    /// The loops around it.
    loops: Vec<VarId>,
    depth: usize,
    /// Whether nobody else acts later either, in a loop that closes over this block or behind it.
    whole: bool,
    /// Whether nothing follows the block.
    last: bool,
}

fn place_block(builder: &mut GlobalBuilder, block: &Block, next: NodeId) -> NodeId {
    let mut next = match block.tail {
        Tail::Next => next,
        Tail::Again(var) => place(builder, GlobalNode::Var(var), 0),
    };
    for step in block.steps.iter().rev() {
        next = match step {
            Step::Choose { from, to, arms, line } => {
                let branches = arms
                    .iter()
                    .map(|(label, arm)| Branch { label: *label, next: place_block(builder, arm, next) })
                    .collect();
                place(builder, GlobalNode::Comm { sender: *from, receiver: *to, branches }, *line)
            }
            Step::Loop { var, body, line } => {
                let body = place_block(builder, body, next);
                place(builder, GlobalNode::Rec { var: *var, body }, *line)
            }
            Step::Beside { parts, line } => {
                let end = place(builder, GlobalNode::End, 0);
                let parts = parts.iter().map(|part| place_block(builder, part, end)).collect();
                place(builder, GlobalNode::Par { parts, next }, *line)
            }
        };
    }
    next
}

struct Writer<'a> {
    rng: &'a mut ChaCha8Rng,
    size: &'a Size,
    names: Names,
    sorts: Vec<SortId>,
    /// Communications that may still be written.
    left: usize,
    line: u32,
}

impl<'a> Writer<'a> {
    fn new(rng: &'a mut ChaCha8Rng, size: &'a Size) -> Self {
        let mut names = Names { protocol: "Random".into(), ..Names::default() };
        let plain = [Sort::Unit, Sort::Nat, Sort::Bool, Sort::String, Sort::Real, Sort::Vector(3)];
        let compound = [Sort::Prod(1, 3), Sort::Prod(6, 2)];
        let sorts = plain.into_iter().chain(compound).filter_map(|sort| names.sorts.intern(sort)).collect();
        Self { rng, size, names, sorts, left: size.messages, line: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        // The bias of the remainder is nothing to a generator of protocols.
        (self.rng.next_u64() % limit.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Names the roles and answers them.
    fn roles(&mut self) -> Vec<RoleId> {
        let (least, most) = (self.size.min_roles.clamp(2, 26), self.size.max_roles.clamp(2, 26));
        let count = least + self.below(usize::from(most.saturating_sub(least)) + 1) as u16;
        self.names.roles = (b'A'..=b'Z').take(usize::from(count)).map(|c| char::from(c).to_string()).collect();
        (0..count).map(RoleId).collect()
    }

    fn line(&mut self) -> u32 {
        self.line += 1;
        self.line
    }

    fn label(&mut self, name: &str) -> LabelId {
        let at = if self.one_in(3) { 0 } else { self.below(self.sorts.len()) };
        let sort = self.sorts[at];
        self.names.intern_label(name, sort).expect("a dozen names with a few sorts each fit the table")
    }

    /// Different label names, at most as many as there are.
    fn label_names(&mut self, count: usize) -> Vec<&'static str> {
        let first = self.below(LABELS.len());
        // Five is prime to their number, so the steps meet no name twice.
        (0..count.min(LABELS.len())).map(|at| LABELS[(first + 5 * at) % LABELS.len()]).collect()
    }

    fn fresh_var(&mut self) -> VarId {
        let name = format!("X{}", self.names.vars.len());
        self.names.intern_var(&name)
    }

    fn two(&mut self, roles: &[RoleId]) -> (RoleId, RoleId) {
        let first = self.below(roles.len());
        let second = (first + 1 + self.below(roles.len() - 1)) % roles.len();
        (roles[first], roles[second])
    }

    fn say(&mut self, from: RoleId, to: RoleId, name: &str) -> Step {
        let label = self.label(name);
        Step::Choose { from, to, arms: vec![(label, Block { steps: Vec::new(), tail: Tail::Next })], line: self.line() }
    }

    fn message(&mut self, roles: &[RoleId]) -> Step {
        self.left = self.left.saturating_sub(1);
        let (from, to) = self.two(roles);
        let name = LABELS[self.below(LABELS.len())];
        self.say(from, to, name)
    }

    fn block(&mut self, scope: Scope, tail: Tail) -> Block {
        let Scope { mut roles, loops, depth, whole, last } = scope;
        let mut steps = Vec::new();
        if roles.len() < 2 {
            return Block { steps, tail };
        }
        let count = if last { self.size.messages } else { 1 + self.below(3) };
        while steps.len() < count && self.left > 0 {
            if last && roles.len() > 2 && self.one_in(10) {
                // Somebody has nothing more to do.
                let gone = self.below(roles.len());
                roles.remove(gone);
            }
            let inner = |roles: &[RoleId], last| {
                let (roles, loops) = (roles.to_vec(), loops.clone());
                Scope { roles, loops, depth: depth.saturating_sub(1), whole, last }
            };
            let step = match self.below(20) {
                0..=5 if depth > 0 => self.choice(&inner(&roles, false)),
                6..=9 if depth > 0 && whole => self.looped(&inner(&roles, false)),
                10..=11 if depth > 0 && self.size.parallel && roles.len() > 2 => self.beside(&inner(&roles, true)),
                _ => self.message(&roles),
            };
            steps.push(step);
        }
        if last && loops.is_empty() && self.size.endless && self.one_in(8) {
            let (var, line) = (self.fresh_var(), self.line());
            let first = self.message(&roles);
            let scope = Scope { roles, loops: vec![var], depth: depth.min(1), whole, last: false };
            let mut body = self.block(scope, Tail::Again(var));
            body.steps.insert(0, first);
            steps.push(Step::Loop { var, body, line });
        }
        Block { steps, tail }
    }

    /// A choice whose branches all go on at the same place. Who is not told does nothing in them, or the same in
    /// all of them.
    fn choice(&mut self, scope: &Scope) -> Step {
        let count = 2 + self.below(3);
        let mut told = scope.roles.clone();
        let mut untold = Vec::new();
        while told.len() > 2 && self.one_in(3) {
            untold.push(told.remove(self.below(told.len())));
        }
        let whole = scope.whole && untold.is_empty();
        let scope = Scope { roles: told, loops: scope.loops.clone(), depth: scope.depth, whole, last: false };
        let mut step = self.decided(&scope, &vec![Tail::Next; count]);
        if let (Step::Choose { from, to, arms, .. }, Some(other)) = (&mut step, untold.first()) {
            let listener = if self.one_in(2) { *from } else { *to };
            let (speaker, listener) = if self.one_in(2) { (*other, listener) } else { (listener, *other) };
            let (name, say) = (LABELS[self.below(LABELS.len())], self.one_in(2));
            let label = self.label(name);
            for (_, arm) in arms.iter_mut().filter(|_| say) {
                let arms = vec![(label, Block { steps: Vec::new(), tail: Tail::Next })];
                arm.steps.push(Step::Choose { from: speaker, to: listener, arms, line: self.line() });
            }
        }
        step
    }

    /// A loop that ends in a decision: to go on, to leave, or sometimes to start a loop around it again.
    fn looped(&mut self, scope: &Scope) -> Step {
        let (var, line) = (self.fresh_var(), self.line());
        let mut loops = scope.loops.clone();
        loops.push(var);
        let around = loops.clone();
        let part =
            |last| Scope { roles: scope.roles.clone(), loops: loops.clone(), depth: scope.depth, whole: true, last };
        let mut body = if self.one_in(2) {
            self.block(part(false), Tail::Next)
        } else {
            Block { steps: vec![], tail: Tail::Next }
        };
        let mut tails = vec![Tail::Again(var), Tail::Next];
        if self.one_in(3) {
            tails.push(Tail::Again(around[self.below(around.len())]));
        }
        if self.one_in(2) {
            tails.push(Tail::Next);
        }
        tails.rotate_left(self.below(2));
        let decision = self.decided(&part(false), &tails);
        body.steps.push(decision);
        Step::Loop { var, body, line }
    }

    /// A decision with a branch for each tail, of which every role of the scope is told: some before the branches
    /// do anything, some only afterwards.
    fn decided(&mut self, scope: &Scope, tails: &[Tail]) -> Step {
        self.left = self.left.saturating_sub(1);
        let line = self.line();
        let (from, to) = self.two(&scope.roles);
        let names = self.label_names(tails.len());
        let mut rest: Vec<RoleId> = scope.roles.iter().copied().filter(|role| *role != from && *role != to).collect();
        let mut knowing = vec![from, to];
        // Who is told by whom; the same in every branch, or the listener would have to know beforehand.
        let (mut early, mut late) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let listener = rest.remove(self.below(rest.len()));
            let teller = knowing[self.below(knowing.len())];
            let forgotten = self.size.careless > 0 && self.one_in(self.size.careless as usize);
            if !forgotten {
                let list = if late.is_empty() && !self.one_in(4) { &mut early } else { &mut late };
                list.push((teller, listener));
            }
            knowing.push(listener);
        }
        let waiting: Vec<RoleId> = late.iter().map(|(_, listener)| *listener).collect();
        let informed: Vec<RoleId> = knowing.iter().copied().filter(|role| !waiting.contains(role)).collect();
        let mut arms = Vec::new();
        for (name, tail) in names.into_iter().zip(tails) {
            let label = self.label(name);
            let mut steps: Vec<Step> =
                early.iter().map(|(teller, listener)| self.say(*teller, *listener, name)).collect();
            let part = |roles: &[RoleId], whole| {
                let (roles, loops) = (roles.to_vec(), scope.loops.clone());
                Scope { roles, loops, depth: scope.depth, whole, last: false }
            };
            if self.one_in(2) {
                steps.extend(self.block(part(&informed, scope.whole && late.is_empty()), Tail::Next).steps);
            }
            steps.extend(late.iter().map(|(teller, listener)| self.say(*teller, *listener, name)));
            if !late.is_empty() && self.one_in(2) {
                steps.extend(self.block(part(&scope.roles, scope.whole), Tail::Next).steps);
            }
            arms.push((label, Block { steps, tail: *tail }));
        }
        Step::Choose { from, to, arms, line }
    }

    /// Two or three parts without common roles.
    fn beside(&mut self, scope: &Scope) -> Step {
        let line = self.line();
        let mut parts: Vec<Vec<RoleId>> = vec![Vec::new(); 2 + self.below(2)];
        for role in &scope.roles {
            let part = self.below(parts.len());
            parts[part].push(*role);
        }
        let mut blocks = Vec::new();
        for roles in parts {
            // A part is closed: nobody outside it, and nothing behind it, is seen from inside.
            let inside = Scope { roles, loops: Vec::new(), depth: scope.depth, whole: true, last: false };
            blocks.push(self.block(inside, Tail::Next));
        }
        Step::Beside { parts: blocks, line }
    }

    /// Anything well-formed. `bound` holds the loops around this point that a message stands before.
    fn wild(&mut self, builder: &mut GlobalBuilder, roles: &[RoleId], bound: &mut Vec<VarId>, depth: usize) -> NodeId {
        let line = self.line();
        if depth == 0 || roles.len() < 2 || self.one_in(12) {
            let leaf = if !bound.is_empty() && self.one_in(2) {
                GlobalNode::Var(bound[self.below(bound.len())])
            } else {
                GlobalNode::End
            };
            return place(builder, leaf, line);
        }
        if self.size.parallel && self.one_in(16) {
            let cut = 1 + self.below(roles.len() - 1);
            let parts = [&roles[..cut], &roles[cut..]];
            let parts = parts.map(|part| self.wild(builder, part, &mut Vec::new(), depth - 1)).to_vec();
            // The parts may do nothing, so a loop is not yet guarded behind them; it was before.
            let next = self.wild(builder, roles, bound, depth - 1);
            return place(builder, GlobalNode::Par { parts, next }, line);
        }
        let var = self.one_in(4).then(|| self.fresh_var());
        let known = bound.len();
        bound.extend(var);
        let (from, to) = self.two(roles);
        let count = [1, 1, 2, 2, 3][self.below(5)];
        let mut branches: Vec<Branch> = Vec::new();
        for name in self.label_names(count) {
            let label = self.label(name);
            let next = match branches.last() {
                // One continuation for two branches: what nobody needs to be told of.
                Some(before) if self.one_in(3) => before.next,
                _ => self.wild(builder, roles, bound, depth - 1),
            };
            branches.push(Branch { label, next });
        }
        bound.truncate(known);
        let body = place(builder, GlobalNode::Comm { sender: from, receiver: to, branches }, line);
        var.map_or(body, |var| place(builder, GlobalNode::Rec { var, body }, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use motet_choreo::{check, emit};
    use rand_chacha::rand_core::SeedableRng;

    /// What share of `make`'s types project, with the mean number of nodes.
    fn statistics(name: &str, count: u32, make: impl Fn(&mut ChaCha8Rng) -> GlobalType) -> u32 {
        let (mut projected, mut nodes, mut largest) = (0, 0, 0);
        let (mut loops, mut choices, mut parallel, mut code) = (0, 0, 0, 0);
        for seed in 0..count {
            let global = make(&mut ChaCha8Rng::seed_from_u64(u64::from(seed)));
            assert_eq!(check(&global), Ok(()), "{name}, seed {seed}");
            nodes += global.nodes().len();
            largest = largest.max(global.nodes().len());
            for node in global.nodes() {
                match node {
                    GlobalNode::Rec { .. } => loops += 1,
                    GlobalNode::Comm { branches, .. } if branches.len() > 1 => choices += 1,
                    GlobalNode::Par { .. } => parallel += 1,
                    _ => {}
                }
            }
            if let Ok(types) = project(&global) {
                projected += 1;
                code += emit(&types).expect("a small protocol has code").code.len();
            }
        }
        let share = 100 * projected / count;
        println!(
            "{name}: {share}% of {count} project; in all {nodes} nodes (largest {largest}), {choices} choices, \
             {loops} loops, {parallel} compositions, {code} instructions"
        );
        share
    }

    #[test]
    fn acceptance() {
        let size = Size::default();
        assert!(statistics("candidates", 3000, |rng| candidate(rng, &size)) > 50);
        let careful = Size { careless: 0, ..size };
        assert_eq!(statistics("careful candidates", 3000, |rng| candidate(rng, &careful)), 100);
        assert_eq!(statistics("protocols", 3000, |rng| protocol(rng, &size)), 100);
        let large = Size { messages: 120, depth: 5, ..size };
        assert_eq!(statistics("large protocols", 200, |rng| protocol(rng, &large)), 100);
        let share = statistics("wild types", 3000, |rng| wild(rng, &size));
        assert!((5..95).contains(&share));
    }

    #[test]
    fn a_seed_decides_everything() {
        let make = |seed| {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            (protocol(rng, &Size::default()), wild(rng, &Size::default()))
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }
}
