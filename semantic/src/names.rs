//! Enumerations whose values have names: in JSON, in tables and in generated documents.

/// Declares such enumerations. The name is the JSON; the position is the number in a table.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// The name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl $crate::table::Word for $name {
            const SORT: $crate::table::Sort = $crate::table::Sort::Choice($name::NAMES);

            fn word(self) -> u64 {
                self as u64
            }

            fn from_word(word: u64) -> Option<Self> {
                usize::try_from(word).ok().and_then(|at| $name::ALL.get(at)).copied()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}

pub(crate) use names;
