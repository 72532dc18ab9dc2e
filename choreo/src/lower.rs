//! The tree, checked, to a global type.
//!
//! Statements are lowered from the last to the first: each is given what follows it and returns where it begins, so
//! what follows a choice is one node that every branch leads to.

use crate::arena::{Arena, Full, MAX_NODES};
use crate::decision::DONE;
use crate::report::Report;
use crate::roles::{Pairs, Roles};
use crate::sorts::Sorts;
use crate::syntax::{ChoiceBranch, File, LoopKind, Send, Statement, StatementKind};
use crate::uses::{Uses, groups, protocols};
use crate::{Code, Diagnostic, Source, Span};
use motet_types::{Branch, GlobalNode, GlobalType, LabelId, NodeId, RoleId, Sort, SortId, VarId};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// The name of loops that have none of their own.
const LOOP: &str = "loop";

/// Lowers a tree that was checked. What is refused here is what only shows when everything is written out: size.
pub(crate) fn lower(source: &Source, file: &File, roles: Roles<'_>) -> Result<GlobalType, Diagnostic> {
    let mut arena = Arena::default();
    let large = |full| too_large(full, file.protocol.name.span);
    let end = arena.push(GlobalNode::End, 0).map_err(large)?;
    let mut lowering = Lowering {
        source,
        roles: &roles,
        sorts: Sorts::of(file),
        protocols: protocols(file),
        arena,
        end,
        loops: HashMap::new(),
        scope: Vec::new(),
    };
    let root = lowering.block(&file.protocol.body, Follows { node: end, bound: Bound::default() })?.node;
    let (arena, sorts) = (lowering.arena, lowering.sorts.table);
    let name = &file.protocol.name;
    let built = arena.finish(name.text.clone(), roles.names, sorts, root);
    built.ok_or_else(|| too_large(Full::Nodes, name.span))
}

fn too_large(full: Full, span: Span) -> Diagnostic {
    let help = "repeat with `rec` or `loop decide by` instead of writing out";
    Diagnostic::new(Code::TooLarge, span, full.to_string()).help(help)
}

/// The most different names of loops. Every piece of the type knows those inside it, so they must be few.
const MAX_LOOP_NAMES: usize = 1024;

/// Which names are bound inside a piece of the type, each with the highest number it bears there. A loop leads into
/// what follows it, so a loop that follows stands inside, and must have another name.
type Bound = Rc<BTreeMap<NameId, u32>>;

/// The name of a loop as written, by position.
type NameId = usize;

fn both(a: Bound, b: &Bound) -> Bound {
    if Rc::ptr_eq(&a, b) || b.is_empty() {
        return a;
    }
    let mut all = a;
    let into = Rc::make_mut(&mut all);
    for (name, number) in b.iter() {
        let highest = into.entry(*name).or_insert(*number);
        *highest = (*highest).max(*number);
    }
    all
}

/// A piece of the type, as what follows a statement.
#[derive(Clone)]
struct Follows {
    node: NodeId,
    bound: Bound,
}

/// A loop around what is being lowered.
struct Binder<'a> {
    /// The name in the text, which `continue` can say; `None` for a loop without one.
    name: Option<&'a str>,
    id: NameId,
    number: u32,
    var: VarId,
}

type Lowered<T> = Result<T, Diagnostic>;

struct Lowering<'a, 'r> {
    source: &'a Source,
    roles: &'r Roles<'a>,
    sorts: Sorts<'a>,
    protocols: HashMap<&'a str, &'a [Statement]>,
    arena: Arena,
    end: NodeId,
    /// Names of loops as written. One without a name has the name `loop`, always numbered.
    loops: HashMap<&'a str, NameId>,
    scope: Vec<Binder<'a>>,
}

