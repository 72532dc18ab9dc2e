//! Merging: the one local type of a role that is not told which of several branches was taken.
//!
//! The rules are those of the specification, section 11: equal types merge to themselves, the end merges with the
//! end only, sends need the same labels, receives take the union of theirs, loops and variables need the same name.
//! Work is remembered by pairs of ids and done on an explicit stack, so neither depth nor sharing hurts.

use motet_types::{LabelId, LocalArena, LocalBranch, LocalId, LocalNode, Names, Planted, RoleId, VarId, planted};
use std::collections::BTreeMap;

/// The most pairs of nodes that are merged for one protocol.
const MAX_PAIRS: usize = 1 << 22;
/// A message path longer than this is cut at its beginning.
const MAX_PATH: usize = 8;

/// Why two local types do not merge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// One ends where the other goes on.
    #[error("one ends where the other would {other}")]
    EndMismatch {
        /// What the other does.
        other: String,
    },
    /// Messages of two partners.
    #[error("one would {left} where the other would {right}")]
    PartnerMismatch {
        /// What the first does.
        left: String,
        /// What the second does.
        right: String,
    },
    /// One sends where the other receives.
    #[error("one would {left} where the other would {right}")]
    DirectionMismatch {
        /// What the first does.
        left: String,
        /// What the second does.
        right: String,
    },
    /// They part further on.
    #[error("after {}, {why}", .after.join(", "))]
    IncompatibleContinuations {
        /// The labels up to there, the last ones when there are many.
        after: Vec<String>,
        /// How they part there; never this variant again.
        why: Box<MergeError>,
    },
    /// One label with two payloads.
    #[error("`{label}` carries {left} in one and {right} in the other")]
    PayloadAnnotationMismatch {
        /// The label.
        label: String,
        /// Its sort in the first.
        left: String,
        /// Its sort in the second.
        right: String,
    },
    /// A label that only one of two sends offers.
    #[error("only one of them may send `{label}` to {partner}, and nobody else knows which")]
    SendLabelMismatch {
        /// The receiver.
        partner: String,
        /// The label.
        label: String,
    },
    /// Sends with different numbers of branches.
    #[error("one may send {left} labels to {partner}, the other {right}")]
    SendBranchCountMismatch {
        /// The receiver.
        partner: String,
        /// Branches of the first.
        left: usize,
        /// Branches of the second.
        right: usize,
    },
    /// Loops of different names.
    #[error("one begins the loop {left}, the other the loop {right}")]
    RecursiveVariableMismatch {
        /// The first loop.
        left: String,
        /// The second loop.
        right: String,
    },
    /// Jumps to different loops.
    #[error("one continues the loop {left}, the other the loop {right}")]
    VariableMismatch {
        /// The first loop.
        left: String,
        /// The second loop.
        right: String,
    },
    /// Anything else that differs.
    #[error("one would {left} where the other would {right}")]
    IncompatibleTypes {
        /// What the first does.
        left: String,
        /// What the second does.
        right: String,
    },
    /// The result would be too large.
    #[error("merging them takes more than {MAX_PAIRS} steps")]
    TooLarge,
}

/// Two branches, by position, that do not merge, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) why: MergeError,
}

/// Merges types of one arena and remembers what it merged.
pub(crate) struct Merger<'a> {
    names: &'a Names,
    memo: BTreeMap<(LocalId, LocalId), LocalId>,
    /// What a merged node was first made of, for source lines.
    made_of: BTreeMap<LocalId, (LocalId, LocalId)>,
}

/// What two merged nodes have below them: both, or one of them only.
struct Part {
    label: LabelId,
    left: LocalId,
    right: Option<LocalId>,
}

/// What comparing two nodes leads to: a known result, or parts to merge first.
enum Step {
    Is(LocalId),
    Of(Vec<Part>),
}

/// A pair whose parts are being merged.
struct Frame {
    pair: (LocalId, LocalId),
    parts: Vec<Part>,
    done: Vec<LocalId>,
}

impl Frame {
    /// The next pair that has to be merged; parts of one side only need no merging.
    fn next_pair(&mut self) -> Option<(LocalId, LocalId)> {
        while let Some(part) = self.parts.get(self.done.len()) {
            match part.right {
                Some(right) => return Some((part.left, right)),
                None => self.done.push(part.left),
            }
        }
        None
    }
}

