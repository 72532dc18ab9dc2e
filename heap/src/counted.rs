//! How much is hashed, for measurements. Compiled in only with the feature `counted`; otherwise counting is nothing.

/// Compressions one at a time, and side by side in vector registers, since the process began.
#[cfg(feature = "counted")]
pub static COMPRESSIONS: [core::sync::atomic::AtomicU64; 2] = [const { core::sync::atomic::AtomicU64::new(0) }; 2];

/// Counts the hash of so many bytes.
#[inline(always)]
pub(crate) fn alone(bytes: usize) {
    count(0, bytes.div_ceil(64).max(1));
}

/// Counts so many compressions side by side.
#[cfg(feature = "wide")]
#[inline(always)]
pub(crate) fn together(compressions: usize) {
    count(1, compressions);
}

#[cfg(feature = "counted")]
fn count(which: usize, compressions: usize) {
    COMPRESSIONS[which].fetch_add(compressions as u64, core::sync::atomic::Ordering::Relaxed);
}

#[cfg(not(feature = "counted"))]
#[inline(always)]
const fn count(_which: usize, _compressions: usize) {}
