//! Effects that take their time, on a pool's threads.

motet_tests::promises! {
    pools: effects_are_performed_once, effects_that_are_held_are_not_taken_on_again, what_nobody_waits_for_is_not_begun;
}
