//! Forms of the language that this version recognises and cannot execute. Each is refused by its name, so that
//! nobody takes a missing feature for a typing mistake.

use crate::{Code, Diagnostic, Span};

/// A keyword, what the construct is called, and what to do instead.
pub(crate) struct Refused {
    keyword: &'static str,
    what: &'static str,
    help: &'static str,
}

const fn row(keyword: &'static str, what: &'static str, help: &'static str) -> Refused {
    Refused { keyword, what, help }
}

const EFFECTS: &str = "a role's host decides and fills payloads; leave the binding out and send what it would hold";
const OPERATIONS: &str = "leave it out: the messages around it run without it";
const TIMEOUTS: &str = "write both outcomes as a `choice` by the role that waits";
const DECLARATIONS: &str = "leave the declaration out: the protocol's messages run without it";

/// Statements, by their first word.
const STATEMENTS: &[Refused] = &[
    row("timeout", "`timeout`", TIMEOUTS),
    row("on", "an `on …` clause", TIMEOUTS),
    row("case", "`case … of`", "write the outcomes as a `choice` by the role that knows the result"),
    row("authoritative", "`authoritative let`", EFFECTS),
    row("observe", "`observe let`", EFFECTS),
    row("let", "`let`", EFFECTS),
    row("check", "`check`", EFFECTS),
    row("transfer", "`transfer`", EFFECTS),
    row("commit", "`commit`", EFFECTS),
    row("publish", "`publish`", OPERATIONS),
    row("materialize", "`materialize`", OPERATIONS),
    row("handoff", "`handoff`", OPERATIONS),
    row("begin", "`begin`", OPERATIONS),
    row("await", "`await`", OPERATIONS),
    row("resolve", "`resolve`", OPERATIONS),
    row("invalidate", "`invalidate`", OPERATIONS),
    row("dependent", "`dependent work`", OPERATIONS),
    row("operation", "`operation`", OPERATIONS),
];

/// Declarations, by their first word.
const DECLARED: &[Refused] = &[
    row("effect", "an `effect` interface", DECLARATIONS),
    row("role_set", "a `role_set`", "write the roles out, or use an indexed role such as `R[3]`"),
    row("cluster", "a `cluster` topology", DECLARATIONS),
    row("ring", "a `ring` topology", DECLARATIONS),
    row("mesh", "a `mesh` topology", DECLARATIONS),
    row("profile", "an execution `profile`", DECLARATIONS),
    row("agreement_profile", "an `agreement_profile`", DECLARATIONS),
    row("proof_bundle", "a `proof_bundle`", DECLARATIONS),
    row("fragment", "a `fragment`", DECLARATIONS),
    row("operation", "an `operation`", DECLARATIONS),
    row("guest", "a `guest runtime`", DECLARATIONS),
];

/// Clauses in a protocol's head.
const CLAUSES: &[Refused] = &[
    row("requires", "a `requires` clause", "leave the clause out"),
    row("uses", "a `uses` clause", "leave the clause out"),
    row("under", "an `under` clause", "leave the clause out"),
];

/// The refused statement that begins with this word.
pub(crate) fn statement(word: &str) -> Option<&'static Refused> {
    STATEMENTS.iter().find(|row| row.keyword == word)
}

/// The refused declaration that begins with this word.
pub(crate) fn declaration(word: &str) -> Option<&'static Refused> {
    DECLARED.iter().find(|row| row.keyword == word)
}

/// The refused clause of a protocol's head.
pub(crate) fn clause(word: &str) -> Option<&'static Refused> {
    CLAUSES.iter().find(|row| row.keyword == word)
}

/// A guard that would have to be evaluated.
pub(crate) const GUARD: Refused =
    row("when", "a guard on data", "guards come with effects; leave `when` out: the decider chooses freely");

impl Refused {
    /// The refusal of this construct at a place.
    pub(crate) fn at(&self, span: Span) -> Diagnostic {
        let message = format!("{} is part of the language, but this version cannot execute it", self.what);
        Diagnostic::new(Code::NotExecutable, span, message).help(self.help)
    }
}
