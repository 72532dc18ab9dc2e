//! A global type as text for people and tests: one line per node, indented.

use motet_types::{GlobalNode, GlobalType, LabelId, NodeId, Sort};
use std::collections::HashMap;
use std::fmt;

/// Prints a global type.
///
/// ```text
/// roles A, B
/// rec X
///   A -> B
///   | More(nat)
///     continue X
///   | Stop
///     end
/// ```
///
/// A node that several others lead to is printed once, under a number, and named by it elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct GlobalText<'a>(pub &'a GlobalType);

/// What is still to be printed, at which depth.
enum Todo {
    Node(NodeId),
    Branch(LabelId),
    Text(&'static str),
}

impl fmt::Display for GlobalText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = &self.0.names;
        writeln!(f, "protocol {}", names.protocol)?;
        writeln!(f, "roles {}", names.roles.join(", "))?;
        let shared = self.shared();
        let mut numbers: HashMap<NodeId, usize> = HashMap::new();
        // A list instead of recursion: a sequence of a million messages is a million nodes deep.
        let mut todo = vec![(Todo::Node(self.0.root()), 0usize)];
        while let Some((next, depth)) = todo.pop() {
            let indent = depth * 2;
            let id = match next {
                Todo::Text(text) => {
                    writeln!(f, "{:indent$}{text}", "")?;
                    continue;
                }
                Todo::Branch(label) => {
                    writeln!(f, "{:indent$}| {}", "", self.label(label))?;
                    continue;
                }
                Todo::Node(id) => id,
            };
            write!(f, "{:indent$}", "")?;
            if shared.get(id.index()).copied().unwrap_or(false) {
                if let Some(number) = numbers.get(&id) {
                    writeln!(f, "go to #{number}")?;
                    continue;
                }
                numbers.insert(id, numbers.len() + 1);
                write!(f, "#{}: ", numbers.len())?;
            }
            match self.0.node(id) {
                GlobalNode::End => writeln!(f, "end")?,
                GlobalNode::Var(var) => writeln!(f, "continue {}", self.var(*var))?,
                GlobalNode::Rec { var, body } => {
                    writeln!(f, "rec {}", self.var(*var))?;
                    todo.push((Todo::Node(*body), depth + 1));
                }
                GlobalNode::Comm { sender, receiver, branches } => {
                    write!(f, "{} -> {}", names.role_name(*sender), names.role_name(*receiver))?;
                    if let [only] = branches.as_slice() {
                        writeln!(f, " : {}", self.label(only.label))?;
                        todo.push((Todo::Node(only.next), depth));
                        continue;
                    }
                    writeln!(f)?;
                    for branch in branches.iter().rev() {
                        todo.push((Todo::Node(branch.next), depth + 1));
                        todo.push((Todo::Branch(branch.label), depth));
                    }
                }
                GlobalNode::Par { parts, next } => {
                    writeln!(f, "par")?;
                    todo.push((Todo::Node(*next), depth));
                    todo.push((Todo::Text("then"), depth));
                    for part in parts.iter().rev() {
                        todo.push((Todo::Node(*part), depth + 1));
                        todo.push((Todo::Text("|"), depth));
                    }
                }
            }
        }
        Ok(())
    }
}

impl GlobalText<'_> {
    fn label(&self, label: LabelId) -> String {
        let names = &self.0.names;
        let name = names.label_name(label);
        match names.labels.get(label.index()) {
            Some(row) if names.sorts.get(row.sort) != Some(Sort::Unit) => {
                let sort = names.sorts.display(row.sort).to_string();
                if sort.starts_with('(') { format!("{name}{sort}") } else { format!("{name}({sort})") }
            }
            _ => name.to_owned(),
        }
    }

    fn var(&self, var: motet_types::VarId) -> &str {
        self.0.names.vars.get(var.0 as usize).map_or("?", String::as_str)
    }

    /// Which nodes several others lead to; ends and variables are short enough to print again.
    fn shared(&self) -> Vec<bool> {
        let mut counts = vec![0u8; self.0.nodes().len()];
        let mut count = |id: NodeId| {
            if let Some(count) = counts.get_mut(id.index()) {
                *count = count.saturating_add(1);
            }
        };
        for node in self.0.nodes() {
            match node {
                GlobalNode::End | GlobalNode::Var(_) => {}
                GlobalNode::Comm { branches, .. } => branches.iter().for_each(|branch| count(branch.next)),
                GlobalNode::Rec { body, .. } => count(*body),
                GlobalNode::Par { parts, next } => {
                    parts.iter().for_each(|part| count(*part));
                    count(*next);
                }
            }
        }
        let plain = |node: &GlobalNode| matches!(node, GlobalNode::End | GlobalNode::Var(_));
        counts.iter().zip(self.0.nodes()).map(|(count, node)| *count > 1 && !plain(node)).collect()
    }
}
