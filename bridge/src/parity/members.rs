//! What a type that is read by serde has: the names in its own reader's list, asked for by giving it a name that it cannot know.

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{Deserialize, Error, IntoDeserializer};
use std::fmt;

/// A name that nothing has.
const STRANGE: &str = "?";

/// The refusal of a reader, with the names that it would have taken.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Names {}

impl Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

fn names<T>(read: Result<T, Names>) -> Vec<String> {
    let names = read.err().map_or(&[][..], |Names(names)| names);
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn map<'de, T: Deserialize<'de>>(entries: &[(&'static str, &'static str)]) -> Vec<String> {
    names(T::deserialize(MapDeserializer::<_, Names>::new(entries.iter().copied())))
}

/// The fields of a strict document. Of a type that takes unknown fields there are none, which no row says.
pub(super) fn fields<'de, T: Deserialize<'de>>() -> Vec<String> {
    map::<T>(&[(STRANGE, STRANGE)])
}

/// The variants of an enumeration whose name is the value or its only key.
pub(super) fn variants<'de, T: Deserialize<'de>>() -> Vec<String> {
    let strange: StrDeserializer<'de, Names> = STRANGE.into_deserializer();
    names(T::deserialize(strange))
}

/// The variants of an enumeration whose name stands under `tag`.
pub(super) fn tagged<'de, T: Deserialize<'de>>(tag: &'static str) -> Vec<String> {
    map::<T>(&[(tag, STRANGE)])
}

/// The fields of one of them.
pub(super) fn tagged_fields<'de, T: Deserialize<'de>>(tag: &'static str, variant: &'static str) -> Vec<String> {
    map::<T>(&[(tag, variant), (STRANGE, STRANGE)])
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Strict {
        one: u8,
        #[serde(default)]
        two: Option<u8>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Plain {
        FirstOne,
        Second(u8),
    }

    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    #[allow(dead_code)]
    enum Tagged {
        First { at: u8, to: u8 },
        Second {},
    }

    #[test]
    fn readers_say_what_they_take() {
        assert_eq!(super::fields::<Strict>(), ["one", "two"]);
        assert_eq!(super::variants::<Plain>(), ["first_one", "second"]);
        assert_eq!(super::tagged::<Tagged>("kind"), ["first", "second"]);
        assert_eq!(super::tagged_fields::<Tagged>("kind", "first"), ["at", "to"]);
        assert_eq!(super::fields::<u8>(), [""; 0]);
    }
}
