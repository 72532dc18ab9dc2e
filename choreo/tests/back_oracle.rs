//! Thousands of random small protocols: what the library says about each, compared with a second opinion; those with
//! an image are run.

mod back_common;

#[test]
fn library_and_second_opinion_agree() {
    let tally = back_common::campaign(0..40_000).unwrap_or_else(|difference| panic!("{difference}"));
    println!("{tally:?}");
    assert!(tally.well_formed * 2 > tally.types, "{tally:?}");
    assert!(tally.projected * 8 > tally.well_formed, "{tally:?}");
    assert!(tally.unions > 1000 && tally.completed > 4000, "{tally:?}");
}
