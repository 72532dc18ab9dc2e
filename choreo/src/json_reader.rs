//! Global types from JSON: kinds end, comm, rec and var, every field known, every error with its JSON path.

use crate::arena::{Arena, Full};
use crate::json_tree::{Field, Json, Value, parse};
use crate::report::Report;
use crate::{Code, Diagnostic, Diagnostics, MAX_ROLES, Source, Span};
use motet_types::{Branch, GlobalNode, GlobalType, MAX_VALUE_DEPTH, NodeId, RoleId, Sort, SortId, SortTable, VarId};
use std::collections::{HashMap, HashSet};

/// How deep type nodes may nest.
pub const MAX_JSON_DEPTH: usize = 256;

/// The global type in a JSON source. Its roles stand in order of first appearance, and its name is the file's.
pub(crate) fn read(source: &Source) -> Result<GlobalType, Diagnostics> {
    let refused = |list| Diagnostics::new(source.clone(), list);
    let tree = parse(source.text()).map_err(|one| refused(vec![one]))?;
    let mut reader = Reader::new(source);
    let root = reader.node(&tree, 1, 0);
    let whole = Diagnostic::new(Code::TooLarge, tree.span, Full::Nodes.to_string());
    match root {
        Some(root) if reader.report.is_empty() => {
            let (sorts, roles) = (reader.sorts, reader.roles);
            let built = reader.arena.finish(stem(source.name()), roles, sorts, root);
            built.ok_or_else(|| refused(vec![whole]))
        }
        _ if reader.report.is_empty() => Err(refused(vec![whole])),
        _ => Err(refused(reader.report.into_list())),
    }
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

struct Reader<'a> {
    source: &'a Source,
    arena: Arena,
    sorts: SortTable,
    roles: Vec<String>,
    role_ids: HashMap<String, RoleId>,
    scope: Vec<Binder>,
    /// Where we are, `$.branches[0].continuation`.
    path: String,
    report: Report,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            arena: Arena::default(),
            sorts: SortTable::new(),
            roles: Vec::new(),
            role_ids: HashMap::new(),
            scope: Vec::new(),
            path: "$".to_owned(),
            report: Report::new(),
        }
    }

    /// Reports what is wrong at the path. `None`, so that it can end the reading of a value.
    fn wrong<T>(&mut self, code: Code, span: Span, what: &str, help: Option<String>) -> Option<T> {
        let mut diagnostic = Diagnostic::new(code, span, format!("{}: {what}", self.path));
        diagnostic.help = help;
        self.report.push(diagnostic);
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

    /// Runs `read` with `step` appended to the path.
    fn step<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let result = read(self);
        self.path.truncate(length);
        result
    }

    /// The named fields of an object, in the order asked for: each there once, and no other.
    fn fields<'j, const N: usize>(&mut self, json: &'j Json, names: [&str; N]) -> Option<[&'j Json; N]> {
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
                    self.shape::<()>(Span { start: json.span.start, end: json.span.start + 1 }, &missing(name));
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
    fn text<'j>(&mut self, json: &'j Json, step: &str) -> Option<&'j str> {
        match &json.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Text(_) => self.step(step, |reader| reader.shape(json.span, "a name must not be empty")),
            _ => self.step(step, |reader| reader.shape(json.span, "a string is expected")),
        }
    }

    /// A type node; `depth` counts it and the nodes around it, `guards` the communications around it.
    fn node(&mut self, json: &Json, depth: usize, guards: usize) -> Option<NodeId> {
        if depth > MAX_JSON_DEPTH {
            let what = format!("type nodes nest deeper than {MAX_JSON_DEPTH} levels");
            return self.wrong(Code::TooDeep, json.span, &what, None);
        }
        let Value::Object(fields) = &json.value else {
            return self.shape(json.span, "a type is expected: an object with a `kind`");
        };
        let Some(kind) = fields.iter().find(|field| field.name == "kind") else {
            return self.shape(Span { start: json.span.start, end: json.span.start + 1 }, &missing("kind"));
        };
        match self.text(&kind.value, ".kind")? {
            "end" => {
                self.fields(json, ["kind"])?;
                self.push(GlobalNode::End, json.span)
            }
            "comm" => self.comm(json, depth, guards),
            "rec" => self.rec(json, depth, guards),
            "var" => self.var(json, guards),
            other => {
                let near = self.report.near(other, ["end", "comm", "rec", "var"]);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let help = help.or_else(|| Some("the kinds are `end`, `comm`, `rec` and `var`".to_owned()));
                let what = format!("unknown kind `{}`", other.escape_debug());
                self.step(".kind", |reader| reader.wrong(Code::JsonShape, kind.value.span, &what, help))
            }
        }
    }

    fn push(&mut self, node: GlobalNode, span: Span) -> Option<NodeId> {
        let line = self.source.line(span.start);
        let pushed = self.arena.push(node, line);
        self.full(pushed, span)
    }

    fn role(&mut self, json: &Json, step: &str) -> Option<RoleId> {
        let name = self.text(json, step)?;
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

    fn comm(&mut self, json: &Json, depth: usize, guards: usize) -> Option<NodeId> {
        let [_, from, to, list] = self.fields(json, ["kind", "sender", "receiver", "branches"])?;
        let (sender, receiver) = (self.role(from, ".sender"), self.role(to, ".receiver"));
        if sender.is_some() && sender == receiver {
            let name = self.text(from, ".sender").unwrap_or("?");
            let what = format!("`{}` sends to itself", name.escape_debug());
            let help = Some("name another role as the receiver".to_owned());
            self.wrong::<()>(Code::SelfSend, to.span, &what, help);
        }
        let items = match &list.value {
            Value::List(items) if !items.is_empty() => items,
            Value::List(_) => return self.step(".branches", |r| r.shape(list.span, "at least one branch is expected")),
            _ => return self.step(".branches", |r| r.shape(list.span, "an array of branches is expected")),
        };
        let mut labels = HashSet::new();
        let mut branches = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let branch = self.step(&format!(".branches[{at}]"), |r| r.branch(item, depth, guards, &mut labels));
            branches.extend(branch);
        }
        if branches.len() < items.len() {
            return None;
        }
        self.push(GlobalNode::Comm { sender: sender?, receiver: receiver?, branches }, json.span)
    }

    fn branch<'j>(
        &mut self,
        json: &'j Json,
        depth: usize,
        guards: usize,
        labels: &mut HashSet<&'j str>,
    ) -> Option<Branch> {
        let [label, next] = self.fields(json, ["label", "continuation"])?;
        let read = self.step(".label", |reader| {
            let [name, sort] = reader.fields(label, ["name", "sort"])?;
            let name_text = reader.text(name, ".name");
            if let Some(text) = name_text
                && !labels.insert(text)
            {
                let what = format!("two branches are labelled `{}`", text.escape_debug());
                reader.wrong::<()>(Code::DuplicateLabel, name.span, &what, Some("rename one of them".to_owned()));
            }
            let sort = reader.step(".sort", |reader| reader.sort(sort, 0));
            let label = reader.arena.label(name_text?, sort?);
            reader.full(label, name.span)
        });
        let next = self.step(".continuation", |reader| reader.node(next, depth + 1, guards + 1));
        Some(Branch { label: read?, next: next? })
    }

    fn sort(&mut self, json: &Json, depth: usize) -> Option<SortId> {
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
                let a = self.step(".prod[0]", |reader| reader.sort(a, depth + 1));
                let b = self.step(".prod[1]", |reader| reader.sort(b, depth + 1));
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

    fn rec(&mut self, json: &Json, depth: usize, guards: usize) -> Option<NodeId> {
        let [_, name, body] = self.fields(json, ["kind", "var", "body"])?;
        let name = self.text(name, ".var")?.to_owned();
        let mut apart = name.clone();
        let mut number = 0u32;
        while self.scope.iter().any(|binder| binder.apart == apart) {
            number += 1;
            apart = format!("{name}${number}");
        }
        let var = self.arena.var(&apart);
        self.scope.push(Binder { name, apart, var, guards });
        let body = self.step(".body", |reader| reader.node(body, depth + 1, guards));
        self.scope.pop();
        self.push(GlobalNode::Rec { var, body: body? }, json.span)
    }

    fn var(&mut self, json: &Json, guards: usize) -> Option<NodeId> {
        let [_, at] = self.fields(json, ["kind", "name"])?;
        let name = self.text(at, ".name")?;
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
