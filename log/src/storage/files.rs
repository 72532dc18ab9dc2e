//! Files of the operating system.

use super::{ALIGNMENT, Buffer, File, Storage};
use rustix::fs::OFlags;
use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of the file system, held by one process at a time.
///
/// Reads and writes bypass the operating system's cache (`O_DIRECT`) where the file system lets them: the raw-disk
/// probe (`cargo bench -p motet-benches --bench log`) says that a pre-zeroed positioned write past the cache, followed by `fdatasync`,
/// is the fastest durable write here, and what is read past the cache is what the device has, also after a failed sync.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    direct: bool,
    /// Keeps the lock of the folder; the operating system frees it when the process ends, however it ends.
    _lock: fs::File,
}

const LOCK: &str = "lock";

impl Files {
    /// Opens the folder, making it if it is not there. Refuses with `WouldBlock` while somebody else holds it.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Files> {
        let folder = folder.as_ref().to_path_buf();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            // The folder itself must survive: its name is an entry of its parent.
            if let Some(parent) = folder.canonicalize()?.parent() {
                fs::File::open(parent)?.sync_all()?;
            }
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = format!("{} is open already, here or in another process", folder.display());
                return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let direct = Self::try_direct(&folder);
        Ok(Files { folder, direct, _lock: lock })
    }

    /// Whether reads and writes bypass the operating system's cache.
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Some file systems refuse the flag, some only the first read.
    fn try_direct(folder: &Path) -> bool {
        let file =
            OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(folder.join(LOCK));
        file.is_ok_and(|file| file.read_at(Buffer::zeroed(ALIGNMENT).bytes_mut(), 0).is_ok())
    }

    fn with(&self, name: &str, new: bool) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(new);
        if self.direct {
            options.custom_flags(OFlags::DIRECT.bits().cast_signed());
        }
        let file = options.open(self.folder.join(name))?;
        if !self.direct {
            // Pages that a failed sync left behind look clean and are not on the disk: let them go before reading.
            // Advice only, so that whether it was taken changes nothing that could be done here.
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
        Ok(Arc::new(Real { file, direct: self.direct }))
    }
}

impl Storage for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.with(name, false)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.with(name, true)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }
}

#[derive(Debug)]
struct Real {
    file: fs::File,
    direct: bool,
}

impl File for Real {
    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|found| found.len())
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let place = (bytes.as_ptr().addr() | bytes.len()) as u64 | at;
        if !self.direct || place.is_multiple_of(ALIGNMENT as u64) {
            return self.file.read_at(bytes, at);
        }
        // Whoever reads between the blocks gets a copy of the blocks around.
        let from = at - at % ALIGNMENT as u64;
        let skipped = (at - from) as usize;
        let mut around = Buffer::zeroed((skipped + bytes.len()).next_multiple_of(ALIGNMENT));
        let got = self.file.read_at(around.bytes_mut(), from)?;
        let found = around.bytes().get(skipped..got).unwrap_or_default();
        let count = found.len().min(bytes.len());
        bytes.iter_mut().zip(found).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
