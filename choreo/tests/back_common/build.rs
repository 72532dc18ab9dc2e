//! Global types by hand.

use motet_types::{Branch, GlobalBuilder, GlobalNode, GlobalType, LabelId, Names, NodeId, RoleId, Sort, SortId, VarId};

/// Builds a type from its end to its start; labels are written `Name` or `Name:sort`.
pub struct Build {
    pub names: Names,
    pub builder: GlobalBuilder,
}

impl Build {
    pub fn new(roles: &[&str]) -> Self {
        let mut names = Names { protocol: "Test".into(), ..Names::default() };
        names.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Build { names, builder: GlobalBuilder::new() }
    }

    pub fn sort(&mut self, text: &str) -> SortId {
        let sort = match text {
            "nat" => Sort::Nat,
            "bool" => Sort::Bool,
            "string" => Sort::String,
            "real" => Sort::Real,
            "vector" => Sort::Vector(2),
            "pair" => {
                let (a, b) = (self.sort("nat"), self.sort("bool"));
                Sort::Prod(a.0, b.0)
            }
            _ => Sort::Unit,
        };
        self.names.sorts.intern(sort).expect("few sorts")
    }

    pub fn label(&mut self, text: &str) -> LabelId {
        let (name, sort) = text.split_once(':').unwrap_or((text, ""));
        let sort = self.sort(sort);
        self.names.intern_label(name, sort).expect("few labels")
    }

    pub fn var(&mut self, name: &str) -> VarId {
        self.names.intern_var(name)
    }

    pub fn push(&mut self, node: GlobalNode, line: u32) -> NodeId {
        self.builder.push(node, line).expect("parts are placed first")
    }

    pub fn end(&mut self) -> NodeId {
        self.push(GlobalNode::End, 0)
    }

    pub fn go(&mut self, name: &str, line: u32) -> NodeId {
        let var = self.var(name);
        self.push(GlobalNode::Var(var), line)
    }

    pub fn rec(&mut self, name: &str, body: NodeId, line: u32) -> NodeId {
        let var = self.var(name);
        self.push(GlobalNode::Rec { var, body }, line)
    }

    pub fn comm(&mut self, from: u16, to: u16, branches: &[(&str, NodeId)], line: u32) -> NodeId {
        let branches = branches.iter().map(|(label, next)| Branch { label: self.label(label), next: *next }).collect();
        self.push(GlobalNode::Comm { sender: RoleId(from), receiver: RoleId(to), branches }, line)
    }

    pub fn par(&mut self, parts: &[NodeId], next: NodeId, line: u32) -> NodeId {
        self.push(GlobalNode::Par { parts: parts.to_vec(), next }, line)
    }

    pub fn finish(self, root: NodeId) -> GlobalType {
        self.builder.finish(self.names, root).expect("the root is placed")
    }
}
