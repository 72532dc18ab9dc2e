//! A role and everybody it talks to, over queues: what can go wrong when it follows one type and is expected to follow
//! another.
//!
//! The others are one process that does the opposite of what is expected, in that order: it sends whatever may come,
//! and takes from the queues what should have been sent. Each partner has a queue in each direction that holds a few messages.
//! All runs within that bound are looked at. This shares nothing with the subtyping that it judges: no residuals, no pairs
//! of types, only queues.

use motet_types::{Action, Automata, StateId};
use std::collections::HashMap;

/// How many queues there are: to and from two partners.
const QUEUES: usize = 4;
/// Bits of a queued message, which is a label's number plus one.
const BITS: u32 = 3;

/// What went wrong in some run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The first message of a queue is not what its reader receives.
    Unexpected,
    /// Nobody can go on, and not everything is at its end.
    Stuck,
    /// Somebody waits, for ever, for who goes on without it.
    Starved,
    /// A message is never taken, though its reader goes on.
    Forgotten,
}

/// What all runs within the bound say.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    /// Something that goes wrong, if anything does.
    pub wrong: Option<Wrong>,
    /// How many configurations were met.
    pub met: usize,
    /// Whether all were looked at: no queue was full when somebody wanted to send.
    pub whole: bool,
}

/// The role's state, the state expected of it, and the queues: edges 0 and 1 to, 2 and 3 from the partners.
type Configuration = (u32, u32, [u32; QUEUES]);

struct Duet<'a> {
    automata: &'a Automata,
    capacity: u32,
    met: HashMap<Configuration, usize>,
    order: Vec<Configuration>,
    /// For each configuration, where it leads, and which queue was read.
    edges: Vec<Vec<(usize, Option<usize>)>>,
    whole: bool,
}

const fn length(queue: u32) -> u32 {
    (u32::BITS - queue.leading_zeros()).div_ceil(BITS)
}

const fn first(queue: u32) -> u16 {
    (queue & ((1 << BITS) - 1)) as u16
}

/// Whether, from the state on, one can act for ever, each time as allowed.
fn for_ever(automata: &Automata, from: u32, allowed: impl Fn(Action) -> bool + Copy) -> bool {
    fn walk(automata: &Automata, at: u32, allowed: impl Fn(Action) -> bool + Copy, open: &mut Vec<u32>) -> bool {
        let state = &automata.states[at as usize];
        if open.contains(&at) {
            return true;
        }
        if !allowed(state.action) {
            return false;
        }
        open.push(at);
        let found = state.branches.iter().any(|branch| walk(automata, branch.next, allowed, open));
        open.pop();
        found
    }
    walk(automata, from, allowed, &mut Vec::new())
}

/// Whether a state that acts so can be come to.
fn comes_to(automata: &Automata, from: u32, wanted: impl Fn(Action) -> bool) -> bool {
    let (mut met, mut at) = (vec![from], 0);
    while at < met.len() {
        let state = &automata.states[met[at] as usize];
        if wanted(state.action) {
            return true;
        }
        for branch in &state.branches {
            if !met.contains(&branch.next) {
                met.push(branch.next);
            }
        }
        at += 1;
    }
    false
}

