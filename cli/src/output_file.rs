//! A file that is there whole or not at all: written under another name and renamed at the end.

use crate::failure::{Failure, Outcome};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file on its way.
#[derive(Debug)]
pub(crate) struct OutputFile {
    out: BufWriter<File>,
    path: PathBuf,
    /// Where it is written until it is whole; none for what cannot be renamed, such as a pipe or a device.
    partial: Option<PathBuf>,
}

impl OutputFile {
    /// Starts a file.
    pub(crate) fn create(path: &Path) -> Outcome<Self> {
        let special = fs::metadata(path).is_ok_and(|there| !there.is_file());
        let partial = (!special).then(|| {
            let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
            name.push(format!(".{}.partial", std::process::id()));
            path.with_file_name(name)
        });
        let file = File::create(partial.as_deref().unwrap_or(path));
        let file = file.map_err(|error| Failure::unwritable(&path.display().to_string(), &error))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 16, file), path: path.into(), partial })
    }

    /// The failure for an error of this file.
    pub(crate) fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::unwritable(&self.path.display().to_string(), error)
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        let renamed = self.out.flush().and_then(|()| match &self.partial {
            Some(partial) => fs::rename(partial, &self.path),
            None => Ok(()),
        });
        renamed.map_err(|error| self.unwritable(&error))?;
        self.partial = None;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        // Half a file would be taken for a whole one.
        if let Some(partial) = &self.partial {
            fs::remove_file(partial).ok();
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
