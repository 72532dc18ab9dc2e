//! The bytes, as `docs/log-format.md` describes them. Nothing outside this folder knows an offset.

mod fields;
mod group;
mod head;
mod slot;

pub(crate) use group::{
    GROUP_HEADER, Group, GroupHeader, RECORD_HEADER, Read, record_checksum, record_header, records, seal,
};
pub(crate) use head::Head;
pub(crate) use slot::{SLOT_HEADER, SLOT_UNIT, SlotHeader, SlotKind};

/// A BLAKE3 digest.
pub(crate) type Digest = [u8; 32];

/// The version of everything below. A file of another version is refused by name.
pub(crate) const VERSION: u16 = 1;

/// Why a header is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is damaged.
    Damage(crate::Damage),
    /// It is sound, and of this other version.
    Version(u16),
}

impl From<crate::Damage> for Unreadable {
    fn from(damage: crate::Damage) -> Unreadable {
        Unreadable::Damage(damage)
    }
}
