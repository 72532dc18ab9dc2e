//! Which states of local-type automata nobody can tell apart: whatever happens from one can happen from the other.
//!
//! A protocol may write a loop's first round before the loop, and projection may leave such copies behind. They are states
//! of their own with instructions of their own, but the same type.

use crate::{Action, StatePart};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A partition of the states, made finer until no step tells two of one class apart.
struct Partition {
    class_of: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// Whether a class has still to be asked which states lead into it.
    waits: Vec<bool>,
    todo: Vec<u32>,
}

impl Partition {
    fn await_turn(&mut self, class: u32) {
        if !self.waits[class as usize] {
            self.waits[class as usize] = true;
            self.todo.push(class);
        }
    }

    /// States that allow the same action with the same labels, for a start.
    fn of(states: &[StatePart]) -> Self {
        let (mut known, mut class_of) = (BTreeMap::<(Action, Vec<u16>), u32>::new(), Vec::with_capacity(states.len()));
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (at, state) in states.iter().enumerate() {
            let mut labels: Vec<u16> = state.branches.iter().map(|branch| branch.label).collect();
            labels.sort_unstable();
            let class = *known.entry((state.action, labels)).or_insert(members.len() as u32);
            if class as usize == members.len() {
                members.push(Vec::new());
            }
            members[class as usize].push(at as u32);
            class_of.push(class);
        }
        let mut partition = Self { class_of, waits: alloc::vec![false; members.len()], members, todo: Vec::new() };
        (0..partition.members.len() as u32).for_each(|class| partition.await_turn(class));
        partition
    }

    /// Divides every class of which some states, and not all, are among `into`, which has each state once.
    fn divide(&mut self, into: &[u32]) {
        let mut met = BTreeMap::<u32, Vec<u32>>::new();
        for state in into {
            met.entry(self.class_of[*state as usize]).or_default().push(*state);
        }
        for (class, inside) in met {
            let all = &mut self.members[class as usize];
            if inside.len() == all.len() {
                continue;
            }
            let new = self.waits.len() as u32;
            for state in &inside {
                self.class_of[*state as usize] = new;
            }
            all.retain(|state| self.class_of[*state as usize] != new);
            // Asking the smaller part again is enough where the whole has been asked: this is what keeps it n log n.
            let smaller = if inside.len() <= all.len() { new } else { class };
            let asked = !self.waits[class as usize];
            self.members.push(inside);
            self.waits.push(false);
            self.await_turn(if asked { smaller } else { new });
        }
    }
}

/// For each state the number of its class: two states have the same one exactly when whatever can happen from one can happen
/// from the other. No two branches of a state have the same label, and each leads to a state that is there.
pub fn bisimilar(states: &[StatePart]) -> Vec<u32> {
    let mut leading: Vec<Vec<(u16, u32)>> = alloc::vec![Vec::new(); states.len()];
    for (at, state) in states.iter().enumerate() {
        for branch in &state.branches {
            if let Some(from) = leading.get_mut(branch.next as usize) {
                from.push((branch.label, at as u32));
            }
        }
    }
    let mut partition = Partition::of(states);
    while let Some(class) = partition.todo.pop() {
        partition.waits[class as usize] = false;
        let mut from = BTreeMap::<u16, Vec<u32>>::new();
        for state in &partition.members[class as usize] {
            for (label, at) in &leading[*state as usize] {
                from.entry(*label).or_default().push(*at);
            }
        }
        from.values().for_each(|into| partition.divide(into));
    }
    partition.class_of
}

#[cfg(test)]
mod tests {
    use super::bisimilar;
    use crate::{Action, BranchPart, StatePart};
    use alloc::vec::Vec;

    /// The definition: states are alike until an action, or a branch's end, tells them apart.
    fn literally(states: &[StatePart]) -> Vec<Vec<bool>> {
        let find = |state: &StatePart, label: u16| {
            state.branches.iter().find(|branch| branch.label == label).map(|branch| branch.next as usize)
        };
        let same = |a: &StatePart, b: &StatePart| {
            a.action == b.action
                && a.branches.len() == b.branches.len()
                && a.branches.iter().all(|branch| find(b, branch.label).is_some())
        };
        let mut alike: Vec<Vec<bool>> = states.iter().map(|a| states.iter().map(|b| same(a, b)).collect()).collect();
        loop {
            let mut changed = false;
            for a in 0..states.len() {
                for b in 0..states.len() {
                    let differs = |branch: &BranchPart| {
                        find(&states[b], branch.label).is_none_or(|next| !alike[branch.next as usize][next])
                    };
                    if alike[a][b] && states[a].branches.iter().any(differs) {
                        alike[a][b] = false;
                        changed = true;
                    }
                }
            }
            if !changed {
                return alike;
            }
        }
    }

    #[test]
    fn classes_are_what_nothing_tells_apart() {
        // A generator of its own: any numbers will do, as long as they are the same every time.
        let mut seed = 1_u64;
        let mut below = move |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let (mut alike_pairs, mut pairs) = (0, 0);
        for _ in 0..3_000 {
            let count = 1 + below(12);
            let (edges, labels) = (1 + below(2), 1 + below(3));
            let states: Vec<StatePart> = (0..count)
                .map(|_| {
                    let mut branches: Vec<BranchPart> = (0..labels)
                        .filter(|_| below(4) > 0)
                        .map(|label| BranchPart { label: label as u16, next: 0 })
                        .collect();
                    branches.iter_mut().for_each(|branch| branch.next = below(count) as u32);
                    let edge = below(edges) as u16;
                    let action = match (branches.is_empty(), below(3)) {
                        (true, _) => Action::End,
                        (_, 0) => Action::Recv(edge),
                        _ => Action::Send(edge),
                    };
                    StatePart { role: 0, action, branches }
                })
                .collect();
            let (classes, alike) = (bisimilar(&states), literally(&states));
            for a in 0..states.len() {
                for b in 0..a {
                    assert_eq!(classes[a] == classes[b], alike[a][b], "{a} and {b} of {states:?}");
                    alike_pairs += usize::from(alike[a][b]);
                    pairs += 1;
                }
            }
        }
        assert!(alike_pairs > 1_000 && pairs > 10 * alike_pairs / 9, "{alike_pairs} of {pairs}");
    }
}
