//! Deliberate faults, one at a time, to show that the tests would notice.
//!
//! Compiled in only with the feature `planted`; otherwise [`planted`] is the constant `false` and every site folds away.

/// Every fault there is. `PLANTED` holds an index into this table plus one.
#[cfg(feature = "planted")]
pub const FAULTS: &[&str] = &[
    "table-skips-last-need",
    "table-skips-last-set",
    "table-at-most-is-below",
    "check-skips-proofs",
    "check-skips-failed-proofs",
    "check-skips-handles",
    "check-skips-late-results",
    "check-skips-authority",
    "check-skips-second-publication",
    "check-skips-twice-settled",
    "check-skips-order",
    "check-skips-revoked-owner",
    "check-skips-evidence",
    "check-skips-progress-chain",
    "stage-prefers-canonical",
    "wal-swaps-order",
    "wal-forgets-identity",
    "wal-hides-conflict",
    "recovery-trusts-level",
    "envelope-allows-trailing",
    "envelope-allows-version",
    "scope-widens",
    "live-observed-is-authority",
    "live-takes-late-results",
    "live-keeps-ended-open",
    "live-forgets-to-cancel",
    "live-retires-newest",
    "live-keeps-old-eras",
    "live-leaves-effects-owed",
    "live-owner-survives-release",
    "live-owner-of-everything",
    "live-witness-used-twice",
    "live-failed-proofs-pass",
    "audit-in-order-of-arrival",
    "live-skips-escalations",
    "live-forgets-begin",
    "live-refuses-by-halves",
    "contract-hears-anybody",
    "contract-counts-twice",
    "contract-takes-any-evidence",
    "contract-shows-early",
    "contract-needs-nobody",
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

/// Which need of which table is left out: the table's address, and event and need in one number, plus one.
#[cfg(feature = "planted")]
static SKIPPED: (core::sync::atomic::AtomicUsize, core::sync::atomic::AtomicUsize) =
    (core::sync::atomic::AtomicUsize::new(0), core::sync::atomic::AtomicUsize::new(0));

/// Leaves a need of a table out, by the positions of event and need, or none: a guard that is missing, for whoever
/// explores what the table guards. Of the process, as [`PLANTED`] is.
#[cfg(feature = "planted")]
pub fn skip_need(need: Option<(&'static crate::table::Machine, usize, usize)>) {
    use core::sync::atomic::Ordering::Relaxed;
    let (machine, number) =
        need.map_or((0, 0), |(machine, event, at)| (core::ptr::from_ref(machine).addr(), event * 256 + at + 1));
    SKIPPED.0.store(machine, Relaxed);
    SKIPPED.1.store(number, Relaxed);
}

#[cfg(feature = "planted")]
pub(crate) fn skipped(machine: &crate::table::Machine, event: usize, at: usize) -> bool {
    use core::sync::atomic::Ordering::Relaxed;
    SKIPPED.1.load(Relaxed) == event * 256 + at + 1 && SKIPPED.0.load(Relaxed) == core::ptr::from_ref(machine).addr()
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn skipped(_machine: &crate::table::Machine, _event: usize, _at: usize) -> bool {
    false
}
