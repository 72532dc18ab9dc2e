//! The rules of the house, and documents that are written by a program.

#[test]
fn the_tree_is_tidy() {
    let broken = xtask::tidy::check(&xtask::top()).unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_instruction_page_is_fresh() {
    xtask::isa::check(&xtask::top()).unwrap();
}

#[test]
fn the_conduct_of_instructions_is_told() {
    motet_tests::conduct::complete().unwrap();
    xtask::isa::check_conduct(&xtask::top(), &motet_tests::conduct::section()).unwrap();
}

#[test]
fn claims_have_something_behind_them() {
    let (claims, broken) = xtask::claims::check(&xtask::top()).unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(claims >= 40, "only {claims} claims");
}

#[test]
fn handlers_around_handlers_forward_everything() {
    let (wrappers, broken) = xtask::wrappers::check(&xtask::top()).unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // `&H`, `Arc<H>`, and the tests' own.
    assert!(wrappers >= 5, "only {wrappers} were looked at");
}
