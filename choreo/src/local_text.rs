//! Local types as one line of text: `rec X. !B{More(nat).X, Done.?B:Bye.end}`.
//!
//! Types share nodes and may be deep, text can do neither: it is written from an explicit stack, and it stops where
//! it would grow beyond [`MAX_LOCAL_BYTES`].

use crate::Projection;
use motet_types::{LocalBranch, LocalId, LocalNode, RoleId, Sort, VarId};

/// The longest text, or JSON, that is made of one local type.
pub const MAX_LOCAL_BYTES: usize = 64 << 20;

/// A local type whose text would be longer than [`MAX_LOCAL_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the local type of `{role}` written out is longer than {MAX_LOCAL_BYTES} bytes")]
pub struct TooLong {
    /// The role.
    pub role: String,
}

/// What is still to be written, the next thing last.
pub(crate) enum Piece {
    Node(LocalId),
    Branch(LocalBranch),
    Text(&'static str),
}

/// Writes a type: `write` puts down one piece and answers what stands behind it, in order.
pub(crate) fn write_out(
    projection: &Projection,
    role: RoleId,
    mut write: impl FnMut(&mut String, &Piece) -> Vec<Piece>,
) -> Result<String, TooLong> {
    let mut text = String::new();
    let mut todo: Vec<Piece> = projection.root(role).map(Piece::Node).into_iter().collect();
    while let Some(piece) = todo.pop() {
        if text.len() > MAX_LOCAL_BYTES {
            return Err(TooLong { role: projection.names().role_name(role).into() });
        }
        todo.extend(write(&mut text, &piece).into_iter().rev());
    }
    Ok(text)
}

/// The branches of a message with something between each two.
pub(crate) fn separated(branches: &[LocalBranch], between: &'static str, behind: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * branches.len());
    for (at, branch) in branches.iter().enumerate() {
        if at > 0 {
            pieces.push(Piece::Text(between));
        }
        pieces.push(Piece::Branch(*branch));
    }
    pieces.push(Piece::Text(behind));
    pieces
}

/// The local type of `role` in one line; empty when there is no such role. A payload stands in parentheses, unit is
/// left out; a single message is `!B:Label.`, a choice `!B{One.…, Two.…}`.
pub fn local_text(projection: &Projection, role: RoleId) -> Result<String, TooLong> {
    let (names, arena) = (projection.names(), projection.arena());
    let var = |var: VarId| names.vars.get(var.0 as usize).map_or("?", String::as_str);
    write_out(projection, role, |text, piece| {
        let (sign, partner, branches) = match piece {
            Piece::Text(piece) => {
                text.push_str(piece);
                return Vec::new();
            }
            Piece::Branch(branch) => {
                text.push_str(names.label_name(branch.label));
                let sort = names.labels.get(branch.label.index()).map(|label| label.sort);
                if let Some(sort) = sort.filter(|sort| names.sorts.get(*sort) != Some(Sort::Unit)) {
                    let shown = names.sorts.display(sort).to_string();
                    // A product brings its own parentheses.
                    let product = matches!(names.sorts.get(sort), Some(Sort::Prod(..)));
                    text.push_str(&if product { shown } else { format!("({shown})") });
                }
                text.push('.');
                return vec![Piece::Node(branch.next)];
            }
            Piece::Node(id) => match arena.node(*id) {
                LocalNode::End => {
                    text.push_str("end");
                    return Vec::new();
                }
                LocalNode::Var(name) => {
                    text.push_str(var(*name));
                    return Vec::new();
                }
                LocalNode::Rec { var: name, body } => {
                    text.push_str("rec ");
                    text.push_str(var(*name));
                    text.push_str(". ");
                    return vec![Piece::Node(*body)];
                }
                LocalNode::Send { partner, branches } => ('!', *partner, branches),
                LocalNode::Recv { partner, branches } => ('?', *partner, branches),
            },
        };
        text.push(sign);
        text.push_str(names.role_name(partner));
        match branches.as_slice() {
            [only] => {
                text.push(':');
                vec![Piece::Branch(*only)]
            }
            several => {
                text.push('{');
                separated(several, ", ", "}")
            }
        }
    })
}
