//! Why nothing could be looked at. What was looked at and is wrong is a finding, and no error.

use std::path::{Path, PathBuf};

/// A tree that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParityError {
    /// It is none of this project's.
    #[error("{} is no tree of the project: it has no docs/shapes.md; name one with --tree", path.display())]
    NoTree {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder of it cannot be read.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A page has no table of the columns that it must have.
    #[error("{page}: there is no table of {columns}")]
    NoTable {
        /// The page.
        page: String,
        /// The columns.
        columns: String,
    },
    /// A question to a part of this build failed, which is a defect.
    #[error("{what}: {why}")]
    Defect {
        /// What was asked.
        what: &'static str,
        /// Why there is no answer.
        why: String,
    },
}

impl ParityError {
    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.into(), why: error.to_string() }
    }
}
