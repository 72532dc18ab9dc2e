//! Bytes of which there are few, mostly: what was asked and what was answered.

use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_types::Digester;
use serde::{Deserialize, Serialize};

/// As many fit in without memory of their own.
const ROOM: usize = 22;

/// Bytes that are written one after the other. Up to 22 of them are copied with the value, as one piece of a known size.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct ShortBytes(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Few {
        len: u8,
        bytes: [u8; ROOM],
    },
    #[expect(clippy::box_collection, reason = "one word, so that the few have all the room")]
    Many(Box<Vec<u8>>),
}

impl ShortBytes {
    /// No bytes.
    pub const fn new() -> Self {
        Self(Kept::Few { len: 0, bytes: [0; ROOM] })
    }

    /// Takes all bytes away.
    #[inline]
    pub fn clear(&mut self) {
        match &mut self.0 {
            Kept::Few { len, .. } => *len = 0,
            many => *many = Self::new().0,
        }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kept::Few { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kept::Many(bytes) => bytes,
        }
    }

    /// Bytes that it holds besides itself.
    pub fn owned_bytes(&self) -> usize {
        match &self.0 {
            Kept::Few { .. } => 0,
            Kept::Many(bytes) => size_of::<Vec<u8>>() + bytes.capacity(),
        }
    }

    #[cold]
    fn spill(&mut self, more: &[u8]) {
        let mut bytes = Vec::with_capacity(self.as_slice().len() + more.len());
        bytes.extend_from_slice(self.as_slice());
        bytes.extend_from_slice(more);
        self.0 = Kept::Many(Box::new(bytes));
    }
}

impl Default for ShortBytes {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester for ShortBytes {
    #[inline(always)]
    fn bytes(&mut self, more: &[u8]) {
        match &mut self.0 {
            Kept::Few { len, bytes } => {
                let (from, to) = (usize::from(*len), usize::from(*len) + more.len());
                match bytes.get_mut(from..to) {
                    Some(room) => {
                        room.copy_from_slice(more);
                        *len = to as u8;
                    }
                    None => self.spill(more),
                }
            }
            Kept::Many(bytes) => bytes.extend_from_slice(more),
        }
    }
}

impl From<&[u8]> for ShortBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut short = Self::new();
        short.bytes(bytes);
        short
    }
}

impl From<Vec<u8>> for ShortBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(&bytes[..])
    }
}

impl From<ShortBytes> for Vec<u8> {
    fn from(short: ShortBytes) -> Self {
        short.as_slice().to_vec()
    }
}