impl<'a> Merger<'a> {
    pub(crate) const fn new(names: &'a Names) -> Self {
        Self { names, memo: BTreeMap::new(), made_of: BTreeMap::new() }
    }

    /// The two nodes that `id` was merged from, when it was.
    pub(crate) fn made_of(&self, id: LocalId) -> Option<(LocalId, LocalId)> {
        self.made_of.get(&id).copied()
    }

    /// One type for all branches of a choice that the role does not see. Projection calls nothing else, so this is
    /// where merging by subset construction takes over from a structural refusal once it is there.
    ///
    /// Structural merging succeeds on a set exactly when it succeeds on every pair of it, so the set may be halved:
    /// a union of many labels is then built in n log n steps, and a refusal leads to two branches.
    pub(crate) fn merge_all(&mut self, arena: &mut LocalArena, branches: &[LocalId]) -> Result<LocalId, Conflict> {
        let mut level: Vec<(LocalId, usize)> = branches.iter().copied().zip(0..).collect();
        level.dedup_by_key(|(id, _)| *id);
        while level.len() > 1 {
            let mut next = Vec::with_capacity(level.len().div_ceil(2));
            for (at, pair) in level.chunks(2).enumerate() {
                let merged = match *pair {
                    [(left, _), (right, _)] => match self.merge(arena, left, right) {
                        Ok(merged) => merged,
                        Err(why) => {
                            let end = level.get(2 * at + 2).map_or(branches.len(), |(_, first)| *first);
                            return Err(self.narrow(arena, branches, pair[0].1..pair[1].1, pair[1].1..end, why));
                        }
                    },
                    _ => pair[0].0,
                };
                next.push((merged, pair[0].1));
            }
            level = next;
        }
        // No branches at all is what well-formedness refuses; nothing is then left to do.
        Ok(level.first().map_or_else(|| arena.intern(LocalNode::End), |(id, _)| *id))
    }

    /// The two branches behind the refusal of two groups, each of which merges within itself.
    fn narrow(
        &mut self,
        arena: &mut LocalArena,
        branches: &[LocalId],
        mut left: std::ops::Range<usize>,
        mut right: std::ops::Range<usize>,
        mut why: MergeError,
    ) -> Conflict {
        while left.len() > 1 || right.len() > 1 {
            let halve_left = left.len() > 1;
            let group = if halve_left { &left } else { &right };
            let middle = group.start + group.len() / 2;
            let (first, second) = (group.start..middle, middle..group.end);
            let other = if halve_left { right.clone() } else { left.clone() };
            let tried = self.merge_all(arena, &branches[first.clone()]).and_then(|a| {
                let b = self.merge_all(arena, &branches[other.clone()])?;
                let (a, b) = if halve_left { (a, b) } else { (b, a) };
                self.merge(arena, a, b).map_err(|why| Conflict { left: 0, right: 0, why })
            });
            let chosen = match tried {
                Ok(_) => second,
                Err(conflict) => {
                    why = conflict.why;
                    first
                }
            };
            if halve_left {
                left = chosen;
            } else {
                right = chosen;
            }
        }
        // Said of the two branches themselves rather than of the groups they stand in.
        if let Err(own) = self.merge(arena, branches[left.start], branches[right.start]) {
            why = own;
        }
        Conflict { left: left.start, right: right.start, why }
    }

    /// One type for two.
    pub(crate) fn merge(
        &mut self,
        arena: &mut LocalArena,
        left: LocalId,
        right: LocalId,
    ) -> Result<LocalId, MergeError> {
        let mut stack: Vec<Frame> = Vec::new();
        let mut pair = (left, right);
        loop {
            let mut merged = match self.known(pair) {
                Some(merged) => Some(merged),
                None => match self.compare(arena, pair).map_err(|why| self.located(arena, &stack, why))? {
                    Step::Is(id) => Some(id),
                    Step::Of(parts) => {
                        stack.push(Frame { pair, done: Vec::with_capacity(parts.len()), parts });
                        None
                    }
                },
            };
            pair = loop {
                let Some(frame) = stack.last_mut() else {
                    return merged.ok_or(MergeError::TooLarge);
                };
                frame.done.extend(merged.take());
                match frame.next_pair() {
                    Some(pair) => break pair,
                    None => merged = stack.pop().map(|frame| self.finish(arena, &frame)),
                }
                if self.memo.len() > MAX_PAIRS {
                    return Err(MergeError::TooLarge);
                }
            };
        }
    }

