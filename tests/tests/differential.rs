//! The machine against the reference semantics. Needs the runner that `cargo xtask prove` builds.

#[test]
fn the_machine_is_as_the_reference_says() {
    motet_tests::keep("differential", motet_tests::reference::differential);
}

#[test]
fn the_heap_is_as_the_reference_says() {
    motet_tests::keep("heaps", motet_tests::reference::heaps);
}

#[test]
fn the_golden_protocols_are_as_the_reference_says() {
    motet_tests::keep("golden", motet_tests::reference::golden);
}
