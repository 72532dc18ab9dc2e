//! Every fault planted in this crate is noticed by the comparison with the second opinion, or by running what was
//! emitted.
#![cfg(feature = "planted")]

mod back_common;

use motet_types::{Planted, plant};

#[test]
fn every_planted_fault_is_noticed() {
    // One test, because the active fault is one for the process.
    let own = ["check.", "merge.", "project.", "emit."];
    let own = |fault: &&Planted| own.iter().any(|prefix| fault.name().starts_with(prefix));
    for fault in Planted::ALL.iter().filter(own) {
        plant(Some(*fault));
        let caught = back_common::campaign(0..40_000);
        plant(None);
        match caught {
            Err(difference) => println!("{}: {}", fault.name(), difference.lines().next().unwrap_or("")),
            Ok(tally) => panic!("{} went unnoticed: {tally:?}", fault.name()),
        }
    }
}