    /// Makes and remembers the node of a pair whose parts are merged.
    fn finish(&mut self, arena: &mut LocalArena, frame: &Frame) -> LocalId {
        let (left, right) = frame.pair;
        let labels = frame.parts.iter().map(|part| part.label);
        let branches = || labels.zip(&frame.done).map(|(label, next)| LocalBranch { label, next: *next }).collect();
        let node = match arena.node(left) {
            LocalNode::Send { partner, .. } => LocalNode::Send { partner: *partner, branches: branches() },
            LocalNode::Recv { partner, .. } => LocalNode::Recv { partner: *partner, branches: branches() },
            LocalNode::Rec { var, body } => {
                LocalNode::Rec { var: *var, body: frame.done.first().copied().unwrap_or(*body) }
            }
            leaf @ (LocalNode::End | LocalNode::Var(_)) => leaf.clone(),
        };
        let merged = arena.intern(node);
        self.memo.insert(frame.pair, merged);
        if merged != left && merged != right {
            self.made_of.entry(merged).or_insert(frame.pair);
        }
        merged
    }

    fn known(&self, (left, right): (LocalId, LocalId)) -> Option<LocalId> {
        if left == right { Some(left) } else { self.memo.get(&(left, right)).copied() }
    }

    /// Compares two different nodes and says what below them has to be merged.
    fn compare(&self, arena: &LocalArena, (a, b): (LocalId, LocalId)) -> Result<Step, MergeError> {
        use LocalNode::{End, Rec, Recv, Send, Var};
        let (left, right) = (arena.node(a), arena.node(b));
        let say = |node: &LocalNode| describe(self.names, node);
        let var = |var: VarId| var_name(self.names, var);
        let same = |p: &RoleId, q: &RoleId| p == q || planted(Planted::MergeIgnoresPartner);
        Ok(match (left, right) {
            (End, _) if planted(Planted::MergeEndAbsorbed) => Step::Is(b),
            (_, End) if planted(Planted::MergeEndAbsorbed) => Step::Is(a),
            (End, other) | (other, End) => return Err(MergeError::EndMismatch { other: say(other) }),
            (Send { partner: p, branches: x }, Send { partner: q, branches: y }) if same(p, q) => {
                Step::Of(self.send_parts(*p, x, y)?)
            }
            (Recv { partner: p, branches: x }, Recv { partner: q, branches: y }) if same(p, q) => {
                Step::Of(self.recv_parts(x, y)?)
            }
            (Send { .. }, Send { .. }) | (Recv { .. }, Recv { .. }) => {
                return Err(MergeError::PartnerMismatch { left: say(left), right: say(right) });
            }
            (Send { .. }, Recv { .. }) | (Recv { .. }, Send { .. }) => {
                return Err(MergeError::DirectionMismatch { left: say(left), right: say(right) });
            }
            // A loop has no label; its one part needs none.
            (Rec { var: v, body: x }, Rec { var: w, body: y }) if v == w => {
                Step::Of([Part { label: LabelId(0), left: *x, right: Some(*y) }].into())
            }
            (Rec { var: v, .. }, Rec { var: w, .. }) => {
                return Err(MergeError::RecursiveVariableMismatch { left: var(*v), right: var(*w) });
            }
            (Var(v), Var(w)) => return Err(MergeError::VariableMismatch { left: var(*v), right: var(*w) }),
            _ => return Err(MergeError::IncompatibleTypes { left: say(left), right: say(right) }),
        })
    }

    /// Sends: the same labels on both sides, in the order of the first.
    fn send_parts(&self, partner: RoleId, x: &[LocalBranch], y: &[LocalBranch]) -> Result<Vec<Part>, MergeError> {
        let partner = || self.names.role_name(partner).to_owned();
        let lenient = planted(Planted::MergeSendIgnoresLabels);
        if x.len() != y.len() && !lenient {
            return Err(MergeError::SendBranchCountMismatch { partner: partner(), left: x.len(), right: y.len() });
        }
        let there = self.by_name(y);
        let mut parts = Vec::with_capacity(x.len());
        for branch in x {
            match there.binary_search_by_key(&self.names.label_name(branch.label), |b| self.names.label_name(b.label)) {
                Ok(at) => {
                    self.same_sort(branch.label, there[at].label)?;
                    parts.push(Part { label: branch.label, left: branch.next, right: Some(there[at].next) });
                }
                Err(_) if lenient => parts.push(Part { label: branch.label, left: branch.next, right: None }),
                Err(_) => {
                    let label = self.names.label_name(branch.label).to_owned();
                    return Err(MergeError::SendLabelMismatch { partner: partner(), label });
                }
            }
        }
        Ok(parts)
    }

