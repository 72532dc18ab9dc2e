//! Memory that starts where a disk likes it.

use super::ALIGNMENT;

/// Bytes whose address is a multiple of [`ALIGNMENT`]. The rest of the capacity is whatever it was.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    raw: Vec<u8>,
    /// Where in `raw` the first aligned byte is.
    start: usize,
    length: usize,
}

impl Buffer {
    /// `length` zero bytes.
    pub(crate) fn zeroed(length: usize) -> Buffer {
        let raw = vec![0; length + ALIGNMENT];
        let start = raw.as_ptr().addr().next_multiple_of(ALIGNMENT) - raw.as_ptr().addr();
        Buffer { raw, start, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.raw.get(self.start..self.start + self.length).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.raw.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds bytes at the end.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let old = self.length;
        self.make_room(old + more.len());
        self.length = old + more.len();
        if let Some(place) = self.bytes_mut().get_mut(old..) {
            place.copy_from_slice(more);
        }
    }

    /// Makes the buffer this long; new bytes are zero.
    pub(crate) fn resize(&mut self, length: usize) {
        let old = self.length;
        self.make_room(length);
        self.length = length;
        if let Some(place) = self.bytes_mut().get_mut(old..) {
            place.fill(0);
        }
    }

    fn make_room(&mut self, length: usize) {
        if self.raw.len() < self.start + length {
            let mut larger = Buffer::zeroed(length.max(2 * self.length));
            larger.length = self.length;
            larger.bytes_mut().copy_from_slice(self.bytes());
            *self = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGNMENT, Buffer};

    #[test]
    fn stays_aligned_and_keeps_its_bytes() {
        let (mut buffer, mut model) = (Buffer::default(), Vec::new());
        for size in [1, 511, 0, 4096, 9000, 3, 70_000] {
            buffer.extend(&vec![size as u8; size]);
            model.extend(vec![size as u8; size]);
            assert_eq!(buffer.bytes(), model);
            assert_eq!(buffer.bytes().as_ptr().addr() % ALIGNMENT, 0);
        }
        buffer.resize(5);
        buffer.resize(9);
        assert_eq!(buffer.bytes(), [1, 255, 255, 255, 255, 0, 0, 0, 0]);
    }
}
