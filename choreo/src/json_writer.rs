//! Global types to JSON.

use crate::MAX_SOURCE_BYTES;
use motet_types::{GlobalNode, GlobalType, LabelId, NodeId, Sort, SortId};

/// Why a global type has no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// JSON types have no kind for parts side by side.
    #[error("a parallel composition has no JSON form")]
    Parallel,
    /// JSON cannot share what several branches lead to, so it is written out as often as it is reached.
    #[error("written out as JSON the type has more than {MAX_SOURCE_BYTES} bytes")]
    TooLarge,
    /// The type names a label, role or sort that is not in its tables.
    #[error("the type names something that its tables do not hold")]
    Dangling,
}

/// What is still to be written.
enum Todo {
    Node(NodeId),
    Label(LabelId),
    Text(&'static str),
}

/// A global type as JSON text in one line. Kinds end, comm, rec and var.
pub fn global_to_json(global: &GlobalType) -> Result<String, JsonError> {
    let names = &global.names;
    let role = |id| quote(names.role_name(id));
    let mut out = String::new();
    // A list instead of recursion: types can be deeper than any stack.
    let mut todo = vec![Todo::Node(global.root())];
    while let Some(next) = todo.pop() {
        if out.len() > MAX_SOURCE_BYTES {
            return Err(JsonError::TooLarge);
        }
        match next {
            Todo::Text(text) => out.push_str(text),
            Todo::Label(id) => {
                let label = names.labels.get(id.index()).ok_or(JsonError::Dangling)?;
                out.push_str(&format!("{{\"label\":{{\"name\":{},\"sort\":", quote(&label.name)));
                sort(global, label.sort, &mut out)?;
                out.push_str("},\"continuation\":");
            }
            Todo::Node(id) => match global.node(id) {
                GlobalNode::Par { .. } => return Err(JsonError::Parallel),
                GlobalNode::End => out.push_str("{\"kind\":\"end\"}"),
                GlobalNode::Var(var) => {
                    let name = names.vars.get(var.0 as usize).ok_or(JsonError::Dangling)?;
                    out.push_str(&format!("{{\"kind\":\"var\",\"name\":{}}}", quote(name)));
                }
                GlobalNode::Rec { var, body } => {
                    let name = names.vars.get(var.0 as usize).ok_or(JsonError::Dangling)?;
                    out.push_str(&format!("{{\"kind\":\"rec\",\"var\":{},\"body\":", quote(name)));
                    todo.push(Todo::Text("}"));
                    todo.push(Todo::Node(*body));
                }
                GlobalNode::Comm { sender, receiver, branches } => {
                    let (from, to) = (role(*sender), role(*receiver));
                    out.push_str(&format!("{{\"kind\":\"comm\",\"sender\":{from},\"receiver\":{to},\"branches\":["));
                    todo.push(Todo::Text("]}"));
                    for (at, branch) in branches.iter().enumerate().rev() {
                        todo.push(Todo::Text("}"));
                        todo.push(Todo::Node(branch.next));
                        todo.push(Todo::Label(branch.label));
                        if at > 0 {
                            todo.push(Todo::Text(","));
                        }
                    }
                }
            },
        }
    }
    Ok(out)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn sort(global: &GlobalType, id: SortId, out: &mut String) -> Result<(), JsonError> {
    enum Part {
        Sort(SortId),
        Text(&'static str),
    }
    let mut todo = vec![Part::Sort(id)];
    while let Some(next) = todo.pop() {
        if out.len() > MAX_SOURCE_BYTES {
            return Err(JsonError::TooLarge);
        }
        let id = match next {
            Part::Text(text) => {
                out.push_str(text);
                continue;
            }
            Part::Sort(id) => id,
        };
        match global.names.sorts.get(id).ok_or(JsonError::Dangling)? {
            Sort::Unit => out.push_str("\"unit\""),
            Sort::Nat => out.push_str("\"nat\""),
            Sort::Bool => out.push_str("\"bool\""),
            Sort::String => out.push_str("\"string\""),
            Sort::Real => out.push_str("\"real\""),
            Sort::Vector(length) => out.push_str(&format!("{{\"vector\":{length}}}")),
            Sort::Prod(a, b) => {
                out.push_str("{\"prod\":[");
                todo.push(Part::Text("]}"));
                todo.push(Part::Sort(SortId(b)));
                todo.push(Part::Text(","));
                todo.push(Part::Sort(SortId(a)));
            }
        }
    }
    Ok(())
}
