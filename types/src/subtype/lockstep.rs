//! The modes in which actions keep their order: both automata take every step together.
//!
//! A loop is nothing special: a pair that was met before holds if everything else does, so the walk ends after at most
//! as many pairs as there are, and a type is a subtype of itself whatever its loops.

use super::pairs::Pairs;
use super::resolve::{Act, Node};
use super::verdict::{Difference, Refusal, Verdict};
use super::{SubtypeMode, Subtyping};
use crate::{Planted, planted};
use alloc::boxed::Box;

/// What differs between two states that are to do the same, if anything.
fn difference(relation: &Subtyping, candidate: &Node, expected: &Node, same_labels: bool) -> Option<Difference> {
    let names = &relation.names;
    if candidate.act != expected.act {
        return Some(match (names.first(candidate), names.first(expected)) {
            (Some(candidate), Some(expected)) => Difference::Action { candidate, expected },
            (None, Some(expected)) => Difference::Ends(expected),
            (Some(candidate), None) => Difference::GoesOn(candidate),
            // Two ends are equal.
            (None, None) => return None,
        });
    }
    let act = candidate.act;
    let without = |node: &Node, other: &Node| {
        let letter = node.branches.iter().find(|branch| other.after(branch.0).is_none())?.0;
        Some(names.message(act, letter))
    };
    let (more, less) = (without(candidate, expected), without(expected, candidate));
    if same_labels && !planted(Planted::SubtypeConservativeAnyLabels) {
        return less.map(Difference::Lacks).or_else(|| more.map(Difference::Adds));
    }
    match act {
        Act::Send(_) => more.map(Difference::Sends),
        Act::Recv(_) => less.map(Difference::Misses),
        Act::End => None,
    }
}

/// Decides the conservative mode (phases of inputs and outputs whose trees have the same labels: phases end at the same
/// steps exactly when each step has the same direction on both sides) and the synchronous one (more may come than is
/// expected, and less may be sent).
pub(super) fn lockstep(relation: &Subtyping, mode: SubtypeMode, candidate: u32, expected: u32) -> Verdict {
    let same_labels = mode == SubtypeMode::Conservative;
    let mut pairs = Pairs::new((candidate, expected));
    let mut at = 0;
    while let Some((candidate, expected)) = pairs.get(at) {
        let (candidate, expected) = (&relation.candidate[candidate as usize], &relation.expected[expected as usize]);
        if let Some(difference) = difference(relation, candidate, expected, same_labels) {
            let path = pairs.path(at, &relation.names);
            return Verdict::No(Box::new(Refusal { path, difference }));
        }
        for (letter, next) in &candidate.branches {
            // What only one side has leads nowhere: it is never sent, or never comes.
            if let Some(beyond) = expected.after(*letter) {
                pairs.meet((*next, beyond), at, (candidate.act, *letter));
            }
            if planted(Planted::SubtypeFirstBranch) {
                break;
            }
        }
        at += 1;
    }
    Verdict::Yes
}
