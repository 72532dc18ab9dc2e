//! The names of one protocol: roles, labels with their sorts, recursion variables. Types and images refer to them
//! by position.

use crate::{LabelId, RoleId, SortId, SortTable};
use alloc::string::String;
use alloc::vec::Vec;

/// A message label: its name and the sort of its payload. One name with two sorts is two labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The name as written.
    pub name: String,
    /// The payload's sort.
    pub sort: SortId,
}

/// A recursion variable's position in [`Names::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarId(pub u32);

/// The tables of names that a protocol's global and local types share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The protocol's own name.
    pub protocol: String,
    /// Role names, in declared order; no name twice.
    pub roles: Vec<String>,
    /// Labels in order of first use; no (name, sort) twice.
    pub labels: Vec<Label>,
    /// The sorts that labels use.
    pub sorts: SortTable,
    /// Recursion variables by name. A binder inside another of the same name must have been renamed apart.
    pub vars: Vec<String>,
}

impl Names {
    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<RoleId> {
        let at = self.roles.iter().position(|role| role == name)?;
        u16::try_from(at).ok().map(RoleId)
    }

    /// The id of the label, added when new; `None` when the table is full.
    pub fn intern_label(&mut self, name: &str, sort: SortId) -> Option<LabelId> {
        let at = match self.labels.iter().position(|l| l.name == name && l.sort == sort) {
            Some(at) => at,
            None => {
                self.labels.push(Label { name: name.into(), sort });
                self.labels.len() - 1
            }
        };
        u16::try_from(at).ok().map(LabelId)
    }

    /// The id of the recursion variable, added when new.
    pub fn intern_var(&mut self, name: &str) -> VarId {
        let at = match self.vars.iter().position(|v| v == name) {
            Some(at) => at,
            None => {
                self.vars.push(name.into());
                self.vars.len() - 1
            }
        };
        VarId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// A role's name, `?` when there is no such role.
    pub fn role_name(&self, role: RoleId) -> &str {
        self.roles.get(role.index()).map_or("?", String::as_str)
    }

    /// A label's name, `?` when there is no such label.
    pub fn label_name(&self, label: LabelId) -> &str {
        self.labels.get(label.index()).map_or("?", |l| l.name.as_str())
    }
}
