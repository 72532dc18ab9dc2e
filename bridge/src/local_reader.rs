//! Local types from JSON, in the form of the specification, section 10.2.
//!
//! A local type is a global type in which one role takes part in everything, so it is read as one: the reader of
//! `motet_choreo` keeps the limits, the rules about names and the places of errors, and there is no second one.

use crate::document::{self, DocumentError};
use motet_choreo::{Diagnostics, JsonError, Source, SourceError, global_to_json, load};
use motet_types::{
    Automata, AutomatonError, GlobalNode, GlobalType, LocalArena, LocalBranch, LocalId, LocalNode, RoleId, StateId,
};
use serde_json::{Map, Value as Json, json};

/// JSON that is no local type.
#[derive(Debug, thiserror::Error)]
pub enum LocalTypeError {
    /// It is not JSON.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It is too large.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is JSON of another shape.
    #[error("`{path}` is {found}; a local type is of kind `send`, `recv`, `rec`, `var` or `end`")]
    Kind {
        /// The place.
        path: String,
        /// What stands there.
        found: String,
    },
    /// It is of the right kinds and says something that no type says.
    #[error("{0}")]
    Type(Diagnostics),
    /// It has no automaton: a loop does nothing.
    #[error(transparent)]
    Automaton(#[from] AutomatonError),
    /// It cannot be written again.
    #[error(transparent)]
    Write(#[from] JsonError),
}

/// A local type, read.
#[derive(Clone, Debug)]
pub struct LocalType {
    /// The type as a protocol of its role with everybody else. The role is called [`LocalType::own`].
    global: GlobalType,
    own: String,
}

/// Whether any partner is called so.
fn names(json: &Json, name: &str) -> bool {
    match json {
        Json::Object(fields) => {
            fields.get("partner").and_then(Json::as_str) == Some(name) || fields.values().any(|part| names(part, name))
        }
        Json::Array(items) => items.iter().any(|part| names(part, name)),
        _ => false,
    }
}

/// The local type as a global type's JSON. `path` is where it stands.
fn outward(json: &Json, own: &str, path: &str) -> Result<Json, LocalTypeError> {
    let refuse =
        || LocalTypeError::Kind { path: path.to_owned(), found: crate::value_json::shortened(&json.to_string()) };
    let Json::Object(fields) = json else { return Err(refuse()) };
    let mut out = Map::new();
    let sends = match fields.get("kind").and_then(Json::as_str) {
        Some("send") => Some(true),
        Some("recv") => Some(false),
        Some("rec" | "var" | "end") => None,
        _ => return Err(refuse()),
    };
    for (key, value) in fields {
        match (key.as_str(), sends) {
            ("kind", Some(_)) => drop(out.insert("kind".into(), "comm".into())),
            ("partner", Some(sends)) => {
                let (sender, receiver) = if sends { (json!(own), value.clone()) } else { (value.clone(), json!(own)) };
                out.insert("sender".into(), sender);
                out.insert("receiver".into(), receiver);
            }
            // These would pass for what stands there already.
            ("sender" | "receiver", Some(_)) => return Err(refuse()),
            ("body", None) => drop(out.insert(key.clone(), outward(value, own, &format!("{path}.body"))?)),
            ("branches", Some(_)) => {
                let Json::Array(branches) = value else { return Err(refuse()) };
                let branch = |(at, branch): (usize, &Json)| {
                    let mut branch = branch.clone();
                    let path = format!("{path}.branches[{at}].continuation");
                    if let Some(next) = branch.get_mut("continuation") {
                        *next = outward(next, own, &path)?;
                    }
                    Ok::<Json, LocalTypeError>(branch)
                };
                let branches = branches.iter().enumerate().map(branch).collect::<Result<Vec<_>, _>>()?;
                out.insert(key.clone(), branches.into());
            }
            _ => drop(out.insert(key.clone(), value.clone())),
        }
    }
    Ok(Json::Object(out))
}

/// The other way.
fn inward(json: &Json, own: &str) -> Json {
    match json {
        Json::Array(items) => items.iter().map(|item| inward(item, own)).collect(),
        Json::Object(fields) if fields.get("kind").and_then(Json::as_str) == Some("comm") => {
            let sends = fields.get("sender").and_then(Json::as_str) == Some(own);
            let (kind, partner) = if sends { ("send", "receiver") } else { ("recv", "sender") };
            let partner = fields.get(partner).cloned().unwrap_or_default();
            let branches = fields.get("branches").map(|branches| inward(branches, own)).unwrap_or_default();
            json!({"kind": kind, "partner": partner, "branches": branches})
        }
        Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), inward(value, own))).collect(),
        plain => plain.clone(),
    }
}

impl LocalType {
    /// Reads a local type. Keys that stand twice are refused.
    ///
    /// # Errors
    /// [`LocalTypeError`] with the place.
    pub fn from_text(text: &str) -> Result<Self, LocalTypeError> {
        Self::from_json(&document::unique(text)?)
    }

    /// Reads a local type.
    ///
    /// # Errors
    /// [`LocalTypeError`] with the place.
    pub fn from_json(json: &Json) -> Result<Self, LocalTypeError> {
        let mut own = String::from("self");
        while names(json, &own) {
            own.push('_');
        }
        let text = outward(json, &own, "local")?.to_string();
        let source = Source::from_text("local.json", &text)?;
        Ok(Self { global: load(&source).map_err(LocalTypeError::Type)?, own })
    }

    /// What its role is called where it needs a name. No partner is called so.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// The names that [`LocalType::automaton`] refers to.
    pub const fn names(&self) -> &motet_types::Names {
        &self.global.names
    }

    /// The type as JSON.
    ///
    /// # Errors
    /// [`LocalTypeError::Write`] where it grows too large when it is written out.
    pub fn to_json(&self) -> Result<Json, LocalTypeError> {
        let text = global_to_json(&self.global)?;
        Ok(inward(&document::json(&text)?, &self.own))
    }

    /// The type's automaton and its first state.
    ///
    /// # Errors
    /// [`LocalTypeError::Automaton`] where a loop does nothing.
    pub fn automaton(&self) -> Result<(Automata, StateId), LocalTypeError> {
        let own = self.global.names.role(&self.own);
        let mut arena = LocalArena::new();
        let mut ids: Vec<LocalId> = Vec::with_capacity(self.global.nodes().len());
        for node in self.global.nodes() {
            let node = match node {
                GlobalNode::Var(var) => LocalNode::Var(*var),
                GlobalNode::Rec { var, body } => LocalNode::Rec { var: *var, body: ids[body.index()] },
                GlobalNode::Comm { sender, receiver, branches } => {
                    let next = |branch: &motet_types::Branch| LocalBranch {
                        label: branch.label,
                        next: ids[branch.next.index()],
                    };
                    let branches = branches.iter().map(next).collect();
                    match Some(*sender) == own {
                        true => LocalNode::Send { partner: *receiver, branches },
                        false => LocalNode::Recv { partner: *sender, branches },
                    }
                }
                // JSON has no parallel composition.
                GlobalNode::End | GlobalNode::Par { .. } => LocalNode::End,
            };
            ids.push(arena.intern(node));
        }
        let mut automata = Automata::new();
        // A type that does nothing names nobody; any number will do for its role.
        let first = automata.add(&arena, own.unwrap_or(RoleId(0)), ids[self.global.root().index()])?;
        Ok((automata, first))
    }
}
