//! Dense names. Inside the machine everything is an integer; strings live only in an image's tables.

use core::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($repr:ty), $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $repr);

        impl $name {
            /// The position as an index into its table.
            #[inline(always)]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )*};
}

ids! {
    /// A role's position in its protocol's role table.
    RoleId(u16), "role";
    /// A label's position in its protocol's label table; a label is a name together with its payload sort.
    LabelId(u16), "label";
    /// A directed edge (sender, receiver) that occurs in the protocol.
    EdgeId(u16), "edge";
    /// A state of a local-type automaton. States are numbered over the whole image, so the number alone says
    /// whose state it is.
    StateId(u32), "state";
    /// A sort's position in a [`SortTable`](crate::SortTable).
    SortId(u16), "sort";
    /// An effect's position in the image's effect table.
    EffectRow(u16), "effect";
    /// A guard layer, as the machine's configuration numbers them.
    LayerId(u16), "layer";
    /// An instruction's position in the image's code, over all roles.
    Pc(u32), "pc";
    /// A register of one coroutine.
    Reg(u16), "r";
    /// A coroutine of one session; the first coroutine of role `n` is coroutine `n`.
    CoroutineId(u16), "coroutine";
    /// A session, numbered in the order in which the machine opened it.
    SessionId(u64), "session";
    /// A machine tick. Ticks are inputs: the schedule says what makes one.
    Tick(u64), "tick";
}

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads 64 hexadecimal characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return None;
        }
        let mut digest = [0u8; 32];
        for (i, pair) in bytes.chunks_exact(2).enumerate() {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            digest[i] = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
