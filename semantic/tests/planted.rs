//! Each deliberate fault, switched on alone, is caught by the check named beside it.
//!
//! One test, because the switch belongs to the whole process. The checks are those of the other test files.
#![cfg(feature = "planted")]
#![allow(dead_code, clippy::duplicate_mod)]

mod common;
#[path = "contracts.rs"]
mod contracts;
#[path = "durability.rs"]
mod durability;
#[path = "live.rs"]
mod live;
#[path = "objects.rs"]
mod objects;
#[path = "rules.rs"]
mod rules;
#[path = "tables.rs"]
mod tables;

use motet_semantic::{FAULTS, PLANTED};
use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

macro_rules! caught {
    ($($fault:literal: $($check:ident)::+,)*) => {
        &[$(($fault, stringify!($($check)::+), $($check)::+ as fn())),*]
    };
}

const CAUGHT: &[(&str, &str, fn())] = caught![
    "table-skips-last-need": rules::ownership,
    "table-skips-last-set": rules::handoff,
    "table-at-most-is-below": rules::progress,
    "check-skips-proofs": objects::every_spoilt_bundle_is_refused,
    "check-skips-failed-proofs": objects::every_spoilt_bundle_is_refused,
    "check-skips-handles": objects::every_spoilt_bundle_is_refused,
    "check-skips-late-results": objects::every_spoilt_bundle_is_refused,
    "check-skips-authority": objects::every_spoilt_bundle_is_refused,
    "check-skips-second-publication": objects::every_spoilt_bundle_is_refused,
    "check-skips-twice-settled": objects::every_spoilt_bundle_is_refused,
    "check-skips-order": objects::every_spoilt_bundle_is_refused,
    "check-skips-revoked-owner": objects::every_spoilt_bundle_is_refused,
    "check-skips-evidence": objects::every_spoilt_bundle_is_refused,
    "check-skips-progress-chain": objects::every_spoilt_bundle_is_refused,
    "stage-prefers-canonical": rules::stages,
    "wal-swaps-order": durability::writes_are_in_order_and_once,
    "wal-forgets-identity": durability::writes_are_in_order_and_once,
    "wal-hides-conflict": durability::contradictions_are_found,
    "recovery-trusts-level": durability::unsound_decisions_are_refused,
    "envelope-allows-trailing": durability::envelopes_are_read_strictly,
    "envelope-allows-version": durability::envelopes_are_read_strictly,
    "scope-widens": rules::scopes,
    "live-observed-is-authority": live::every_step_in_small,
    "live-takes-late-results": live::every_rule_refuses,
    "live-keeps-ended-open": live::every_step_in_small,
    "live-forgets-to-cancel": live::every_step_in_small,
    "live-retires-newest": live::what_has_ended_is_bounded,
    "live-keeps-old-eras": live::a_new_claim_ends_an_era,
    "live-leaves-effects-owed": live::every_rule_refuses,
    "live-owner-survives-release": live::every_step_in_small,
    "live-owner-of-everything": live::every_step_in_small,
    "live-witness-used-twice": live::every_rule_refuses,
    "live-failed-proofs-pass": live::every_step_in_small,
    "audit-in-order-of-arrival": live::audits_are_in_order,
    "live-skips-escalations": live::every_step_in_small,
    "live-forgets-begin": live::every_step_in_small,
    "live-refuses-by-halves": live::every_rule_refuses,
    "contract-hears-anybody": contracts::contracts_permit_what_they_say,
    "contract-counts-twice": contracts::contracts_permit_what_they_say,
    "contract-takes-any-evidence": contracts::contracts_permit_what_they_say,
    "contract-shows-early": contracts::contracts_permit_what_they_say,
    "contract-needs-nobody": contracts::contracts_permit_what_they_say,
];

#[test]
fn every_fault_is_caught() {
    assert!(CAUGHT.iter().map(|(fault, ..)| fault).eq(FAULTS), "one check for every fault, in the table's order");
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
    println!("{} planted faults, each caught by its check", CAUGHT.len());
}
