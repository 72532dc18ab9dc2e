//! Dense names. Inside the machine everything is an integer; strings live only in an image's tables.

use core::fmt;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($repr:ty), $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
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
    /// A session: the number in the order in which the machine opened it, or, for one that an instruction opened, what
    /// [`SessionId::guest`] makes of its opener's.
    SessionId(u64), "session";
    /// A machine tick. Ticks are inputs: the schedule says what makes one.
    Tick(u64), "tick";
}

/// How many bits of a session's id are the machine's own number; the others count what was opened inside.
const OWN_BITS: u32 = 44;

impl SessionId {
    /// How many sessions a machine can number.
    pub const LIMIT: u64 = 1 << OWN_BITS;
    /// How many sessions instructions of one island can open.
    pub const MAX_GUESTS: u32 = (1 << (u64::BITS - OWN_BITS)) - 1;

    /// The id of the session that instructions of this one's island opened as the `number`-th, counted from 1. It is
    /// final: it follows from the two numbers alone, and no machine gives it to another session.
    pub const fn guest(self, number: u32) -> Self {
        Self(self.host().0 | (number as u64) << OWN_BITS)
    }

    /// The session whose island this one is in: itself, unless an instruction opened it.
    pub const fn host(self) -> Self {
        Self(self.0 & (Self::LIMIT - 1))
    }

    /// As the how-manieth session of its island it was opened by an instruction; 0 when none opened it.
    pub const fn number(self) -> u32 {
        (self.0 >> OWN_BITS) as u32
    }
}

/// Reads bytes, two hexadecimal characters each; none when the text has others, or another length.
pub fn bytes_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Reads 64 hexadecimal characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        bytes_from_hex(text).map(Self)
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