    /// Receives: the labels of both sides, sorted by name.
    fn recv_parts(&self, x: &[LocalBranch], y: &[LocalBranch]) -> Result<Vec<Part>, MergeError> {
        let (x, y) = (self.by_name(x), self.by_name(y));
        let mut parts = Vec::with_capacity(x.len().max(y.len()));
        let (mut i, mut j) = (x.iter().peekable(), y.iter().peekable());
        loop {
            let name = |branch: &LocalBranch| self.names.label_name(branch.label);
            let order = match (i.peek(), j.peek()) {
                (None, None) => return Ok(parts),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => name(a).cmp(name(b)),
            };
            let a = if order.is_le() { i.next() } else { None };
            let b = if order.is_ge() { j.next() } else { None };
            match (a, b) {
                (Some(a), Some(b)) => {
                    self.same_sort(a.label, b.label)?;
                    parts.push(Part { label: a.label, left: a.next, right: Some(b.next) });
                }
                (Some(a), None) => parts.push(Part { label: a.label, left: a.next, right: None }),
                (None, Some(_)) if planted(Planted::MergeUnionDropsBranch) => {}
                (None, Some(b)) => parts.push(Part { label: b.label, left: b.next, right: None }),
                (None, None) => return Ok(parts),
            }
        }
    }

    /// A label is a name with a sort, so two labels of one name differ in their sorts.
    fn same_sort(&self, left: LabelId, right: LabelId) -> Result<(), MergeError> {
        if left == right || planted(Planted::MergeIgnoresSort) {
            return Ok(());
        }
        let sort = |label: LabelId| {
            let row = self.names.labels.get(label.index());
            row.map_or_else(String::new, |row| self.names.sorts.display(row.sort).to_string())
        };
        let label = self.names.label_name(left).to_owned();
        Err(MergeError::PayloadAnnotationMismatch { label, left: sort(left), right: sort(right) })
    }

    fn by_name(&self, branches: &[LocalBranch]) -> Vec<LocalBranch> {
        let mut branches = branches.to_vec();
        branches.sort_by_key(|branch| self.names.label_name(branch.label));
        branches
    }

    /// The refusal with the messages that lead to it.
    fn located(&self, arena: &LocalArena, stack: &[Frame], why: MergeError) -> MergeError {
        let from = stack.len().saturating_sub(MAX_PATH);
        let after: Vec<String> = stack[from..]
            .iter()
            .filter(|frame| !matches!(arena.node(frame.pair.0), LocalNode::Rec { .. }))
            .filter_map(|frame| frame.parts.get(frame.done.len()))
            .map(|part| format!("`{}`", self.names.label_name(part.label)))
            .collect();
        if after.is_empty() { why } else { MergeError::IncompatibleContinuations { after, why: why.into() } }
    }
}

fn var_name(names: &Names, var: VarId) -> String {
    names.vars.get(var.0 as usize).cloned().unwrap_or_else(|| "?".into())
}

/// What a role does first, as the end of a sentence that begins with "would".
pub(crate) fn describe(names: &Names, node: &LocalNode) -> String {
    let labels = |branches: &[LocalBranch]| {
        let named: Vec<String> = branches.iter().take(4).map(|b| format!("`{}`", names.label_name(b.label))).collect();
        named.join(" or ") + if branches.len() > 4 { " or others" } else { "" }
    };
    match node {
        LocalNode::End => "end".into(),
        LocalNode::Send { partner, branches } => {
            format!("send {} to {}", labels(branches), names.role_name(*partner))
        }
        LocalNode::Recv { partner, branches } => {
            format!("receive {} from {}", labels(branches), names.role_name(*partner))
        }
        LocalNode::Rec { var, .. } => format!("begin the loop {}", var_name(names, *var)),
        LocalNode::Var(var) => format!("continue the loop {}", var_name(names, *var)),
    }
}
