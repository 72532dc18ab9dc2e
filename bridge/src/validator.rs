//! Types between JSON and this implementation: there and back, and compared.

use crate::document;
use crate::here::{HereError, global_from_json};
use crate::local_reader::{LocalType, LocalTypeError};
use motet_choreo::{CompileError, JsonError, Projection, TooLong, check_and_project, global_to_json, local_json};
use motet_types::{RoleId, SubtypeMode, Subtyping, TypeTables, TypeTablesError, Verdict};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Types that cannot be validated.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// A global type is not one.
    #[error(transparent)]
    Global(#[from] HereError),
    /// A local type is not one.
    #[error(transparent)]
    Local(#[from] LocalTypeError),
    /// A global type cannot be written.
    #[error(transparent)]
    Write(#[from] JsonError),
    /// A global type has no projection.
    #[error(transparent)]
    Project(#[from] CompileError),
    /// A local type is too long to be written.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// There is no such role.
    #[error("the protocol has no role `{role}`; there are {}", known.join(", "))]
    Role {
        /// The role that was asked for.
        role: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Types that cannot be related.
    #[error(transparent)]
    Tables(#[from] TypeTablesError),
}

/// What became of a type that was read and written.
#[derive(Clone, Debug, PartialEq)]
pub enum RoundTrip {
    /// The same JSON.
    Exact,
    /// Another JSON of the same type: loops within loops of the same name have been named apart.
    Renamed(Json),
    /// A type that is not the same again when it is read once more, which is a defect.
    Unstable(Json),
}

impl RoundTrip {
    fn of<E>(json: &Json, mut again: impl FnMut(&Json) -> Result<Json, E>) -> Result<Self, E> {
        let written = again(json)?;
        if written == *json {
            return Ok(Self::Exact);
        }
        Ok(if again(&written)? == written { Self::Renamed(written) } else { Self::Unstable(written) })
    }
}

/// A projection that is not what it is said to be.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionDifference {
    /// The role.
    pub role: String,
    /// This implementation's; none where the protocol has no such role.
    pub here: Option<Json>,
    /// What it is said to be; none where nothing is said.
    pub stated: Option<Json>,
}

/// All local types of a global type, by role.
///
/// # Errors
/// [`ValidatorError`] where it has none.
pub fn projections(global: &Json) -> Result<BTreeMap<String, Json>, ValidatorError> {
    let projection = check_and_project(&global_from_json(0, global)?)?;
    let roles = 0..projection.names().roles.len();
    roles.map(|at| local_of(&projection, RoleId(at as u16))).collect()
}

fn local_of(projection: &Projection, role: RoleId) -> Result<(String, Json), ValidatorError> {
    let text = local_json(projection, role)?;
    let json = document::json(&text).map_err(LocalTypeError::from)?;
    Ok((projection.names().role_name(role).to_owned(), json))
}

/// Holds types that somebody else made against this implementation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validator;

impl Validator {
    /// Reads a global type, writes it, and reads it again.
    ///
    /// # Errors
    /// [`ValidatorError`] where the JSON is none.
    pub fn global_round_trip(self, global: &Json) -> Result<RoundTrip, ValidatorError> {
        RoundTrip::of(global, |json| {
            let text = global_to_json(&global_from_json(0, json)?)?;
            Ok(document::json(&text).map_err(LocalTypeError::from)?)
        })
    }

    /// Reads a local type, writes it, and reads it again.
    ///
    /// # Errors
    /// [`ValidatorError`] where the JSON is none.
    pub fn local_round_trip(self, local: &Json) -> Result<RoundTrip, ValidatorError> {
        RoundTrip::of(local, |json| Ok(LocalType::from_json(json)?.to_json()?))
    }

    /// Whether a role's local type is the projection of a global type; none if so.
    ///
    /// # Errors
    /// [`ValidatorError`] where the global type has no projection or no such role.
    pub fn compare_projection(
        self,
        global: &Json,
        role: &str,
        local: &Json,
    ) -> Result<Option<ProjectionDifference>, ValidatorError> {
        let all = projections(global)?;
        let Some(here) = all.get(role) else {
            return Err(ValidatorError::Role { role: role.into(), known: all.into_keys().collect() });
        };
        let differs = here != local;
        Ok(differs.then(|| ProjectionDifference {
            role: role.into(),
            here: Some(here.clone()),
            stated: Some(local.clone()),
        }))
    }

    /// The roles whose local types are not those stated, in order: also those that only one side has.
    ///
    /// # Errors
    /// [`ValidatorError`] where the global type has no projection.
    pub fn compare_projections(
        self,
        global: &Json,
        stated: &BTreeMap<String, Json>,
    ) -> Result<Vec<ProjectionDifference>, ValidatorError> {
        let all = projections(global)?;
        let mut roles: Vec<&String> = all.keys().chain(stated.keys()).collect();
        roles.sort_unstable();
        roles.dedup();
        let difference = |role: &String| {
            let (here, stated) = (all.get(role), stated.get(role));
            let found = || ProjectionDifference { role: role.clone(), here: here.cloned(), stated: stated.cloned() };
            (here != stated).then(found)
        };
        Ok(roles.into_iter().filter_map(difference).collect())
    }

    /// Whether a role that follows `candidate` may stand where `expected` is expected.
    ///
    /// # Errors
    /// [`ValidatorError`] where one of them is no type.
    pub fn compare_subtyping(
        self,
        mode: SubtypeMode,
        candidate: &Json,
        expected: &Json,
    ) -> Result<Verdict, ValidatorError> {
        let (candidate, expected) = (LocalType::from_json(candidate)?, LocalType::from_json(expected)?);
        let ((left, first), (right, start)) = (candidate.automaton()?, expected.automaton()?);
        let left = TypeTables::of_automata(&left, candidate.names());
        let right = TypeTables::of_automata(&right, expected.names());
        Ok(Subtyping::new(&left, &right)?.decide(mode, first, start)?)
    }
}
