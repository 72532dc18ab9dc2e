//! Deliberate faults, one at a time, to show that the tests would notice.
//!
//! Compiled in only with the feature `planted`; otherwise [`planted`] is the constant `false` and every site folds away.

/// Every fault there is. `PLANTED` holds an index into this table plus one.
#[cfg(feature = "planted")]
pub const FAULTS: &[&str] = &[
    "turns-cuts-at-result",
    "turns-budget-off-by-one",
    "turns-steps-over-compaction",
    "select-ignores-calls",
    "select-summaries-are-free",
    "index-allows-reuse",
    "index-accepts-second-end",
    "cut-inside-span",
    "cut-below-budget",
    "cut-before-budget-point",
    "cut-forgets-carried",
    "stretch-ignores-order",
    "stretch-ignores-place",
    "certificate-skips-whole",
    "certificate-skips-carried-bytes",
    "compact-checkpoints-ahead",
    "compact-forgets-carried-before",
    "compact-forgets-history",
    "head-trusts-bytes",
    "write-ignores-short",
    "commit-skips-sync",
    "commit-acknowledges-early",
    "commit-trusts-second-sync",
    "commit-mark-stands-still",
    "roll-skips-directory-sync",
    "group-ignores-record-crc",
    "group-ignores-digest",
    "group-ignores-place",
    "group-ignores-version",
    "walk-ignores-chain",
    "walk-ignores-tail",
    "open-calls-rot-a-tear",
    "open-hides-the-tear",
    "open-skips-sync",
    "open-skips-scrub",
    "open-reuses-position",
    "slot-overwrites-live",
    "slot-ignores-digest",
    "checkpoint-skips-sync",
    "checkpoint-runs-ahead",
    "checkpoint-takes-older",
    "head-skips-mirror",
    "drop-zeroes-before-head",
    "drop-skips-zeroing",
    "drop-ignores-older-checkpoint",
];

/// Which fault is on: 0 for none, otherwise index into [`FAULTS`] plus one. Of the process, so tests go one by one.
#[cfg(feature = "planted")]
pub static PLANTED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

#[cfg(feature = "planted")]
pub(crate) fn planted(name: &str) -> bool {
    debug_assert!(FAULTS.contains(&name), "fault {name} is not in the table");
    let chosen = PLANTED.load(std::sync::atomic::Ordering::Relaxed);
    chosen.checked_sub(1).and_then(|index| FAULTS.get(index as usize)).is_some_and(|&fault| fault == name)
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_name: &str) -> bool {
    false
}
