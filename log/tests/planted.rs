//! Each deliberate fault, switched on alone, is caught by the check named beside it.
//!
//! One test, because the switch belongs to the whole process. The checks are those of the other test files.
#![cfg(feature = "planted")]
#![allow(dead_code, clippy::duplicate_mod)]

#[path = "select.rs"]
mod select;
#[path = "spans.rs"]
mod spans;
#[path = "turns.rs"]
mod turns;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

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
];

#[test]
fn every_fault_is_caught() {
    assert!(
        CAUGHT.iter().map(|(fault, ..)| fault).eq(&FAULTS[..11]),
        "one check for every fault, in the table's order"
    );
    for (_, _, check) in CAUGHT {
        check();
    }
    std::panic::set_hook(Box::new(|_| {}));
    let missed = (1..).zip(CAUGHT).filter(|(number, (_, _, check))| {
        PLANTED.store(*number, Ordering::Relaxed);
        catch_unwind(check).is_ok()
    });
    let missed: Vec<_> = missed.map(|(_, (fault, name, _))| format!("{fault} by {name}")).collect();
    PLANTED.store(0, Ordering::Relaxed);
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