impl Duet<'_> {
    fn meet(&mut self, next: Configuration, from: usize, read: Option<usize>) {
        let at = *self.met.entry(next).or_insert(self.order.len());
        if at == self.order.len() {
            self.order.push(next);
        }
        self.edges[from].push((at, read));
    }

    /// One side's move. Its sends go to the queue of their edge on the role's side, and so do the others' on theirs.
    fn act(&mut self, at: usize, role: bool) -> Option<Wrong> {
        let (mine, theirs, queues) = self.order[at];
        let state = &self.automata.states[(if role { mine } else { theirs }) as usize];
        let (queue, writes) = match state.action {
            Action::End => return None,
            Action::Send(edge) => (usize::from(edge), role),
            Action::Recv(edge) => (usize::from(edge), !role),
        };
        let step = |next: u32| if role { (next, theirs) } else { (mine, next) };
        if writes && length(queues[queue]) >= self.capacity {
            self.whole = false;
            return None;
        }
        if writes {
            for branch in &state.branches {
                let mut after = queues;
                after[queue] |= (u32::from(branch.label) + 1) << (BITS * length(queues[queue]));
                let (mine, theirs) = step(branch.next);
                self.meet((mine, theirs, after), at, None);
            }
            return None;
        }
        if queues[queue] == 0 {
            let without = |action| match action {
                Action::Send(edge) => !role && usize::from(edge) != queue,
                Action::Recv(edge) => role && usize::from(edge) != queue,
                Action::End => false,
            };
            // The other side goes on by sending alone, and never to this queue. What the role receives, the others send.
            let other = if role { theirs } else { mine };
            return for_ever(self.automata, other, without).then_some(Wrong::Starved);
        }
        let label = first(queues[queue]) - 1;
        let Some(branch) = state.branches.iter().find(|branch| branch.label == label) else {
            return Some(Wrong::Unexpected);
        };
        let mut after = queues;
        after[queue] >>= BITS;
        let (mine, theirs) = step(branch.next);
        self.meet((mine, theirs, after), at, Some(queue));
        None
    }

    /// Whether a message waits that its reader will never come to, or while its reader can send for ever.
    fn neglects(&self, (mine, theirs, queues): Configuration) -> bool {
        (0..QUEUES).filter(|queue| queues[*queue] != 0).any(|queue| {
            // The role reads what it receives from the queues 2 and 3; the others read what it is expected to send.
            let role = queue >= 2;
            let reads = |action| match action {
                Action::Recv(edge) => role && usize::from(edge) == queue,
                Action::Send(edge) => !role && usize::from(edge) == queue,
                Action::End => false,
            };
            let writes =
                |action| if role { matches!(action, Action::Send(_)) } else { matches!(action, Action::Recv(_)) };
            let reader = if role { mine } else { theirs };
            !comes_to(self.automata, reader, reads) || for_ever(self.automata, reader, writes)
        })
    }

    /// Whether some run goes round for ever while a message in the queue is not taken.
    fn forgets(&self, queue: usize) -> bool {
        let waits = |at: usize| self.order[at].2[queue] != 0;
        let next: Vec<Vec<usize>> = (0..self.order.len())
            .map(|at| {
                let edges = self.edges[at].iter().filter(|(to, read)| waits(at) && waits(*to) && *read != Some(queue));
                edges.map(|edge| edge.0).collect()
            })
            .collect();
        // Colours of a search in depth: 0 new, 1 open, 2 done. An open one met again is a round.
        let mut colour = vec![0u8; next.len()];
        for start in 0..next.len() {
            let mut open = if colour[start] == 0 { vec![(start, 0)] } else { continue };
            colour[start] = 1;
            while let Some((at, branch)) = open.pop() {
                let Some(to) = next[at].get(branch) else {
                    colour[at] = 2;
                    continue;
                };
                open.push((at, branch + 1));
                match colour[*to] {
                    0 => {
                        colour[*to] = 1;
                        open.push((*to, 0));
                    }
                    1 => return true,
                    _ => {}
                }
            }
        }
        false
    }
}

/// All runs of the candidate among others who expect the expected type, each queue holding at most `capacity` messages.
/// Stops at the first thing that goes wrong, or without one after `most` configurations.
///
/// # Panics
/// When a queue cannot hold that many, or labels have numbers above six.
pub fn runs(automata: &Automata, candidate: StateId, expected: StateId, capacity: u32, most: usize) -> Runs {
    assert!(capacity * BITS < u32::BITS, "a queue is one word");
    let start = (candidate.0, expected.0, [0; QUEUES]);
    let mut duet = Duet {
        automata,
        capacity,
        met: HashMap::from([(start, 0)]),
        order: vec![start],
        edges: Vec::new(),
        whole: true,
    };
    let mut wrong = None;
    while wrong.is_none() && duet.edges.len() < duet.order.len() {
        let at = duet.edges.len();
        if at >= most {
            duet.whole = false;
            duet.edges.resize(duet.order.len(), Vec::new());
            break;
        }
        duet.edges.push(Vec::new());
        let whole = std::mem::replace(&mut duet.whole, true);
        wrong = duet.act(at, true).or_else(|| duet.act(at, false));
        let (mine, theirs, queues) = duet.order[at];
        let ended = |state: u32| automata.states[state as usize].action == Action::End;
        let over = ended(mine) && ended(theirs) && queues == [0; QUEUES];
        if wrong.is_none() && duet.neglects(duet.order[at]) {
            wrong = Some(Wrong::Forgotten);
        }
        if wrong.is_none() && duet.edges[at].is_empty() && duet.whole && !over {
            wrong = Some(Wrong::Stuck);
        }
        duet.whole &= whole;
    }
    if wrong.is_none() && (0..QUEUES).any(|queue| duet.forgets(queue)) {
        wrong = Some(Wrong::Forgotten);
    }
    Runs { wrong, met: duet.order.len(), whole: duet.whole }
}
