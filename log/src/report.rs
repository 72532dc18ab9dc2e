//! What opening a log found, and what it did about it.

use crate::{Damage, LogId, Lsn};
use std::fmt;

/// What was found in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// It was never written.
    Absent,
    /// It is whole.
    Sound {
        /// The larger one is the newer.
        sequence: u64,
        /// What it covers, or where it says that the log begins.
        lsn: Lsn,
    },
    /// It is torn or rotten, which cannot be told apart. The other one is used.
    Bad {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for SlotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotState::Absent => f.write_str("absent"),
            SlotState::Sound { sequence, lsn } => write!(f, "number {sequence}, record {lsn}"),
            SlotState::Bad { file, why } => write!(f, "BAD, {file}: {why}"),
        }
    }
}

/// How the log ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Behind the last group there was nothing.
    Clean,
    /// Something behind the last group was not whole, and nothing says that it ever was acknowledged: a write that a
    /// crash has torn. It was cut off.
    Torn {
        /// The segment.
        segment: u64,
        /// Bytes from the segment's beginning.
        offset: u64,
        /// What was wrong there.
        damage: Damage,
    },
}

/// A file, or the end of one, that was put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The file.
    pub file: String,
    /// The first byte that was not as it should be.
    pub offset: u64,
    /// What it was.
    pub what: Remains,
}

/// Why something was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// A segment that the head no longer knows: a cut was interrupted.
    Dropped,
    /// The file was shorter than a segment: making it was interrupted, or it lost its end.
    Short,
    /// Bytes in a spare segment that should be zero.
    NotZero,
    /// The head's copy was older than the head, or not whole, and was written again.
    HeadCopy,
}

/// What opening a log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log's name.
    pub id: LogId,
    /// Whether the log was made by this call: there was none, or making it had been interrupted.
    pub created: bool,
    /// The first record that is there.
    pub first: Lsn,
    /// The position of the next append: every record from `first` up to it is there.
    pub end: Lsn,
    /// Segments in use.
    pub segments: usize,
    /// How it ended.
    pub tail: Tail,
    /// The two head slots, as they were found.
    pub heads: [SlotState; 2],
    /// The two checkpoint slots, as they were found.
    pub checkpoints: [SlotState; 2],
    /// What was put in order.
    pub cleared: Vec<Cleared>,
}

impl Report {
    /// Whether everything was as a clean end leaves it.
    pub fn is_clean(&self) -> bool {
        let sound = |slot: &SlotState| !matches!(slot, SlotState::Bad { .. });
        self.tail == Tail::Clean
            && self.cleared.is_empty()
            && self.heads.iter().all(sound)
            && self.checkpoints.iter().all(sound)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = if self.created { " (made now)" } else { "" };
        writeln!(f, "records {} to {}, {} segments{made}", self.first, self.end, self.segments)?;
        for (name, slots) in [("head", &self.heads), ("checkpoint", &self.checkpoints)] {
            for (number, slot) in slots.iter().enumerate() {
                writeln!(f, "{name} {number}: {slot}")?;
            }
        }
        match &self.tail {
            Tail::Clean => writeln!(f, "tail: clean")?,
            Tail::Torn { segment, offset, damage } => {
                writeln!(f, "tail: torn in segment {segment} at byte {offset}, cut off: {damage}")?;
            }
        }
        for Cleared { file, offset, what } in &self.cleared {
            let what = match what {
                Remains::Dropped => "left over from an interrupted cut",
                Remains::Short => "shorter than a segment",
                Remains::NotZero => "not zero where it should be",
                Remains::HeadCopy => "not the copy that it should be",
            };
            writeln!(f, "cleared: {file} from byte {offset}: {what}")?;
        }
        Ok(())
    }
}
