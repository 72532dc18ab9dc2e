//! Local types as JSON, in the form of the specification, section 10.2.
//!
//! The text is written directly: a tree of JSON values would be built, and dropped, by recursion as deep as the
//! type.

use crate::Projection;
use crate::local_text::{Piece, TooLong, separated, write_out};
use motet_types::{LocalNode, Names, RoleId, Sort, SortId, VarId};

/// The local type of `role` as JSON; empty when there is no such role.
pub fn local_json(projection: &Projection, role: RoleId) -> Result<String, TooLong> {
    let (names, arena) = (projection.names(), projection.arena());
    let var = |var: VarId| names.vars.get(var.0 as usize).map_or("?", String::as_str);
    write_out(projection, role, |text, piece| match piece {
        Piece::Text(piece) => {
            text.push_str(piece);
            Vec::new()
        }
        Piece::Branch(branch) => {
            text.push_str(r#"{"label":{"name":"#);
            quoted(text, names.label_name(branch.label));
            text.push_str(r#","sort":"#);
            let sort = names.labels.get(branch.label.index()).map_or(SortId(u16::MAX), |label| label.sort);
            sort_json(text, names, sort);
            text.push_str(r#"},"continuation":"#);
            vec![Piece::Node(branch.next), Piece::Text("}")]
        }
        Piece::Node(id) => match arena.node(*id) {
            LocalNode::End => {
                text.push_str(r#"{"kind":"end"}"#);
                Vec::new()
            }
            LocalNode::Var(name) => {
                text.push_str(r#"{"kind":"var","name":"#);
                quoted(text, var(*name));
                text.push('}');
                Vec::new()
            }
            LocalNode::Rec { var: name, body } => {
                text.push_str(r#"{"kind":"rec","var":"#);
                quoted(text, var(*name));
                text.push_str(r#","body":"#);
                vec![Piece::Node(*body), Piece::Text("}")]
            }
            node @ (LocalNode::Send { partner, branches } | LocalNode::Recv { partner, branches }) => {
                let sends = matches!(node, LocalNode::Send { .. });
                text.push_str(if sends { r#"{"kind":"send","partner":"# } else { r#"{"kind":"recv","partner":"# });
                quoted(text, names.role_name(*partner));
                text.push_str(r#","branches":["#);
                separated(branches, ",", "]}")
            }
        },
    })
}

/// All local types as one JSON object, role to type, in declared order.
pub fn projection_json(projection: &Projection) -> Result<String, TooLong> {
    let mut text = String::from("{");
    for (at, role) in projection.names().roles.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        quoted(&mut text, role);
        text.push(':');
        text.push_str(&local_json(projection, RoleId(at as u16))?);
    }
    text.push('}');
    Ok(text)
}

/// Writes a name as a JSON string.
fn quoted(text: &mut String, name: &str) {
    text.push_str(&serde_json::Value::from(name).to_string());
}

/// Writes a sort as JSON. A well-formed type's products are shallow and small.
fn sort_json(text: &mut String, names: &Names, sort: SortId) {
    match names.sorts.get(sort) {
        Some(Sort::Unit) | None => text.push_str("\"unit\""),
        Some(Sort::Nat) => text.push_str("\"nat\""),
        Some(Sort::Bool) => text.push_str("\"bool\""),
        Some(Sort::String) => text.push_str("\"string\""),
        Some(Sort::Real) => text.push_str("\"real\""),
        Some(Sort::Vector(length)) => {
            text.push_str("{\"vector\":");
            text.push_str(&length.to_string());
            text.push('}');
        }
        Some(Sort::Prod(a, b)) => {
            text.push_str("{\"prod\":[");
            sort_json(text, names, SortId(a));
            text.push(',');
            sort_json(text, names, SortId(b));
            text.push_str("]}");
        }
    }
}
