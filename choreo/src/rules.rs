//! What is checked on the tree before it is lowered: names, who decides, what is reached, what comes back.

use crate::arena::MAX_NODES;
use crate::cursor::MAX_NESTING;
use crate::report::Report;
use crate::roles::Roles;
use crate::sorts::Sorts;
use crate::syntax::{File, Name, Protocol, Send, Statement, StatementKind};
use crate::uses::{Uses, groups, protocols};
use crate::{Code, Diagnostic, Span};
use motet_types::RoleId;
use std::collections::HashMap;

/// Checks a tree against its roles. Nothing is lowered unless this reports nothing.
pub(crate) fn check(file: &File, roles: &Roles<'_>, report: &mut Report) {
    let protocols = protocols(file);
    let mut checker = Checker {
        file,
        roles,
        sorts: Sorts::of(file),
        protocols,
        known: HashMap::new(),
        calling: Vec::new(),
        scope: Vec::new(),
        passed: 0,
        depth: 0,
        deepest: 0,
        report,
    };
    checker.declarations();
    for protocol in std::iter::once(&file.protocol).chain(&file.helpers) {
        checker.protocol(protocol);
    }
}

/// A loop around the statement being checked.
struct Binder<'a> {
    /// Its name; `None` where a part of `par` or a called protocol begins, which hides the loops around.
    name: Option<&'a str>,
    /// How many statements had been passed when it began.
    passed: u64,
}

/// What is known about a checked protocol.
#[derive(Clone, Copy)]
struct Known {
    /// Whether what follows a call is reached.
    ends: bool,
    /// How deep it nests.
    height: u32,
}

pub(crate) struct Checker<'a, 'r> {
    file: &'a File,
    /// The roles.
    pub(crate) roles: &'r Roles<'a>,
    sorts: Sorts<'a>,
    /// The protocols by name.
    pub(crate) protocols: HashMap<&'a str, &'a [Statement]>,
    known: HashMap<&'a str, Known>,
    /// The protocols being checked, each called by the one before.
    calling: Vec<&'a str>,
    scope: Vec<Binder<'a>>,
    /// Statements passed so far; each of them sends at least one message.
    pub(crate) passed: u64,
    depth: u32,
    deepest: u32,
    /// What was refused.
    pub(crate) report: &'r mut Report,
}

