//! Every need of the table of ownership is missed when it is gone. A need is left out of the whole process, so this test
//! has a process of its own.

#[test]
fn every_need_of_ownership_is_needed() {
    motet_tests::keep("needs", motet_tests::checks::ownership::every_need_is_needed);
}
