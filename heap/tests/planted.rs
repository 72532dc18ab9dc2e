//! Each deliberate fault, switched on alone, is caught by the check named beside it.
//!
//! One test, because the switch belongs to the whole process. The checks are those of the other test files.
#![cfg(feature = "planted")]
#![allow(dead_code, clippy::duplicate_mod)]

#[path = "archive.rs"]
mod archive;
#[path = "oracle.rs"]
mod oracle;
#[path = "overlays.rs"]
mod overlays;
#[path = "pages.rs"]
mod pages;
#[path = "proof_files.rs"]
mod proof_files;
#[path = "proofs.rs"]
mod proofs;
#[path = "v1_literal.rs"]
mod v1_literal;
#[path = "v1_vectors.rs"]
mod v1_vectors;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

use motet_heap::{FAULTS, PLANTED};

macro_rules! caught {
    ($($fault:literal: $($check:ident)::+,)*) => {
        &[$(($fault, stringify!($($check)::+), $($check)::+ as fn())),*]
    };
}

const CAUGHT: &[(&str, &str, fn())] = caught![
    "v1-skips-last-duplicate": v1_vectors::repeated_last_leaf_is_told_apart_when_the_count_is_known,
    "v1-consumes-duplicates": v1_literal::random_operations_agree_with_the_literal_rules,
    "v1-remove-forgets-nullifier": v1_literal::removing_a_consumed_resource_keeps_the_nullifier,
    "v1-counter-stands-still": v1_vectors::published_run,
    "v1-proof-direction": v1_literal::random_operations_agree_with_the_literal_rules,
    "id-ignores-counter": oracle::ids_are_final_and_apart,
    "id-ignores-path": oracle::ids_are_final_and_apart,
    "insert-leaves-digest": oracle::random_operations_agree_with_sorted_maps,
    "remove-leaves-digest": oracle::random_operations_agree_with_sorted_maps,
    "remove-leaves-halves": oracle::random_operations_agree_with_sorted_maps,
    "fold-swaps-children": oracle::random_operations_agree_with_sorted_maps,
    "settle-skips-top": oracle::random_operations_agree_with_sorted_maps,
    "consume-skips-nullifier": oracle::random_operations_agree_with_sorted_maps,
    "consume-many-partial": oracle::random_operations_agree_with_sorted_maps,
    "alloc-over-spent": oracle::a_spent_id_is_never_allocated_again,
    "overlay-ignores-base": overlays::overlays_do_what_the_heap_does_in_any_order,
    "overlay-drops-nullifier": overlays::overlays_do_what_the_heap_does_in_any_order,
    "fold-skips-conflict": overlays::two_sessions_cannot_both_consume,
    "root-ignores-count": oracle::random_operations_agree_with_sorted_maps,
    "prove-omits-neighbour": oracle::random_operations_agree_with_sorted_maps,
    "verify-skips-path": proofs::made_up_shapes_are_refused,
    "verify-skips-root": proofs::a_proof_is_of_one_root,
    "verify-accepts-trailing": proofs::every_altered_bit_is_noticed,
    "verify-missing-is-absent": proofs::a_proof_answers_only_for_what_it_covers,
    "change-hides-nullifier": proofs::a_forgotten_nullifier_is_refused,
    "load-trusts-page": pages::damage_does_not_load,
    "archive-trusts-entries": archive::damage_is_not_read,
    "file-trusts-claims": proof_files::contrary_claims_are_untrue,
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
}
