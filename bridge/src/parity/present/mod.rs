//! What this build has, by the place at which it stands: every type's members, asked of the type itself.
//!
//! Documents say what their readers take. Other types are taken apart by patterns that name everything they have, so that
//! a member more or less is an error of the compiler in this folder before it is one of a check.

mod documents;
mod events;
mod heap;
mod instructions;
mod machine;
mod meaning;
mod types;

use super::error::ParityError;
use super::tree::Tree;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Everything that a row can be held against.
pub(super) struct Present(BTreeMap<String, Vec<String>>);

impl Present {
    pub(super) fn of(tree: &Tree) -> Result<Self, ParityError> {
        let mut present = Self(BTreeMap::new());
        types::put(&mut present);
        machine::put(&mut present);
        meaning::put(&mut present);
        documents::put(&mut present);
        heap::put(&mut present);
        instructions::put(&mut present, tree)?;
        events::put(&mut present)?;
        Ok(present)
    }

    pub(super) fn members(&self, place: &str) -> Option<&Vec<String>> {
        self.0.get(place)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A type's path within the crates as the place's name: `motet_types::Value` is `types::Value`.
    fn put<T: AsRef<str>>(&mut self, place: impl Into<String>, members: impl IntoIterator<Item = T>) {
        let place: String = place.into();
        let place = place.strip_prefix("motet_").map(str::to_owned).unwrap_or(place);
        self.0.insert(place, members.into_iter().map(|name| name.as_ref().to_owned()).collect());
    }

    /// The values of a document as members: `key=value`, with dots between keys.
    fn put_values(&mut self, place: &str, document: &Json) {
        let mut members = Vec::new();
        flatten("", document, &mut members);
        self.put(place, members);
    }

    /// The keys of an object.
    fn put_keys(&mut self, place: impl Into<String>, object: &Json) {
        self.put(place, object.as_object().into_iter().flatten().map(|(key, _)| key));
    }
}

fn flatten(path: &str, value: &Json, into: &mut Vec<String>) {
    match value {
        Json::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, into);
            }
        }
        Json::String(text) => into.push(format!("{path}={text}")),
        other => into.push(format!("{path}={other}")),
    }
}

/// Fields of documents, by their readers.
macro_rules! strict {
    ($into:ident: $($crate_:ident::$type:ident $(<$of:ty>)?),* $(,)?) => {$(
        $into.put(
            concat!(stringify!($crate_), "::", stringify!($type)),
            $crate::parity::members::fields::<$crate_::$type $(<$of>)?>(),
        );
    )*};
}

/// Variants of enumerations that are documents, by their readers.
macro_rules! named {
    ($into:ident: $($crate_:ident::$type:ident),* $(,)?) => {$(
        $into.put(
            concat!(stringify!($crate_), "::", stringify!($type)),
            $crate::parity::members::variants::<$crate_::$type>(),
        );
    )*};
}

/// Variants of enumerations, each of which the compiler asks for.
macro_rules! variants {
    ($into:ident: $($crate_:ident::$type:ident { $($variant:ident),* $(,)? })*) => {$({
        const fn all(it: &$crate_::$type) {
            match it { $($crate_::$type::$variant { .. } => {})* }
        }
        let _: fn(&$crate_::$type) = all;
        $into.put(concat!(stringify!($crate_), "::", stringify!($type)), [$(stringify!($variant)),*]);
    })*};
}

/// Fields of structures, each of which the compiler asks for.
macro_rules! fields {
    ($into:ident: $($crate_:ident::$type:ident { $($field:ident),* $(,)? })*) => {$({
        fn all(it: &$crate_::$type) {
            let $crate_::$type { $($field: _),* } = it;
        }
        let _: fn(&$crate_::$type) = all;
        $into.put(concat!(stringify!($crate_), "::", stringify!($type)), [$(stringify!($field)),*]);
    })*};
}

use {fields, named, strict, variants};
