//! Which file holds which segment, and which files wait to be one.

use crate::planted::planted;
use crate::storage::{self, File, Storage};
use crate::{Lsn, format::Digest};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A segment that holds groups.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// Its first record.
    pub(crate) first: Lsn,
    /// Its first group.
    pub(crate) group: u64,
    /// The digest of the group before.
    pub(crate) previous: Digest,
    pub(crate) name: Arc<str>,
    pub(crate) file: Arc<dyn File>,
}

/// A file of zeros.
pub(crate) struct Spare {
    pub(crate) name: Arc<str>,
    pub(crate) file: Arc<dyn File>,
}

/// The table of segments. Segments have consecutive numbers; files keep their names when they are used again.
pub(crate) struct Segments {
    pub(crate) live: VecDeque<Segment>,
    pub(crate) spares: Vec<Spare>,
    /// The number in the name of the next new file.
    pub(crate) next_file: u64,
}

const PREFIX: &str = "segment.";

/// The number in a segment file's name; `None` for other files.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

impl Segments {
    /// Reserves a name for a new file.
    pub(crate) fn name(&mut self) -> Arc<str> {
        let name = format!("{PREFIX}{:06}", self.next_file);
        self.next_file += 1;
        Arc::from(name)
    }
}

/// Makes a file of `size` zeros that is there after a crash. Zeros are written, not only promised: writing over what
/// has its place already is several times faster to sync than growing.
pub(crate) fn make(storage: &dyn Storage, name: Arc<str>, size: u64) -> io::Result<Spare> {
    let file = storage.create(&name)?;
    let fill = || -> io::Result<()> {
        storage::zero(&*file, 0, size)?;
        file.sync()?;
        if !planted("roll-skips-directory-sync") {
            storage.sync()?;
        }
        Ok(())
    };
    match fill() {
        Ok(()) => Ok(Spare { name, file }),
        Err(error) => {
            // Give the room back if that is possible; if not, the next open clears it away.
            drop(file);
            match storage.remove(&name) {
                Ok(()) | Err(_) => Err(error),
            }
        }
    }
}

/// Makes a segment a file of zeros again.
pub(crate) fn clean(name: Arc<str>, file: Arc<dyn File>, size: u64) -> io::Result<Spare> {
    if !planted("drop-skips-zeroing") {
        storage::zero(&*file, 0, size)?;
        file.sync()?;
    }
    Ok(Spare { name, file })
}
