//! Deliberate faults, one at a time, to show that the tests would notice.
//!
//! Compiled in only with the feature `planted`; otherwise [`planted`] is the constant `false` and every site folds away.

/// Every fault there is. `PLANTED` holds an index into this table plus one.
#[cfg(feature = "planted")]
pub const FAULTS: &[&str] = &[
    "v1-skips-last-duplicate",
    "v1-consumes-duplicates",
    "v1-remove-forgets-nullifier",
    "v1-counter-stands-still",
    "v1-proof-direction",
    "id-ignores-counter",
    "id-ignores-path",
    "insert-leaves-digest",
    "remove-leaves-digest",
    "remove-leaves-halves",
    "fold-swaps-children",
    "settle-skips-top",
    "consume-skips-nullifier",
    "consume-many-partial",
    "alloc-over-spent",
    "overlay-ignores-base",
    "overlay-drops-nullifier",
    "fold-skips-conflict",
    "root-ignores-count",
    "prove-omits-neighbour",
    "verify-skips-path",
    "verify-skips-root",
    "verify-accepts-trailing",
    "verify-missing-is-absent",
    "change-hides-nullifier",
    "load-trusts-page",
    "archive-trusts-entries",
    "file-trusts-claims",
];

/// Which fault is on: 0 for none, otherwise index into [`FAULTS`] plus one. Of the process, so tests go one by one.
#[cfg(feature = "planted")]
pub static PLANTED: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

#[cfg(feature = "planted")]
pub(crate) fn planted(name: &str) -> bool {
    debug_assert!(FAULTS.contains(&name), "fault {name} is not in the table");
    let chosen = PLANTED.load(core::sync::atomic::Ordering::Relaxed);
    chosen.checked_sub(1).and_then(|index| FAULTS.get(index as usize)).is_some_and(|&fault| fault == name)
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_name: &str) -> bool {
    false
}
