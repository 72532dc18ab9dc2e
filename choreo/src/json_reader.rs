//! Global types from JSON: kinds end, comm, rec and var, every field known, every error with its JSON path.

use crate::arena::{Arena, Full};
use crate::json_tree::{Field, Json, Value, parse};
use crate::report::Report;
use crate::{Code, Diagnostic, Diagnostics, MAX_ROLES, Source, Span};
use motet_types::{
    Branch, GlobalNode, GlobalType, LabelId, MAX_VALUE_DEPTH, NodeId, RoleId, Sort, SortId, SortTable, VarId,
};
use std::collections::{HashMap, HashSet};

/// How deep type nodes may nest.
pub const MAX_JSON_DEPTH: usize = 256;

/// The global type in a JSON source. Its roles stand in order of first appearance, and its name is the file's.
pub(crate) fn read(source: &Source) -> Result<GlobalType, Diagnostics> {
    let refused = |list| Diagnostics::new(source.clone(), list);
    let tree = parse(source.text()).map_err(|one| refused(vec![one]))?;
    let mut reader = Reader {
        source,
        tree: &tree,
        arena: Arena::default(),
        sorts: SortTable::new(),
        roles: Vec::new(),
        role_ids: HashMap::new(),
        scope: Vec::new(),
        report: Report::new(),
    };
    let root = reader.read();
    if !reader.report.is_empty() {
        return Err(refused(reader.report.into_list()));
    }
    let (sorts, roles, arena) = (reader.sorts, reader.roles, reader.arena);
    let built = root.and_then(|root| arena.finish(stem(source.name()), roles, sorts, root));
    built.ok_or_else(|| refused(vec![Diagnostic::new(Code::TooLarge, tree.span, Full::Nodes.to_string())]))
}

/// The file's name without folders and ending; `protocol` when nothing is left.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or("");
    let stem = file.split('.').next().unwrap_or("");
    if stem.is_empty() { "protocol".to_owned() } else { stem.to_owned() }
}

struct Binder {
    /// The name in the text.
    name: String,
    /// The name in the type: apart from those of all loops around.
    apart: String,
    var: VarId,
    /// How many communications stand around it.
    guards: usize,
}

/// How a type node began.
enum Began {
    /// It has no parts.
    Whole(NodeId),
    /// Its parts come first, and then it.
    Parts,
}

