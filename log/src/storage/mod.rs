//! The one door to disks. The log and its tests differ in nothing but what stands behind it.
//!
//! The usual signature: a call does one thing, may do less of it than asked (reads and writes), and returns
//! `io::Result`. Nothing here retries or repairs; that is the log's business, and so it is tested.

mod buffer;
mod files;

pub(crate) use buffer::Buffer;
pub use files::Files;

use std::io;
use std::sync::Arc;

/// Positions, lengths and addresses of what goes through a [`File`] are multiples of this, and so files behind it may
/// bypass the cache of the operating system.
pub const ALIGNMENT: usize = 4096;

/// A flat folder of files.
pub trait Storage: Send + Sync {
    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Makes an empty file; refuses if there is one of this name. Durable after [`Storage::sync`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Takes a file away. Durable after [`Storage::sync`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes what [`Storage::create`] and [`Storage::remove`] did durable.
    fn sync(&self) -> io::Result<()>;
}

/// One file. Calls on different places may come from different threads.
pub trait File: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|length| length == 0)
    }
    /// Reads at `at`; returns how many bytes came, 0 at the end. May be fewer than asked for.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize>;
    /// Writes at `at`, making the file longer if need be; returns how many bytes went. May be fewer than asked for.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Makes the file this long. Durable after [`File::sync`].
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes everything written to this file, and its length, durable. After an error nobody knows what is.
    fn sync(&self) -> io::Result<()>;
}

/// How much is zeroed, or streamed, by one call.
pub(crate) const PIECE: usize = 1 << 20;

/// Reads until `bytes` is full or the file ends; returns how many bytes came.
pub(crate) fn read(file: &dyn File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let length = file.len()?;
    let wanted = usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
    let mut got = 0;
    while got < wanted {
        // A read that ended between two sectors goes on at the sector it was in.
        let from = got - got % 512;
        match file.read_at(at + from as u64, bytes.get_mut(from..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) if from + more <= got => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a read that makes no progress"));
            }
            Ok(more) => got = from + more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got.min(wanted))
}

/// Writes all of `bytes`.
pub(crate) fn write(file: &dyn File, at: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let from = done - done % 512;
        match file.write_at(at + from as u64, bytes.get(from..).unwrap_or_default()) {
            Ok(more) if crate::planted::planted("write-ignores-short") => done = bytes.len().max(more),
            Ok(more) if from + more <= done => {
                return Err(io::Error::new(io::ErrorKind::WriteZero, "a write that makes no progress"));
            }
            Ok(more) => done = from + more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes zeros over `from..to`. Not yet durable.
pub(crate) fn zero(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let piece = usize::try_from(to.saturating_sub(from)).unwrap_or(PIECE).min(PIECE);
    let zeros = Buffer::zeroed(piece);
    let mut at = from;
    while at < to {
        let piece = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
        write(file, at, zeros.bytes().get(..piece).unwrap_or_default())?;
        at += piece as u64;
    }
    Ok(())
}

/// Whether all bytes are zero. In chunks, because whole segments are asked.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().all(|chunk| *chunk == [0; 64]) && rest.iter().all(|&byte| byte == 0)
}
