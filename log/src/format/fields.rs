//! Little-endian fields at fixed places.

/// Reads `N` bytes at `at`; zeros where there are none, which no check lets pass.
pub(super) fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// Writes `field` at `at`, as far as there is room.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes.get_mut(at..).unwrap_or_default().iter_mut().zip(field).for_each(|(to, from)| *to = *from);
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(take(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(take(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(take(bytes, at))
}

/// The checksum of a header in which its own field (four bytes at 12) counts as zero.
pub(super) fn header_checksum(header: &[u8]) -> u32 {
    let (before, after) = (header.get(..12).unwrap_or_default(), header.get(16..).unwrap_or_default());
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]), after)
}

/// What all headers begin with: a magic, a version, the header's length, its checksum. Returns the header.
pub(super) fn sound<'a>(bytes: &'a [u8], magic: &[u8; 8], length: usize) -> Result<&'a [u8], super::Unreadable> {
    use crate::Damage;
    if bytes.first_chunk::<8>() != Some(magic) {
        return Err(Damage::NoGroup.into());
    }
    // The length is read before the checksum, so that versions to come can have other headers and still be named.
    let said = usize::from(u16_at(bytes, 10));
    let header = bytes.get(..said).filter(|header| header.len() >= 16).ok_or(Damage::Header)?;
    if header_checksum(header) != u32_at(bytes, 12) {
        return Err(Damage::Header.into());
    }
    let version = u16_at(bytes, 8);
    if version != super::VERSION && !crate::planted::planted("group-ignores-version") {
        return Err(super::Unreadable::Version(version));
    }
    if said != length {
        return Err(Damage::Field("length").into());
    }
    Ok(header)
}
