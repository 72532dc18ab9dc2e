//! Each deliberate fault, switched on alone, is caught by the check named beside it.
//!
//! One test, because the switch belongs to the whole process. The checks are those of the other test files.
#![cfg(feature = "planted")]
#![allow(dead_code, clippy::duplicate_mod)]

#[path = "basics.rs"]
mod basics;
#[path = "certificates.rs"]
mod certificates;
#[path = "compact.rs"]
mod compact;
#[path = "crash.rs"]
mod crash;
#[path = "faults.rs"]
mod faults;
#[path = "forged.rs"]
mod forged;
#[path = "rot.rs"]
mod rot;
#[path = "select.rs"]
mod select;
#[path = "spans.rs"]
mod spans;
#[path = "turns.rs"]
mod turns;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;
use std::time::Instant;

use motet_log::{FAULTS, PLANTED};

macro_rules! caught {
    ($($fault:literal: $($check:ident)::+,)*) => {
        &[$(($fault, stringify!($($check)::+), $($check)::+ as fn())),*]
    };
}

const CAUGHT: &[(&str, &str, fn())] = caught![
    "turns-cuts-at-result": turns::random_long_histories,
    "turns-budget-off-by-one": turns::random_long_histories,
    "turns-steps-over-compaction": turns::random_long_histories,
    "select-ignores-calls": select::random_histories,
    "select-summaries-are-free": select::summaries_cost,
    "index-allows-reuse": spans::names_are_given_once,
    "index-accepts-second-end": spans::refusals,
    "cut-inside-span": spans::random_logs,
    "cut-below-budget": spans::random_logs,
    "cut-before-budget-point": spans::random_logs,
    "cut-forgets-carried": spans::random_logs,
    "stretch-ignores-order": certificates::parts_recombine_to_the_whole,
    "stretch-ignores-place": certificates::witnesses_are_held_against_the_certificate,
    "certificate-skips-whole": certificates::witnesses_are_held_against_the_certificate,
    "certificate-skips-carried-bytes": certificates::carried_spans_are_bound,
    "compact-checkpoints-ahead": compact::fifty_cuts_in_sequence,
    "compact-forgets-carried-before": compact::fifty_cuts_in_sequence,
    "compact-forgets-history": compact::fifty_cuts_in_sequence,
    "head-trusts-bytes": compact::every_altered_bit_of_a_head_is_noticed,
    "write-ignores-short": faults::every_call_fails_once,
    "commit-skips-sync": crash::one_run_loses_nothing,
    "commit-acknowledges-early": crash::one_run_loses_nothing,
    "commit-trusts-second-sync": faults::every_call_fails_once,
    "commit-mark-stands-still": rot::lost_and_foreign_groups_are_found,
    "roll-skips-directory-sync": crash::one_run_loses_nothing,
    "group-ignores-record-crc": forged::the_checksum_of_a_record_counts,
    "group-ignores-digest": forged::the_digest_of_a_group_counts,
    "group-ignores-place": forged::the_place_of_a_group_counts,
    "group-ignores-version": forged::unknown_versions_are_refused_by_name,
    "walk-ignores-chain": rot::spliced_histories_are_found,
    "walk-ignores-tail": rot::every_flipped_bit_of_a_log_is_found,
    "open-calls-rot-a-tear": rot::lost_and_foreign_groups_are_found,
    "open-hides-the-tear": forged::the_digest_of_a_group_counts,
    "open-skips-sync": crash::one_run_loses_nothing,
    "open-skips-scrub": crash::one_run_loses_nothing,
    "open-reuses-position": basics::random_runs_come_back,
    "slot-overwrites-live": crash::one_run_loses_nothing,
    "slot-ignores-digest": rot::every_flipped_bit_of_a_slot_is_found,
    "checkpoint-skips-sync": crash::one_run_loses_nothing,
    "checkpoint-runs-ahead": crash::one_run_loses_nothing,
    "checkpoint-takes-older": crash::one_run_loses_nothing,
    "head-skips-mirror": rot::either_head_and_either_checkpoint_may_rot,
    "drop-zeroes-before-head": crash::one_run_loses_nothing,
    "drop-skips-zeroing": basics::random_runs_come_back,
    "drop-ignores-older-checkpoint": basics::cuts_keep_what_recovery_needs,
];

#[test]
fn every_fault_is_caught() {
    assert!(CAUGHT.iter().map(|(fault, ..)| fault).eq(FAULTS), "one check for every fault, in the table's order");
    let mut sound = Vec::new();
    for (_, name, check) in CAUGHT {
        if !sound.contains(name) {
            check();
            sound.push(name);
        }
    }
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for (number, (fault, name, check)) in (1..).zip(CAUGHT) {
        PLANTED.store(number, Ordering::Relaxed);
        let began = Instant::now();
        let caught = catch_unwind(check).is_err();
        let seconds = began.elapsed().as_secs_f64();
        println!("{fault:32} {} by {name} in {seconds:.3} s", if caught { "caught" } else { "MISSED" });
        if !caught {
            missed.push(*fault);
        }
    }
    PLANTED.store(0, Ordering::Relaxed);
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
