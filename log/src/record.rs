//! What the log keeps.

use crate::Lsn;

/// One record as it is read back. The log gives `kind` and `bytes` no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub lsn: Lsn,
    /// What the writer called it.
    pub kind: u16,
    /// What the writer handed in.
    pub bytes: Vec<u8>,
}
