//! The roles of a file: declared names, families, and what a role reference means.

use crate::report::Report;
use crate::syntax::{File, Index, RoleRef, Send};
use crate::{Code, Diagnostic, Span};
use motet_types::RoleId;
use std::collections::HashMap;
use std::ops::Range;

/// The most roles that a protocol can have; ids have sixteen bits.
pub const MAX_ROLES: usize = 1 << 16;

/// A declared name: where its members stand among the roles.
struct Family {
    members: Range<u32>,
    /// Whether it was declared with a size.
    indexed: bool,
    span: Span,
}

/// The roles of the file's protocol.
pub(crate) struct Roles<'a> {
    /// Every role's name, `R[1]` for the member of a family.
    pub(crate) names: Vec<String>,
    families: HashMap<&'a str, Family>,
    /// The declared names in order, for suggestions.
    declared: Vec<&'a str>,
    /// Whether the declaration was read without error; if not, unknown names are not reported.
    complete: bool,
}

impl<'a> Roles<'a> {
    /// The roles that a file's protocol declares.
    pub(crate) fn of(file: &'a File, report: &mut Report) -> Self {
        let protocol = &file.protocol;
        let complete = protocol.roles_read && !protocol.roles.is_empty();
        let mut roles = Self { names: Vec::new(), families: HashMap::new(), declared: Vec::new(), complete };
        if protocol.roles.is_empty() && protocol.roles_read {
            let message = format!("`{}` declares no roles", protocol.name.text);
            let missing = Diagnostic::new(Code::UnknownRole, protocol.name.span, message);
            report.push(missing.help("begin it with `roles A, B`"));
        }
        for decl in &protocol.roles {
            let (name, span) = (decl.name.text.as_str(), decl.name.span);
            if let Some(first) = roles.families.get(name) {
                let message = format!("the role `{name}` is declared twice");
                let twice = Diagnostic::new(Code::DuplicateRole, span, message).also(first.span, "declared here");
                report.push(twice.help("take one of them out, or rename it"));
                continue;
            }
            let size = decl.size.unwrap_or(1);
            if size == 0 {
                let message = format!("the family `{name}` has no members");
                report.push(Diagnostic::new(Code::BadNumber, span, message).help("give it at least one member"));
            }
            let start = roles.names.len();
            if start + size as usize > MAX_ROLES {
                let message = format!("with `{name}` there are more than {MAX_ROLES} roles");
                report.push(Diagnostic::new(Code::TooLarge, span, message).help("make the family smaller"));
                roles.complete = false;
                return roles;
            }
            match decl.size {
                None => roles.names.push(name.to_owned()),
                Some(size) => roles.names.extend((0..size).map(|at| format!("{name}[{at}]"))),
            }
            let id = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let members = id(start)..id(roles.names.len());
            roles.families.insert(name, Family { members, indexed: decl.size.is_some(), span });
            roles.declared.push(name);
        }
        roles.check_helpers(file, report);
        roles
    }

    /// The roles that a protocol under `where` lists must be roles of the file's protocol.
    fn check_helpers(&self, file: &File, report: &mut Report) {
        for decl in file.helpers.iter().flat_map(|helper| &helper.roles) {
            if self.complete && !self.families.contains_key(decl.name.text.as_str()) {
                let unknown = self.unknown(&decl.name.text, decl.name.span, report);
                report.push(unknown);
            }
        }
    }

    fn unknown(&self, name: &str, span: Span, report: &Report) -> Diagnostic {
        let unknown = Diagnostic::new(Code::UnknownRole, span, format!("there is no role `{name}`"));
        match report.near(name, self.declared.iter().copied()) {
            Some(near) => unknown.help(format!("did you mean `{near}`?")),
            None => unknown.help(format!("add `{name}` to `roles`")),
        }
    }

    /// A role's name.
    pub(crate) fn name(&self, role: RoleId) -> &str {
        self.names.get(role.index()).map_or("?", String::as_str)
    }

