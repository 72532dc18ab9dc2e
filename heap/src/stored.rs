//! A resource's stored form as the heap keeps it.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

/// Bytes kept in place.
const SHORT: usize = 46;

/// The stored form of one resource, see [`crate::Resource::encode`]: bytes, read through `Deref`. Up to 46 of them lie
/// where the resource does, without an allocation of their own; more are shared between clones.
#[derive(Clone)]
pub struct StoredResource(Bytes);

#[derive(Clone)]
enum Bytes {
    Short(u8, [u8; SHORT]),
    Long(Arc<[u8]>),
}

impl From<&[u8]> for StoredResource {
    fn from(bytes: &[u8]) -> StoredResource {
        let mut short = [0; SHORT];
        match short.get_mut(..bytes.len()) {
            Some(start) => {
                start.copy_from_slice(bytes);
                StoredResource(Bytes::Short(bytes.len() as u8, short))
            }
            None => StoredResource(Bytes::Long(bytes.into())),
        }
    }
}

impl Default for StoredResource {
    /// No bytes, which no resource is stored as.
    fn default() -> StoredResource {
        StoredResource(Bytes::Short(0, [0; SHORT]))
    }
}

impl Deref for StoredResource {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(len, bytes) => &bytes[..usize::from(*len).min(SHORT)],
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl PartialEq for StoredResource {
    fn eq(&self, other: &StoredResource) -> bool {
        **self == **other
    }
}

impl Eq for StoredResource {}

impl StoredResource {
    /// Bytes that lie elsewhere: those of an allocation of its own, with its counts.
    pub(crate) fn apart(&self) -> usize {
        match &self.0 {
            Bytes::Short(..) => 0,
            Bytes::Long(bytes) => 16 + bytes.len(),
        }
    }
}

impl fmt::Debug for StoredResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredResource({})", crate::hex::Hex(self))
    }
}
