//! Who decides: what a choice and a loop with an exit must begin with, so that the decision is told.

use crate::report::Report;
use crate::rules::Checker;
use crate::syntax::{ChoiceBranch, LoopKind, RoleRef, Send, Statement, StatementKind};
use crate::{Code, Diagnostic, Span};
use motet_types::RoleId;
use std::collections::HashMap;

/// The label that leaves a loop whose exit has no message of its own.
pub(crate) const DONE: &str = "Done";

/// How the first statement of a body begins.
pub(crate) enum First<'a> {
    /// With this send.
    Send(&'a Send),
    /// With something that was reported.
    Broken,
    /// With something else, or nothing.
    Other(Option<Span>),
}

/// How a body begins, looking into the protocols that it calls.
pub(crate) fn first<'a>(mut body: &'a [Statement], protocols: &HashMap<&'a str, &'a [Statement]>) -> First<'a> {
    for _ in 0..=protocols.len() {
        let Some(statement) = body.first() else { return First::Other(None) };
        match &statement.kind {
            StatementKind::Send(send) => return First::Send(send),
            StatementKind::Broken => return First::Broken,
            StatementKind::Call(name) => match protocols.get(name.text.as_str()) {
                Some(called) => body = called,
                None => return First::Broken,
            },
            _ => return First::Other(Some(statement.span)),
        }
    }
    // A circle of calls; it is reported as such.
    First::Broken
}

const BEGIN: &str = "put a message first";
const SO_THAT: &str = "the others learn from it what was decided";

fn begins_with(who: &str) -> String {
    format!("this must begin with a message by `{who}`, who decides")
}

impl<'a> Checker<'a, '_> {
    /// The receiver of a body's first message if the body begins with a message by `decider`. Reports if it does not.
    fn decides(&mut self, body: &'a [Statement], decider: Option<RoleId>, head: Span) -> Option<RoleId> {
        let (send, place) = match first(body, &self.protocols) {
            First::Broken => return None,
            First::Other(place) => (None, place.unwrap_or(head)),
            First::Send(send) => (Some(send), send.sender.span),
        };
        // Reported with the statement itself; here only whether it decides counts.
        let begins = send.map(|send| self.roles.pairs(send, &mut Report::silent()));
        let found = match begins {
            Some(None) => return None,
            Some(Some(pairs)) => pairs.first(),
            None => None,
        };
        match found {
            Some((sender, receiver)) if decider.is_none_or(|decider| decider == sender) => Some(receiver),
            _ => {
                let who = decider.map_or("?", |decider| self.roles.name(decider));
                let (message, help) = match (decider, send) {
                    (None, _) => ("this must begin with a message: its sender decides".to_owned(), BEGIN.to_owned()),
                    (Some(_), Some(_)) => (begins_with(who), format!("let `{who}` send first: {SO_THAT}")),
                    (Some(_), None) => (begins_with(who), format!("begin with `{who} -> … : …`")),
                };
                self.refuse(Diagnostic::new(Code::DeciderFirst, place, message).also(head, "decided here").help(help));
                None
            }
        }
    }

    /// Checks a choice; whether what follows is reached.
    pub(crate) fn choice(&mut self, decider: &'a RoleRef, branches: &'a [ChoiceBranch]) -> bool {
        let who = self.roles.one(decider, self.report);
        let mut labels: HashMap<&str, Span> = HashMap::new();
        let mut told: Option<(RoleId, Span)> = None;
        let mut ends = false;
        for branch in branches {
            if let Some(first) = labels.insert(&branch.label.text, branch.label.span) {
                let message = format!("two branches are labelled `{}`", branch.label.text);
                let twice = Diagnostic::new(Code::DuplicateLabel, branch.label.span, message);
                self.refuse(twice.also(first, "the other").help("rename one of them"));
            }
            let receiver = match who {
                Some(who) => self.decides(&branch.body, Some(who), branch.label.span),
                None => None,
            };
            match (told, receiver) {
                (Some((first, place)), Some(receiver)) if first != receiver => {
                    let (to, other) = (self.roles.name(receiver), self.roles.name(first));
                    let message = format!("this branch begins with a message to `{to}`, another with one to `{other}`");
                    let help = format!("begin every branch with a message to `{other}`");
                    let differ = Diagnostic::new(Code::DifferentReceivers, branch.label.span, message);
                    self.report.push(differ.also(place, "the other").help(help));
                }
                (None, Some(receiver)) => told = Some((receiver, branch.label.span)),
                _ => {}
            }
            // A branch's selection is a message, whatever the body is.
            self.passed += 1;
            ends |= self.block(&branch.body);
        }
        ends
    }

    /// Checks a loop without a name; whether what follows is reached.
    pub(crate) fn looping(&mut self, until: &'a LoopKind, body: &'a [Statement], span: Span) -> bool {
        match until {
            LoopKind::Repeat(_) => return self.block(body),
            LoopKind::Forever => {
                self.block(body);
                return false;
            }
            LoopKind::DecideBy(role) => {
                if let Some(who) = self.roles.one(role, self.report) {
                    self.decides(body, Some(who), role.span);
                }
            }
            LoopKind::While => {
                self.decides(body, None, span);
            }
        }
        if let First::Send(send) = first(body, &self.protocols)
            && send.label.text == DONE
        {
            let message = format!("this loop ends with a message `{DONE}` of its own");
            let taken = Diagnostic::new(Code::DuplicateLabel, send.label.span, message);
            self.refuse(taken.help("rename the first message, or write the loop as `rec` and `choice`"));
        }
        self.block(body);
        true
    }
}
