//! The one canonical encoder: little-endian integers, length-prefixed text. Everything that is hashed, and every
//! record that is written, goes through it.

use alloc::vec::Vec;

/// Something canonical bytes can be written to: a buffer, or a hash that is being computed.
pub trait Digester {
    /// Appends raw bytes. The other methods are written in terms of it.
    fn bytes(&mut self, bytes: &[u8]);

    /// Appends one byte.
    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }
    /// Appends a `u16`, little-endian.
    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }
    /// Appends a `u32`, little-endian.
    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }
    /// Appends a `u64`, little-endian.
    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }
    /// Appends a count as a `u64`, so that it means the same on every platform.
    fn size(&mut self, value: usize) {
        self.u64(value as u64);
    }
    /// Appends text behind its length.
    fn str(&mut self, text: &str) {
        self.size(text.len());
        self.bytes(text.as_bytes());
    }
}

impl Digester for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Digester for blake3::Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Reads what [`Digester`] wrote. Every method answers `None` at the end of the bytes; nothing panics.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// How many bytes have been read.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes remain.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        self.offset += count;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }
    /// A `u16`.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }
    /// A `u32`.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    /// A `u64`.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    /// Text behind its length; `None` also when it is not UTF-8.
    pub fn str(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u64()?).ok()?;
        core::str::from_utf8(self.take(len)?).ok()
    }
}
