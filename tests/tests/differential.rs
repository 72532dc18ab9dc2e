//! The machine against the reference semantics. Needs the runners that `cargo xtask prove` builds, which then runs these; in
//! plain test runs they are told as ignored.

#[test]
#[ignore = "needs the reference: cargo xtask prove"]
fn the_machine_is_as_the_reference_says() {
    motet_tests::keep("differential", motet_tests::reference::differential);
}

#[test]
#[ignore = "needs the reference: cargo xtask prove"]
fn semantic_effects_are_as_the_reference_says() {
    motet_tests::keep("effects", motet_tests::reference::effects);
}

#[test]
#[ignore = "needs the reference: cargo xtask prove"]
fn the_heap_is_as_the_reference_says() {
    motet_tests::keep("heaps", motet_tests::reference::heaps);
}

#[test]
#[ignore = "needs the reference: cargo xtask prove"]
fn the_golden_protocols_are_as_the_reference_says() {
    motet_tests::keep("golden", motet_tests::reference::golden);
}