impl<'a> Lowering<'a, '_> {
    fn line(&self, span: Span) -> u32 {
        self.source.line(span.start)
    }

    fn push(&mut self, node: GlobalNode, span: Span) -> Lowered<NodeId> {
        let line = self.line(span);
        self.arena.push(node, line).map_err(|full| too_large(full, span))
    }

    fn comm(&mut self, pair: (RoleId, RoleId), branches: Vec<Branch>, span: Span) -> Lowered<NodeId> {
        let line = self.line(span);
        self.arena.comm(pair, branches, line).map_err(|full| too_large(full, span))
    }

    fn label(&mut self, name: &str, sort: SortId, span: Span) -> Lowered<LabelId> {
        self.arena.label(name, sort).map_err(|full| too_large(full, span))
    }

    fn block(&mut self, body: &'a [Statement], mut next: Follows) -> Lowered<Follows> {
        for statement in body.iter().rev() {
            next = self.statement(statement, next)?;
        }
        Ok(next)
    }

    fn statement(&mut self, statement: &'a Statement, next: Follows) -> Lowered<Follows> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Broken => Ok(next),
            StatementKind::Send(send) => {
                let pairs = self.pairs(send)?;
                let label = self.message(send)?;
                self.messages(&pairs, 0, label, send.sender.span, next)
            }
            StatementKind::Choice { branches, .. } => self.choice(branches, span, next),
            StatementKind::Rec { name, body } => {
                let var = self.bind(Some(&name.text), &next.bound, span)?;
                let Follows { node, bound } = self.block(body, next)?;
                self.close(var, node, bound, span)
            }
            StatementKind::Continue(name) => {
                let around = self.scope.iter().rev().find(|binder| binder.name == Some(&name.text));
                let unbound = || Diagnostic::new(Code::UnboundContinue, span, "there is no such loop around this");
                let var = around.ok_or_else(unbound)?.var;
                Ok(Follows { node: self.push(GlobalNode::Var(var), span)?, bound: Bound::default() })
            }
            StatementKind::Loop { until: LoopKind::Repeat(count), body } => {
                (0..*count).try_fold(next, |next, _| self.block(body, next))
            }
            StatementKind::Loop { until: LoopKind::Forever, body } => {
                let var = self.bind(None, &Bound::default(), span)?;
                let again = self.push(GlobalNode::Var(var), span)?;
                let Follows { node, bound } = self.block(body, Follows { node: again, bound: Bound::default() })?;
                self.close(var, node, bound, span)
            }
            StatementKind::Loop { body, .. } => self.decided(body, span, next),
            StatementKind::Par(parts) => self.par(parts, span, next),
            StatementKind::Call(name) => match self.protocols.get(name.text.as_str()).copied() {
                Some(body) => self.block(body, next),
                None => Err(Diagnostic::new(Code::UnknownProtocol, span, "there is no such protocol")),
            },
        }
    }

    /// Opens a loop under a name that neither a loop around nor one that follows bears. The first free number, so
    /// that equal loops in different branches have equal names.
    fn bind(&mut self, name: Option<&'a str>, follows: &Bound, span: Span) -> Lowered<VarId> {
        let known = self.loops.len();
        let written = name.unwrap_or(LOOP);
        let id = *self.loops.entry(written).or_insert(known);
        if id >= MAX_LOOP_NAMES {
            let message = format!("the protocol's loops have more than {MAX_LOOP_NAMES} names");
            let help = "loops that do not stand in each other can have the same name";
            return Err(Diagnostic::new(Code::TooLarge, span, message).help(help));
        }
        let around = self.scope.iter().filter(|binder| binder.id == id).map(|binder| binder.number).max();
        let number = around.max(follows.get(&id).copied()).map_or(0, |taken| taken + 1);
        let plain = name.is_some() && number == 0;
        let var = self.arena.var(&if plain { written.to_owned() } else { format!("{written}${number}") });
        self.scope.push(Binder { name, id, number, var });
        Ok(var)
    }

    /// Closes the loop opened last.
    fn close(&mut self, var: VarId, body: NodeId, mut bound: Bound, span: Span) -> Lowered<Follows> {
        if let Some(binder) = self.scope.pop() {
            let inside = Rc::make_mut(&mut bound);
            let highest = inside.entry(binder.id).or_insert(binder.number);
            *highest = (*highest).max(binder.number);
        }
        Ok(Follows { node: self.push(GlobalNode::Rec { var, body }, span)?, bound })
    }

    fn pairs(&self, send: &Send) -> Lowered<Pairs> {
        let mut report = Report::new();
        let pairs = self.roles.pairs(send, &mut report);
        let unknown = || Diagnostic::new(Code::UnknownRole, send.sender.span, "this names no roles");
        let pairs = pairs.ok_or_else(|| report.into_list().pop().unwrap_or_else(unknown))?;
        if pairs.len() > MAX_NODES { Err(too_large(Full::Nodes, send.sender.span)) } else { Ok(pairs) }
    }

    fn message(&mut self, send: &'a Send) -> Lowered<LabelId> {
        let sort = self.sorts.payload(&send.payload, send.label.span)?;
        self.label(&send.label.text, sort, send.label.span)
    }

    /// The messages of a send, all but the first `skip`, and then `next`.
    fn messages(&mut self, pairs: &Pairs, skip: usize, label: LabelId, span: Span, next: Follows) -> Lowered<Follows> {
        let all: Vec<_> = pairs.iter().collect();
        let mut node = next.node;
        for pair in all.into_iter().skip(skip).rev() {
            node = self.comm(pair, vec![Branch { label, next: node }], span)?;
        }
        Ok(Follows { node, ..next })
    }

    /// A body that begins with a send: that send, and what follows its first message.
    fn begun(&mut self, body: &'a [Statement], next: Follows, span: Span) -> Lowered<(&'a Send, Pairs, Follows)> {
        let mut rests = Vec::new();
        let mut body = body;
        // The check has seen that calls lead to a send and not in a circle.
        while rests.len() <= self.protocols.len() {
            let Some((first, rest)) = body.split_first() else { break };
            rests.push(rest);
            match &first.kind {
                StatementKind::Send(send) => {
                    let mut next = next;
                    for rest in rests {
                        next = self.block(rest, next)?;
                    }
                    let pairs = self.pairs(send)?;
                    let label = self.message(send)?;
                    let next = self.messages(&pairs, 1, label, send.sender.span, next)?;
                    return Ok((send, pairs, next));
                }
                StatementKind::Call(name) => match self.protocols.get(name.text.as_str()) {
                    Some(called) => body = called,
                    None => break,
                },
                _ => break,
            }
        }
        Err(Diagnostic::new(Code::DeciderFirst, span, "this must begin with a message by the role that decides"))
    }

    fn choice(&mut self, branches: &'a [ChoiceBranch], span: Span, next: Follows) -> Lowered<Follows> {
        let mut lowered = Vec::with_capacity(branches.len());
        let mut bound = Bound::default();
        let mut edge = None;
        for branch in branches {
            let place = branch.label.span;
            let (send, pairs, follows) = self.begun(&branch.body, next.clone(), place)?;
            let first = pairs.first();
            let label = self.message(send)?;
            let branch = if send.label.text == branch.label.text {
                Branch { label, next: follows.node }
            } else {
                let unit = self.sorts.intern(Sort::Unit, place)?;
                let selection = self.label(&branch.label.text, unit, place)?;
                let message = match first {
                    Some(pair) => self.comm(pair, vec![Branch { label, next: follows.node }], send.sender.span)?,
                    None => follows.node,
                };
                Branch { label: selection, next: message }
            };
            lowered.push(branch);
            bound = both(bound, &follows.bound);
            edge = edge.or(first);
        }
        let nobody = || Diagnostic::new(Code::DeciderFirst, span, "nobody is told about this choice");
        let node = self.comm(edge.ok_or_else(nobody)?, lowered, span)?;
        Ok(Follows { node, bound })
    }

    /// A loop that goes on with its first message and ends with `Done` in its place.
    fn decided(&mut self, body: &'a [Statement], span: Span, next: Follows) -> Lowered<Follows> {
        let var = self.bind(None, &next.bound, span)?;
        let again = self.push(GlobalNode::Var(var), span)?;
        let (send, pairs, body) = self.begun(body, Follows { node: again, bound: Bound::default() }, span)?;
        let label = self.message(send)?;
        let unit = self.sorts.intern(Sort::Unit, span)?;
        let done = self.label(DONE, unit, span)?;
        let nobody = || Diagnostic::new(Code::DeciderFirst, span, "nobody is told about the end of this loop");
        let edge = pairs.first().ok_or_else(nobody)?;
        let branches = vec![Branch { label, next: body.node }, Branch { label: done, next: next.node }];
        let node = self.comm(edge, branches, send.sender.span)?;
        self.close(var, node, both(body.bound, &next.bound), span)
    }

    /// Parts side by side. Those that share roles are put one after another, in written order: one of the orders
    /// in which they may run.
    fn par(&mut self, parts: &'a [Vec<Statement>], span: Span, next: Follows) -> Lowered<Follows> {
        let uses: Vec<Uses> = parts.iter().map(|part| Uses::of(part, self.roles, &self.protocols)).collect();
        let groups = groups(&uses);
        if let [single] = groups.as_slice() {
            return self.in_sequence(parts, single, next);
        }
        let mut bound = next.bound.clone();
        let mut side_by_side = Vec::with_capacity(groups.len());
        for group in &groups {
            // What follows is appended to each part when a role's view is taken, so its loops count as inside.
            let part = self.in_sequence(parts, group, Follows { node: self.end, bound: next.bound.clone() })?;
            bound = both(bound, &part.bound);
            side_by_side.push(part.node);
        }
        let node = self.push(GlobalNode::Par { parts: side_by_side, next: next.node }, span)?;
        Ok(Follows { node, bound })
    }

    fn in_sequence(&mut self, parts: &'a [Vec<Statement>], group: &[usize], next: Follows) -> Lowered<Follows> {
        group.iter().rev().try_fold(next, |next, part| self.block(&parts[*part], next))
    }
}