/// What is left to do. Tasks instead of recursion: nesting costs no stack.
enum Task<'j> {
    /// Read a type node. `depth` counts it and the nodes around it, `guards` the communications around it.
    Node { json: &'j Json, depth: usize, guards: usize },
    /// Put a communication on top of the branches read last. What was reported is `None`.
    Comm { json: &'j Json, edge: Option<(RoleId, RoleId)>, labels: Vec<Option<LabelId>> },
    /// A node that cannot be read, which has been reported.
    Broken,
    /// Close the loop opened last, around the node read last.
    Rec { json: &'j Json },
}

struct Reader<'a> {
    source: &'a Source,
    tree: &'a Json,
    arena: Arena,
    sorts: SortTable,
    roles: Vec<String>,
    role_ids: HashMap<String, RoleId>,
    scope: Vec<Binder>,
    report: Report,
}

impl<'a> Reader<'a> {
    /// Reports what is wrong at a place. `None`, so that it can end the reading of a value.
    fn wrong<T>(&mut self, code: Code, span: Span, what: &str, help: Option<String>) -> Option<T> {
        if self.report.takes() {
            let message = format!("{}: {what}", self.tree.path_to(span.start));
            let mut diagnostic = Diagnostic::new(code, span, message);
            diagnostic.help = help;
            self.report.push(diagnostic);
        }
        None
    }

    fn shape<T>(&mut self, span: Span, what: &str) -> Option<T> {
        self.wrong(Code::JsonShape, span, what, None)
    }

    fn full<T>(&mut self, result: Result<T, Full>, span: Span) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(full) => self.wrong(Code::TooLarge, span, &full.to_string(), None),
        }
    }

    /// The named fields of an object, in the order asked for: each there once, and no other.
    fn fields<const N: usize>(&mut self, json: &'a Json, names: [&str; N]) -> Option<[&'a Json; N]> {
        let Value::Object(fields) = &json.value else {
            return self.shape(json.span, "an object is expected");
        };
        self.known_fields(fields, &names);
        let mut found = [json; N];
        let mut complete = true;
        for (slot, name) in found.iter_mut().zip(names) {
            match fields.iter().find(|field| field.name == name) {
                Some(field) => *slot = &field.value,
                None => {
                    complete = false;
                    self.shape::<()>(first_byte(json), &missing(name));
                }
            }
        }
        complete.then_some(found)
    }

    fn known_fields(&mut self, fields: &[Field], names: &[&str]) {
        let mut seen = HashSet::new();
        for field in fields {
            if !seen.insert(field.name.as_str()) {
                self.shape::<()>(field.span, &format!("the field `{}` stands twice", field.name.escape_debug()));
            } else if !names.contains(&field.name.as_str()) {
                let what = format!("unknown field `{}`", field.name.escape_debug());
                let near = self.report.near(&field.name, names.iter().copied());
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.unwrap_or_else(|| format!("the fields here are `{}`", names.join("`, `")));
                self.wrong::<()>(Code::JsonShape, field.span, &what, Some(help));
            }
        }
    }

    /// A string that is not empty.
    fn text(&mut self, json: &'a Json) -> Option<&'a str> {
        match &json.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Text(_) => self.shape(json.span, "a name must not be empty"),
            _ => self.shape(json.span, "a string is expected"),
        }
    }

    /// The tree's root, after everything that it leads to.
    fn read(&mut self) -> Option<NodeId> {
        let mut tasks = vec![Task::Node { json: self.tree, depth: 1, guards: 0 }];
        let mut done: Vec<Option<NodeId>> = Vec::new();
        while let Some(task) = tasks.pop() {
            let node = match task {
                Task::Node { json, depth, guards } => match self.node(json, depth, guards, &mut tasks) {
                    Some(Began::Whole(node)) => Some(node),
                    Some(Began::Parts) => continue,
                    None => None,
                },
                Task::Broken => None,
                Task::Rec { json } => {
                    let body = done.pop().flatten();
                    let binder = self.scope.pop();
                    body.zip(binder)
                        .and_then(|(body, binder)| self.push(GlobalNode::Rec { var: binder.var, body }, json.span))
                }
                Task::Comm { json, edge, labels } => {
                    let nexts = done.split_off(done.len().saturating_sub(labels.len()));
                    let branch =
                        |(label, next): (Option<LabelId>, Option<NodeId>)| Some(Branch { label: label?, next: next? });
                    let branches: Option<Vec<Branch>> = labels.into_iter().zip(nexts).map(branch).collect();
                    edge.zip(branches).and_then(|((sender, receiver), branches)| {
                        self.push(GlobalNode::Comm { sender, receiver, branches }, json.span)
                    })
                }
            };
            done.push(node);
        }
        done.pop().flatten()
    }

    fn node(&mut self, json: &'a Json, depth: usize, guards: usize, tasks: &mut Vec<Task<'a>>) -> Option<Began> {
        if depth > MAX_JSON_DEPTH {
            let what = format!("type nodes nest deeper than {MAX_JSON_DEPTH} levels");
            return self.wrong(Code::TooDeep, json.span, &what, None);
        }
        let Value::Object(fields) = &json.value else {
            return self.shape(json.span, "a type is expected: an object with a `kind`");
        };
        let Some(kind) = fields.iter().find(|field| field.name == "kind") else {
            return self.shape(first_byte(json), &missing("kind"));
        };
        match self.text(&kind.value)? {
            "end" => {
                self.fields(json, ["kind"])?;
                self.push(GlobalNode::End, json.span).map(Began::Whole)
            }
            "var" => self.var(json, guards).map(Began::Whole),
            "comm" => self.comm(json, depth, guards, tasks),
            "rec" => self.rec(json, depth, guards, tasks),
            other => {
                let near = self.report.near(other, ["end", "comm", "rec", "var"]);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| Some("the kinds are `end`, `comm`, `rec` and `var`".to_owned()));
                let what = format!("unknown kind `{}`", other.escape_debug());
                self.wrong(Code::JsonShape, kind.value.span, &what, help)
            }
        }
    }

    fn push(&mut self, node: GlobalNode, span: Span) -> Option<NodeId> {
        let line = self.source.line(span.start);
        let pushed = self.arena.push(node, line);
        self.full(pushed, span)
    }

    fn role(&mut self, json: &'a Json) -> Option<RoleId> {
        let name = self.text(json)?;
        if let Some(id) = self.role_ids.get(name) {
            return Some(*id);
        }
        let Ok(id) = u16::try_from(self.roles.len()) else {
            let what = format!("there are more than {MAX_ROLES} roles");
            return self.wrong(Code::TooLarge, json.span, &what, None);
        };
        self.roles.push(name.to_owned());
        self.role_ids.insert(name.to_owned(), RoleId(id));
        Some(RoleId(id))
    }

    fn comm(&mut self, json: &'a Json, depth: usize, guards: usize, tasks: &mut Vec<Task<'a>>) -> Option<Began> {
        let [_, from, to, list] = self.fields(json, ["kind", "sender", "receiver", "branches"])?;
        let edge = (self.role(from), self.role(to));
        if edge.0.is_some() && edge.0 == edge.1 {
            let name = self.text(from).unwrap_or("?");
            let what = format!("`{}` sends to itself", name.escape_debug());
            let help = Some("name another role as the receiver".to_owned());
            self.wrong::<()>(Code::SelfSend, to.span, &what, help);
        }
        let items = match &list.value {
            Value::List(items) if !items.is_empty() => items,
            Value::List(_) => return self.shape(list.span, "at least one branch is expected"),
            _ => return self.shape(list.span, "an array of branches is expected"),
        };
        let mut seen = HashSet::new();
        let branches: Vec<_> = items.iter().map(|item| self.branch(item, &mut seen)).collect();
        let labels = branches.iter().map(|branch| branch.and_then(|(label, _)| label)).collect();
        tasks.push(Task::Comm { json, edge: edge.0.zip(edge.1), labels });
        for branch in branches.iter().rev() {
            let (depth, guards) = (depth + 1, guards + 1);
            tasks.push(match branch {
                Some((_, next)) => Task::Node { json: next, depth, guards },
                None => Task::Broken,
            });
        }
        Some(Began::Parts)
    }

    /// A branch's label, if it is one, and its continuation.
    fn branch(&mut self, json: &'a Json, seen: &mut HashSet<&'a str>) -> Option<(Option<LabelId>, &'a Json)> {
        let [label, next] = self.fields(json, ["label", "continuation"])?;
        Some((self.label(label, seen), next))
    }

    fn label(&mut self, json: &'a Json, seen: &mut HashSet<&'a str>) -> Option<LabelId> {
        let [name, sort] = self.fields(json, ["name", "sort"])?;
        let text = self.text(name);
        if let Some(text) = text
            && !seen.insert(text)
        {
            let what = format!("two branches are labelled `{}`", text.escape_debug());
            self.wrong::<()>(Code::DuplicateLabel, name.span, &what, Some("rename one of them".to_owned()));
        }
        let sort = self.sort(sort, 0);
        let label = self.arena.label(text?, sort?);
        self.full(label, name.span)
    }

    fn sort(&mut self, json: &'a Json, depth: usize) -> Option<SortId> {
        let sort = match &json.value {
            Value::Text(name) => match name.as_str() {
                "unit" => Sort::Unit,
                "nat" => Sort::Nat,
                "bool" => Sort::Bool,
                "string" => Sort::String,
                "real" => Sort::Real,
                other => {
                    let near = self.report.near(other, ["unit", "nat", "bool", "string", "real"]);
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    let what = format!("unknown sort `{}`", other.escape_debug());
                    return self.wrong(Code::JsonShape, json.span, &what, help);
                }
            },
            Value::Object(fields) if fields.iter().any(|field| field.name == "vector") => {
                let [length] = self.fields(json, ["vector"])?;
                let text = self.source.slice(length.span);
                match (&length.value, text.parse()) {
                    (Value::Number, Ok(length)) => Sort::Vector(length),
                    _ => return self.shape(length.span, "a vector's length is a number from 0 to 4294967295"),
                }
            }
            Value::Object(fields) if fields.iter().any(|field| field.name == "prod") => {
                let [pair] = self.fields(json, ["prod"])?;
                let Value::List(parts) = &pair.value else {
                    return self.shape(pair.span, "a product is an array of two sorts");
                };
                let [a, b] = parts.as_slice() else {
                    return self.shape(pair.span, "a product is an array of two sorts");
                };
                if depth + 2 >= MAX_VALUE_DEPTH {
                    let what = format!("this sort nests deeper than a value of {MAX_VALUE_DEPTH} levels");
                    return self.wrong(Code::TooDeep, json.span, &what, None);
                }
                let a = self.sort(a, depth + 1);
                let b = self.sort(b, depth + 1);
                Sort::Prod(a?.0, b?.0)
            }
            _ => {
                let what = "a sort is expected: a name, {\"vector\": n} or {\"prod\": [a, b]}";
                return self.shape(json.span, what);
            }
        };
        match self.sorts.intern(sort) {
            Some(id) => Some(id),
            None => self.wrong(Code::TooLarge, json.span, "the type has too many sorts", None),
        }
    }

    fn rec(&mut self, json: &'a Json, depth: usize, guards: usize, tasks: &mut Vec<Task<'a>>) -> Option<Began> {
        let [_, name, body] = self.fields(json, ["kind", "var", "body"])?;
        let name = self.text(name)?.to_owned();
        let mut apart = name.clone();
        let mut number = 0u32;
        while self.scope.iter().any(|binder| binder.apart == apart) {
            number += 1;
            apart = format!("{name}${number}");
        }
        let var = self.arena.var(&apart);
        self.scope.push(Binder { name, apart, var, guards });
        tasks.push(Task::Rec { json });
        tasks.push(Task::Node { json: body, depth: depth + 1, guards });
        Some(Began::Parts)
    }

    fn var(&mut self, json: &'a Json, guards: usize) -> Option<NodeId> {
        let [_, at] = self.fields(json, ["kind", "name"])?;
        let name = self.text(at)?;
        let Some(binder) = self.scope.iter().rev().find(|binder| binder.name == name) else {
            let what = format!("there is no `rec` of `{}` around this", name.escape_debug());
            let near = self.report.near(name, self.scope.iter().map(|binder| binder.name.as_str()));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            return self.wrong(Code::UnboundContinue, at.span, &what, help);
        };
        let var = binder.var;
        if binder.guards == guards {
            let what = format!("`{}` comes back without a message in between", name.escape_debug());
            return self.wrong(Code::UnguardedRecursion, at.span, &what, None);
        }
        self.push(GlobalNode::Var(var), json.span)
    }
}

fn missing(name: &str) -> String {
    format!("the field `{name}` is missing")
}

/// Where something is missing in an object: at its opening bracket.
fn first_byte(json: &Json) -> Span {
    Span { start: json.span.start, end: json.span.start + 1 }
}
