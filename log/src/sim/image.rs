//! What a crash leaves on the disk.

use super::SECTOR;
use std::sync::Arc;

/// Names and contents of files: the state of a disk when power comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The files, in no particular order.
    pub files: Vec<(Arc<str>, Vec<u8>)>,
}

impl Image {
    /// The contents of a file.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(other, _)| &**other == name).map(|(_, bytes)| bytes.as_slice())
    }

    /// The contents of a file, to be damaged.
    pub fn file_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.files.iter_mut().find(|(other, _)| &**other == name).map(|(_, bytes)| bytes)
    }

    /// Flips one bit of a file; says whether there is such a bit.
    pub fn flip(&mut self, name: &str, bit: usize) -> bool {
        match self.file_mut(name).and_then(|bytes| bytes.get_mut(bit / 8)) {
            Some(byte) => {
                *byte ^= 1 << (bit % 8);
                true
            }
            None => false,
        }
    }

    /// The bytes of one sector of a file, as far as the file goes.
    pub fn sector(&self, name: &str, sector: usize) -> Option<&[u8]> {
        let bytes = self.file(name)?;
        bytes.get(sector * SECTOR..).map(|rest| rest.get(..SECTOR).unwrap_or(rest)).filter(|found| !found.is_empty())
    }

    /// Puts other bytes where a sector was; says whether that changed anything. For misdirected and stale sectors.
    pub fn set_sector(&mut self, name: &str, sector: usize, bytes: &[u8]) -> bool {
        let Some(place) = self.file_mut(name).and_then(|file| file.get_mut(sector * SECTOR..)) else { return false };
        let count = place.len().min(bytes.len());
        let (Some(place), Some(bytes)) = (place.get_mut(..count), bytes.get(..count)) else { return false };
        let changed = place != bytes;
        place.copy_from_slice(bytes);
        changed
    }
}
