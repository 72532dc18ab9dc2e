//! What the tests of projection and emission share: protocols as plain trees, a second opinion on them, and a small
//! machine that checks and runs images.
#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod build;
pub mod machine;
pub mod oracle;
pub mod tree;

use motet_choreo::{check, emit, emit_with, project};
use tree::{Dice, Tree};

/// What a campaign saw.
#[derive(Debug, Default)]
pub struct Tally {
    pub types: usize,
    pub well_formed: usize,
    pub projected: usize,
    pub unions: usize,
    pub completed: usize,
}

/// Compares everything the library says about random small protocols with the second opinion, and runs those that
/// have images. Answers the first disagreement.
pub fn campaign(seeds: std::ops::Range<u64>) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for seed in seeds {
        let mut dice = Dice::new(seed);
        let tree = Tree::random(&mut dice);
        let global = tree.to_global(dice.one_in(2));
        tally.types += 1;
        let fail = |what: String| Err(format!("seed {seed}: {what}\n{tree:?}"));
        let checked = check(&global);
        if checked.is_ok() != oracle::well_formed(&tree) {
            return fail(format!("check says {checked:?}"));
        }
        if checked.is_err() {
            continue;
        }
        tally.well_formed += 1;
        let expected: Result<Vec<_>, _> = (0..tree::ROLES).map(|role| oracle::project(&tree, role)).collect();
        match (project(&global), expected) {
            (Err(_), Err(_)) => {}
            (Ok(projection), Ok(expected)) => {
                tally.projected += 1;
                for (at, expected) in expected.iter().enumerate() {
                    let found = oracle::read(&projection, projection.roots()[at]).sorted();
                    if found != expected.clone().sorted() {
                        return fail(format!("role {at} is\n{found:?}\nand not\n{expected:?}"));
                    }
                    tally.unions += usize::from(expected.has_union());
                }
                let image = if dice.one_in(4) {
                    emit_with(&projection, motet_choreo::EmitOptions { step_hooks: true })
                } else {
                    emit(&projection)
                };
                let image = match image {
                    Ok(image) => image,
                    Err(refusal) => return fail(format!("emission says {refusal}")),
                };
                if let Err(refusal) = machine::verify(&image) {
                    return fail(format!("the image is wrong: {refusal}\n{}", machine::list(&image)));
                }
                for _ in 0..4 {
                    match machine::run(&image, &mut dice) {
                        Ok(completed) => tally.completed += usize::from(completed),
                        Err(fault) => return fail(format!("the run fails: {fault}\n{}", machine::list(&image))),
                    }
                }
            }
            (Ok(_), Err(refusal)) => return fail(format!("accepted, though {refusal}")),
            (Err(refusals), Ok(_)) => return fail(format!("refused: {}", refusals[0])),
        }
    }
    Ok(tally)
}
