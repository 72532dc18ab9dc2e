//! Small local types: written down in text, all of them up to a size, and random ones.

use crate::dice::Dice;
use motet_types::{
    Action, Automata, BranchPart, EdgePart, LocalArena, LocalBranch, LocalId, LocalNode, Names, RoleId, Sort, StateId,
    StatePart,
};

/// The role whose types these are.
const OWN: RoleId = RoleId(0);

/// Names for all types here: a role, two partners, and the labels `a`, `b` without payload and `a` with a number.
pub fn names() -> Names {
    let mut names = Names { roles: ["Own", "P", "Q"].map(String::from).into(), ..Names::default() };
    for (label, sort) in [("a", Sort::Unit), ("b", Sort::Unit), ("a", Sort::Nat)] {
        let sort = names.sorts.intern(sort).expect("two sorts fit");
        names.intern_label(label, sort).expect("three labels fit");
    }
    names
}

/// Reads `?P:a.!Q{a.end, b(nat).X}` and `rec X.TYPE` into the automata, and answers the first state.
///
/// # Panics
/// When the text is no type, which is the test's own mistake.
pub fn read(text: &str, names: &mut Names, automata: &mut Automata) -> StateId {
    let mut reader = Reader { rest: text, names, arena: LocalArena::new() };
    let root = reader.local();
    assert!(reader.rest.is_empty(), "`{text}` goes on with `{}`", reader.rest);
    let arena = reader.arena;
    automata.add(&arena, OWN, root).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

struct Reader<'a> {
    rest: &'a str,
    names: &'a mut Names,
    arena: LocalArena,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest).trim_start();
        found.is_some()
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(self.rest.len());
        assert!(end > 0, "a name is missing at `{}`", self.rest);
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn local(&mut self) -> LocalId {
        let sends = self.eat("!");
        if sends || self.eat("?") {
            let partner = self.word();
            let partner = self.names.role(partner).unwrap_or_else(|| panic!("no role `{partner}`"));
            let several = self.eat("{");
            assert!(several || self.eat(":"), "`:` or `{{` is missing at `{}`", self.rest);
            let mut branches = vec![self.branch()];
            while several && self.eat(",") {
                branches.push(self.branch());
            }
            assert!(!several || self.eat("}"), "`}}` is missing at `{}`", self.rest);
            return self.arena.intern(match sends {
                true => LocalNode::Send { partner, branches },
                false => LocalNode::Recv { partner, branches },
            });
        }
        match self.word() {
            "end" => self.arena.intern(LocalNode::End),
            "rec" => {
                let var = self.word();
                let var = self.names.intern_var(var);
                assert!(self.eat("."), "`.` is missing at `{}`", self.rest);
                let body = self.local();
                self.arena.intern(LocalNode::Rec { var, body })
            }
            var => {
                let var = self.names.intern_var(var);
                self.arena.intern(LocalNode::Var(var))
            }
        }
    }

    fn branch(&mut self) -> LocalBranch {
        let label = self.word();
        let sort = match self.eat("(") {
            false => Sort::Unit,
            true => {
                let sort = match self.word() {
                    "nat" => Sort::Nat,
                    "string" => Sort::String,
                    other => panic!("no sort `{other}`"),
                };
                assert!(self.eat(")"), "`)` is missing at `{}`", self.rest);
                sort
            }
        };
        let sort = self.names.sorts.intern(sort).expect("few sorts");
        let label = self.names.intern_label(label, sort).expect("few labels");
        assert!(self.eat("."), "`.` is missing at `{}`", self.rest);
        LocalBranch { label, next: self.local() }
    }
}

/// Many types in one set of tables.
#[derive(Debug)]
pub struct Family {
    /// All states, on four edges: to and from `P`, to and from `Q`.
    pub automata: Automata,
    /// The first state of each type.
    pub types: Vec<StateId>,
}

/// A state as actions are counted here: 0 and 1 send to `P` and `Q`, 2 and 3 receive from them; labels with the place,
/// within the type, that they lead to.
type Draft = (usize, Vec<(u16, usize)>);

impl Default for Family {
    fn default() -> Self {
        let ends = [(0, 1), (0, 2), (1, 0), (2, 0)];
        let edges = ends.map(|(sender, receiver)| EdgePart { sender, receiver });
        let mut automata = Automata::new();
        automata.edges = edges.into();
        Self { automata, types: Vec::new() }
    }
}

impl Family {
    /// Adds a type: place 0 is where it starts, and the place behind the last draft is the end.
    fn add(&mut self, drafts: &[Draft]) -> StateId {
        let states = &mut self.automata.states;
        let first = states.len();
        let state = |place: usize| u32::try_from(first + place).expect("families are small");
        for (act, rows) in drafts {
            let edge = *act as u16;
            let action = if *act < 2 { Action::Send(edge) } else { Action::Recv(edge) };
            let branches = rows.iter().map(|(label, next)| BranchPart { label: *label, next: state(*next) }).collect();
            states.push(StatePart { role: 0, action, branches });
        }
        states.push(StatePart { role: 0, action: Action::End, branches: Vec::new() });
        let first = StateId(state(0));
        self.types.push(first);
        first
    }

