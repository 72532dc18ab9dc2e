//! Payload types to sorts.

use crate::syntax::{File, TypeBody, TypeExpr, TypeKind};
use crate::{Code, Diagnostic, Span};
use motet_types::{MAX_VALUE_DEPTH, Sort, SortId, SortTable};
use std::collections::HashMap;

/// A sort, and how many pairs nest in it.
#[derive(Clone, Copy)]
struct Nested {
    sort: SortId,
    height: usize,
}

/// Interns the sorts of a file's payloads.
pub(crate) struct Sorts<'a> {
    /// The sorts so far.
    pub(crate) table: SortTable,
    ids: HashMap<Sort, SortId>,
    aliases: HashMap<&'a str, &'a TypeExpr>,
    /// Aliases that have been resolved; `None` while one is being resolved.
    resolved: HashMap<&'a str, Option<Nested>>,
}

impl<'a> Sorts<'a> {
    /// No sorts yet; the aliases of the file.
    pub(crate) fn of(file: &'a File) -> Self {
        let alias = |decl: &'a crate::syntax::TypeDecl| match &decl.body {
            TypeBody::Alias(body) => Some((decl.name.text.as_str(), body)),
            TypeBody::Union(_) => None,
        };
        let aliases = file.types.iter().filter_map(alias).collect();
        Self { table: SortTable::new(), ids: HashMap::new(), aliases, resolved: HashMap::new() }
    }

    /// The id of a sort.
    pub(crate) fn intern(&mut self, sort: Sort, span: Span) -> Result<SortId, Diagnostic> {
        if let Some(id) = self.ids.get(&sort) {
            return Ok(*id);
        }
        let full = || Diagnostic::new(Code::TooLarge, span, "the messages of this protocol have too many sorts");
        let id = self.table.intern(sort).ok_or_else(full)?;
        self.ids.insert(sort, id);
        Ok(id)
    }

    /// The sort of a message's payload: none is unit, several are nested pairs.
    pub(crate) fn payload(&mut self, payload: &'a [TypeExpr], span: Span) -> Result<SortId, Diagnostic> {
        self.product(payload, span, 0).map(|nested| nested.sort)
    }

    fn product(&mut self, parts: &'a [TypeExpr], span: Span, depth: usize) -> Result<Nested, Diagnostic> {
        let Some((last, heads)) = parts.split_last() else {
            return Ok(Nested { sort: self.intern(Sort::Unit, span)?, height: 0 });
        };
        let mut product = self.single(last, depth + heads.len())?;
        for (at, part) in heads.iter().enumerate().rev() {
            let first = self.single(part, depth + at + 1)?;
            let height = 1 + first.height.max(product.height);
            if height + 1 >= MAX_VALUE_DEPTH {
                return Err(too_deep(span));
            }
            let sort = self.intern(Sort::Prod(first.sort.0, product.sort.0), span)?;
            product = Nested { sort, height };
        }
        Ok(product)
    }

    fn single(&mut self, one: &'a TypeExpr, depth: usize) -> Result<Nested, Diagnostic> {
        if depth >= MAX_VALUE_DEPTH {
            return Err(too_deep(one.span));
        }
        let path = match &one.kind {
            TypeKind::Tuple(parts) => return self.product(parts, one.span, depth),
            TypeKind::Path { path, applied: false } => path.as_str(),
            TypeKind::Record | TypeKind::Path { .. } => return self.leaf(Sort::String, one.span),
        };
        if !self.aliases.contains_key(path) {
            return self.leaf(base(path), one.span);
        }
        self.alias(path, one.span, depth)
    }

    fn leaf(&mut self, sort: Sort, span: Span) -> Result<Nested, Diagnostic> {
        Ok(Nested { sort: self.intern(sort, span)?, height: 0 })
    }

    /// Follows an alias; a chain of aliases costs no stack.
    fn alias(&mut self, path: &'a str, span: Span, depth: usize) -> Result<Nested, Diagnostic> {
        let mut chain = Vec::new();
        let result = self.follow(path, span, depth, &mut chain);
        for name in chain {
            match &result {
                Ok(known) => self.resolved.insert(name, Some(*known)),
                Err(_) => self.resolved.remove(name),
            };
        }
        result
    }

    fn follow(
        &mut self,
        mut path: &'a str,
        span: Span,
        depth: usize,
        chain: &mut Vec<&'a str>,
    ) -> Result<Nested, Diagnostic> {
        loop {
            match self.resolved.get(path) {
                Some(Some(known)) => return Ok(*known),
                Some(None) => {
                    let cyclic = format!("the type `{path}` stands for itself");
                    let help = "give one of the aliases a base type";
                    return Err(Diagnostic::new(Code::CyclicType, span, cyclic).help(help));
                }
                None => {}
            }
            let Some(body) = self.aliases.get(path).copied() else {
                return self.leaf(base(path), span);
            };
            self.resolved.insert(path, None);
            chain.push(path);
            match &body.kind {
                TypeKind::Path { path: next, applied: false } => path = next,
                _ => return self.single(body, depth),
            }
        }
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("this payload nests deeper than a value of {MAX_VALUE_DEPTH} levels");
    Diagnostic::new(Code::TooDeep, span, message).help("carry it as one record")
}

/// The sort of a type that the file does not declare. What has no sort of its own travels as text.
fn base(path: &str) -> Sort {
    match path {
        "Unit" => Sort::Unit,
        "Int" | "Nat" => Sort::Nat,
        "Bool" => Sort::Bool,
        "Real" | "Float" => Sort::Real,
        _ => Sort::String,
    }
}