impl<'a> Checker<'a, '_> {
    /// Reports a refusal.
    pub(crate) fn refuse(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    fn declarations(&mut self) {
        let file = self.file;
        self.unique(file.types.iter().map(|decl| &decl.name), "type");
        let protocols = std::iter::once(&file.protocol).chain(&file.helpers);
        self.unique(protocols.map(|protocol| &protocol.name), "protocol");
    }

    fn unique(&mut self, names: impl Iterator<Item = &'a Name>, what: &str) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for name in names {
            if let Some(first) = seen.insert(&name.text, name.span) {
                let message = format!("the {what} `{}` is declared twice", name.text);
                let twice = Diagnostic::new(Code::DuplicateDeclaration, name.span, message);
                self.refuse(twice.also(first, "declared here").help("rename one of them"));
            }
        }
    }

    /// Checks a protocol once.
    fn protocol(&mut self, protocol: &'a Protocol) {
        let name = protocol.name.text.as_str();
        if !self.known.contains_key(name) {
            self.body(name, &protocol.body);
        }
        if protocol.body.is_empty() {
            let message = format!("nothing is sent in `{name}`");
            let empty = Diagnostic::new(Code::EmptyProtocol, protocol.name.span, message);
            self.refuse(empty.help("write its messages below, indented: `A -> B : Message`"));
        }
    }

    fn body(&mut self, name: &'a str, body: &'a [Statement]) -> Known {
        let outer = (self.depth, self.deepest);
        self.deepest = self.depth;
        self.calling.push(name);
        self.scope.push(Binder { name: None, passed: self.passed });
        let ends = self.block(body);
        self.scope.pop();
        self.calling.pop();
        let known = Known { ends, height: self.deepest - outer.0 };
        (self.depth, self.deepest) = (outer.0, outer.1.max(self.deepest));
        self.known.insert(name, known);
        known
    }

    /// Checks statements; whether what follows them is reached.
    pub(crate) fn block(&mut self, body: &'a [Statement]) -> bool {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let mut endless: Option<Span> = None;
        let mut said = false;
        for statement in body {
            if let (Some(before), false) = (endless, said) {
                let unreached = Diagnostic::new(Code::Unreachable, statement.span, "this is never reached");
                let unreached = unreached.also(before, "never goes on to what follows");
                self.refuse(unreached.help("take it out, or give the loop a way out"));
                said = true;
            }
            if self.statement(statement) {
                self.passed += 1;
            } else {
                endless = endless.or(Some(statement.span));
            }
        }
        self.depth -= 1;
        endless.is_none()
    }

    fn statement(&mut self, statement: &'a Statement) -> bool {
        if self.depth > MAX_NESTING && !matches!(statement.kind, StatementKind::Broken) {
            let message = format!("calls and blocks nest deeper than {MAX_NESTING} levels here");
            let deep = Diagnostic::new(Code::TooDeep, statement.span, message);
            self.refuse(deep.help("call fewer protocols from within each other"));
            return true;
        }
        match &statement.kind {
            StatementKind::Broken => true,
            StatementKind::Send(send) => {
                self.send(send);
                true
            }
            StatementKind::Choice { decider, branches } => self.choice(decider, branches),
            StatementKind::Rec { name, body } => {
                self.scope.push(Binder { name: Some(&name.text), passed: self.passed });
                let ends = self.block(body);
                self.scope.pop();
                ends
            }
            StatementKind::Continue(name) => {
                self.come_back(name);
                false
            }
            StatementKind::Loop { until, body } => self.looping(until, body, statement.span),
            StatementKind::Par(parts) => self.par(parts, statement.span),
            StatementKind::Call(name) => self.call(name),
        }
    }

    fn send(&mut self, send: &'a Send) {
        if let Some(pairs) = self.roles.pairs(send, self.report)
            && pairs.len() > MAX_NODES
        {
            let message = format!("this stands for {} messages", pairs.len());
            let large = Diagnostic::new(Code::TooLarge, send.sender.span, message);
            self.refuse(large.help("make the families smaller"));
        }
        if let Err(bad) = self.sorts.payload(&send.payload, send.label.span) {
            self.refuse(bad);
        }
    }

    fn come_back(&mut self, name: &'a Name) {
        let visible = self.scope.iter().rev().take_while(|binder| binder.name.is_some());
        let mut names = visible.clone().filter_map(|binder| binder.name);
        if let Some(binder) = visible.clone().find(|binder| binder.name == Some(&name.text)) {
            if binder.passed == self.passed {
                let message = format!("`{}` comes back without a message in between", name.text);
                let unguarded = Diagnostic::new(Code::UnguardedRecursion, name.span, message);
                self.refuse(unguarded.help("send something before `continue`"));
            }
            return;
        }
        let hidden = self.scope.iter().any(|binder| binder.name == Some(&name.text));
        let (message, help) = if hidden {
            let message = format!("`{}` is around the `par` or the call, and a part cannot leave it", name.text);
            (message, "put the `rec` inside, or `continue` behind".to_owned())
        } else {
            let near = self.report.near(&name.text, names.by_ref());
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("there is no `rec {}` around this", name.text);
            (message, help.unwrap_or_else(|| format!("put `rec {}` around what repeats", name.text)))
        };
        self.refuse(Diagnostic::new(Code::UnboundContinue, name.span, message).help(help));
    }

    fn par(&mut self, parts: &'a [Vec<Statement>], span: Span) -> bool {
        let mut ends = true;
        for part in parts {
            self.scope.push(Binder { name: None, passed: self.passed });
            ends &= self.block(part);
            self.scope.pop();
        }
        let uses: Vec<Uses> = parts.iter().map(|part| Uses::of(part, self.roles, &self.protocols)).collect();
        for group in groups(&uses).into_iter().filter(|group| group.len() > 1) {
            if let Some(conflict) = self.conflict(&group, &uses, span) {
                self.refuse(conflict);
            }
        }
        ends
    }

    /// Why parts that share roles cannot be put one after another.
    fn conflict(&self, group: &[usize], uses: &[Uses], span: Span) -> Option<Diagnostic> {
        let name = |role: &RoleId| self.roles.name(*role);
        let mut edges = std::collections::BTreeSet::new();
        for at in group {
            if let Some((from, to)) = uses[*at].edges.iter().find(|edge| edges.contains(*edge)) {
                let message = format!("two parts of `par` both send from `{}` to `{}`", name(from), name(to));
                let conflict = Diagnostic::new(Code::ParallelConflict, span, message);
                return Some(conflict.help("put these messages one after another, in one part"));
            }
            edges.extend(uses[*at].edges.iter().copied());
            if uses[*at].recursive {
                let mut others = group.iter().filter(|other| *other != at).flat_map(|other| &uses[*other].roles);
                let shared = others.find(|role| uses[*at].roles.contains(role)).map_or("?", name);
                let message = format!("a part of `par` repeats, and shares the role `{shared}` with another part");
                let conflict = Diagnostic::new(Code::ParallelConflict, span, message);
                return Some(conflict.help("let no role take part in both"));
            }
        }
        None
    }

    fn call(&mut self, name: &'a Name) -> bool {
        let called = self.protocols.get_key_value(name.text.as_str()).map(|(name, body)| (*name, *body));
        let Some((callee, body)) = called else {
            self.unknown_protocol(name);
            return true;
        };
        if let Some(at) = self.calling.iter().position(|open| *open == callee) {
            let circle: Vec<&str> = self.calling[at..].iter().copied().chain([callee]).collect();
            let message = format!("protocols call each other in a circle: {}", circle.join(" -> "));
            let help = "a call is written out in place; repeat with `rec` and `continue`";
            self.refuse(Diagnostic::new(Code::RecursiveCall, name.span, message).help(help));
            return true;
        }
        if let Some(known) = self.known.get(callee).copied() {
            self.deepest = self.deepest.max(self.depth + known.height);
            if self.deepest > MAX_NESTING {
                let message = format!("calls and blocks nest deeper than {MAX_NESTING} levels behind this call");
                self.refuse(Diagnostic::new(Code::TooDeep, name.span, message));
                self.deepest = self.depth;
            }
            return known.ends;
        }
        self.body(callee, body).ends
    }

    fn unknown_protocol(&mut self, name: &Name) {
        let head = name.text.split('.').next().unwrap_or("");
        let imported = self.file.imports.iter().find(|import| {
            let alias = import.alias.as_ref().is_some_and(|alias| alias.text == head);
            let module = import.module.text.split('.').next() == Some(head);
            alias || (module && name.text.contains('.')) || import.exposed.iter().any(|it| it.text == name.text)
        });
        if let Some(import) = imported {
            let message = format!("`{}` is imported from `{}`", name.text, import.module.text);
            let refused =
                Diagnostic::new(Code::NotExecutable, name.span, message + ", and this version reads no imports");
            let refused = refused.also(import.module.span, "imported here");
            self.refuse(refused.help("copy the protocol under `where`"));
            return;
        }
        let helpers = self.file.helpers.iter().map(|helper| helper.name.text.as_str());
        let help = match self.report.near(&name.text, helpers) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it under `where protocol {} =`", name.text),
        };
        let message = format!("there is no protocol `{}`", name.text);
        self.refuse(Diagnostic::new(Code::UnknownProtocol, name.span, message).help(help));
    }
}