    /// All types of at most `most` actions with one label, one after the other, that end or go back to any of them.
    pub fn lines(most: usize) -> Self {
        let mut family = Self::default();
        family.add(&[]);
        for length in 1..=most {
            for number in 0..4usize.pow(length as u32) {
                for back in 0..=length {
                    let next = |at: usize| {
                        if at + 1 < length {
                            at + 1
                        } else if back == length {
                            length
                        } else {
                            back
                        }
                    };
                    let act = |at: usize| number / 4usize.pow(at as u32) % 4;
                    let drafts: Vec<Draft> = (0..length).map(|at| (act(at), vec![(0, next(at))])).collect();
                    family.add(&drafts);
                }
            }
        }
        family
    }

    /// All types of at most two states with the given actions and two labels, each leading anywhere.
    pub fn choices(acts: &[usize]) -> Self {
        let mut family = Self::default();
        family.add(&[]);
        for count in 1..=2 {
            let places = count + 1;
            let mut rows: Vec<Vec<(u16, usize)>> = Vec::new();
            for a in 0..places {
                rows.push(vec![(0, a)]);
                rows.push(vec![(1, a)]);
                rows.extend((0..places).map(|b| vec![(0, a), (1, b)]));
            }
            let states: Vec<Draft> =
                acts.iter().flat_map(|act| rows.iter().map(move |rows| (*act, rows.clone()))).collect();
            for first in &states {
                if count == 1 {
                    family.add(std::slice::from_ref(first));
                } else if first.1.iter().any(|(_, next)| *next == 1) {
                    for second in &states {
                        family.add(&[first.clone(), second.clone()]);
                    }
                }
            }
        }
        family
    }

    /// A random type of at most five states with three labels, and one made from it by sending earlier, swapping
    /// actions, leaving labels out and putting some in.
    pub fn relatives(dice: &mut Dice) -> Self {
        let mut family = Self::default();
        let count = 1 + dice.below(5);
        let mut drafts: Vec<Draft> = (0..count).map(|at| (dice.below(4), random_rows(dice, at, count))).collect();
        family.add(&drafts);
        for _ in 0..1 + dice.below(3) {
            change(dice, &mut drafts);
        }
        family.add(&drafts);
        family
    }
}

fn random_rows(dice: &mut Dice, at: usize, count: usize) -> Vec<(u16, usize)> {
    let mut rows = Vec::new();
    for label in 0..3 {
        if rows.is_empty() && label == 2 || dice.one_in(3) {
            // Mostly onwards, so that all states are come to.
            let next = if dice.one_in(3) { dice.below(count + 1) } else { at + 1 };
            rows.push((label, next));
        }
    }
    rows
}

fn change(dice: &mut Dice, drafts: &mut Vec<Draft>) {
    let count = drafts.len();
    let at = dice.below(count);
    match dice.below(6) {
        0 => {
            let left = dice.below(drafts[at].1.len());
            if drafts[at].1.len() > 1 {
                drafts[at].1.remove(left);
            }
        }
        1 => {
            let label = dice.below(3) as u16;
            if drafts[at].1.iter().all(|(known, _)| *known != label) {
                let next = dice.below(count + 1);
                drafts[at].1.push((label, next));
            }
        }
        _ => swap(drafts, at),
    }
}

/// Has a state do what all states behind it do, and then, behind each of its new labels, what it did.
fn swap(drafts: &mut Vec<Draft>, at: usize) {
    let (act, rows) = drafts[at].clone();
    let count = drafts.len();
    if rows.iter().any(|(_, next)| *next >= count || *next == at) {
        return;
    }
    let behind: Vec<&Draft> = rows.iter().map(|(_, next)| &drafts[*next]).collect();
    let (early, labels) = (behind[0].0, behind[0].1.clone());
    let shared = |label: u16| behind.iter().all(|(act, rows)| *act == early && rows.iter().any(|row| row.0 == label));
    let labels: Vec<u16> = labels.into_iter().map(|row| row.0).filter(|label| shared(*label)).collect();
    if labels.is_empty() || count + labels.len() > 12 {
        return;
    }
    // New states stand before the end, which therefore moves.
    let moved = count + labels.len();
    let mut late: Vec<Draft> = Vec::new();
    for label in &labels {
        let rows = rows.iter().zip(&behind).filter_map(|(row, behind)| {
            let next = behind.1.iter().find(|other| other.0 == *label)?.1;
            Some((row.0, next))
        });
        late.push((act, rows.collect()));
    }
    drafts[at] = (early, labels.iter().enumerate().map(|(number, label)| (*label, count + number)).collect());
    drafts.extend(late);
    for (place, (_, rows)) in drafts.iter_mut().enumerate() {
        for (_, next) in rows.iter_mut().filter(|(_, next)| *next == count) {
            if place != at {
                *next = moved;
            }
        }
    }
}