    /// The members that a reference means; `None` when it was reported, now or with the declaration.
    pub(crate) fn members(&self, role: &RoleRef, report: &mut Report) -> Option<Range<u32>> {
        let name = role.name.text.as_str();
        let Some(family) = self.families.get(name) else {
            if self.complete {
                let unknown = self.unknown(name, role.name.span, report);
                report.push(unknown);
            }
            return None;
        };
        let Range { start, end } = family.members;
        let size = end - start;
        let bad = |code, message: String, help: String| Diagnostic::new(code, role.span, message).help(help);
        let refusal = match role.index {
            Index::None if !family.indexed => return Some(start..end),
            Index::None => bad(
                Code::NotOneRole,
                format!("`{name}` is a family of {size}"),
                format!("write `{name}[0]` for one member or `{name}[*]` for all"),
            ),
            _ if !family.indexed => {
                bad(Code::UnknownRole, format!("`{name}` is one role, not a family"), format!("write `{name}`"))
            }
            Index::All => return (size > 0).then_some(start..end),
            Index::At(at) if at < size => return Some(start + at..start + at + 1),
            Index::Range(from, to) if from < to && to <= size => return Some(start + from..start + to),
            Index::Range(from, to) if from >= to => bad(
                Code::NobodyReceives,
                format!("`{name}[{from}..{to}]` is empty"),
                "the second number is the first that is left out".to_owned(),
            ),
            Index::At(_) | Index::Range(..) => bad(
                Code::UnknownRole,
                format!("`{name}` has {size} members, `{name}[0]` to `{name}[{}]`", size.saturating_sub(1)),
                format!("make the family larger: `roles {name}[…]`"),
            ),
        };
        report.push(refusal);
        None
    }

    /// The one role that a reference means.
    pub(crate) fn one(&self, role: &RoleRef, report: &mut Report) -> Option<RoleId> {
        let members = self.members(role, report)?;
        if members.len() != 1 {
            let message = format!("`{}` decides, so it must be one role, not {}", role.name.text, members.len());
            let help = format!("write `{}[0]`", role.name.text);
            report.push(Diagnostic::new(Code::NotOneRole, role.span, message).help(help));
            return None;
        }
        Some(id(members.start))
    }

    /// The messages that a send stands for.
    pub(crate) fn pairs(&self, send: &Send, report: &mut Report) -> Option<Pairs> {
        let senders = self.members(&send.sender, report);
        let everybody = 0..u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let Some(receiver) = &send.receiver else {
            let (senders, alone) = (senders?, everybody.len() == 1);
            if alone && self.complete {
                let message = "there is nobody else to send to";
                let help = "declare another role";
                report.push(Diagnostic::new(Code::NobodyReceives, send.sender.span, message).help(help));
            }
            return (!alone).then_some(Pairs { senders, receivers: everybody, broadcast: true });
        };
        let receivers = self.members(receiver, report);
        let (senders, receivers) = (senders?, receivers?);
        if senders.start < receivers.end && receivers.start < senders.end {
            let both = senders.start.max(receivers.start) as usize;
            let message = format!("`{}` sends to itself", self.names.get(both).map_or("?", String::as_str));
            let place = send.sender.span.to(receiver.span);
            report.push(Diagnostic::new(Code::SelfSend, place, message).help("name another role as the receiver"));
            return None;
        }
        Some(Pairs { senders, receivers, broadcast: false })
    }
}

fn id(at: u32) -> RoleId {
    RoleId(u16::try_from(at).unwrap_or(u16::MAX))
}

/// The messages that one send stands for: each sender to each receiver.
#[derive(Clone)]
pub(crate) struct Pairs {
    senders: Range<u32>,
    receivers: Range<u32>,
    /// Whether the senders stand among the receivers and are left out.
    broadcast: bool,
}

impl Pairs {
    /// How many messages, at most.
    pub(crate) fn len(&self) -> usize {
        self.senders.len().saturating_mul(self.receivers.len())
    }

    /// Sender and receiver of each, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (RoleId, RoleId)> + '_ {
        let from = |sender: u32| self.receivers.clone().map(move |receiver| (sender, receiver));
        let all = self.senders.clone().flat_map(from);
        all.filter(|(sender, receiver)| !self.broadcast || sender != receiver).map(|(a, b)| (id(a), id(b)))
    }

    /// Sender and receiver of the first.
    pub(crate) fn first(&self) -> Option<(RoleId, RoleId)> {
        self.iter().next()
    }
}
