//! Seeded randomness, how many cases to run, and the histories that are enumerated.
#![allow(dead_code)] // Each test file uses its own part.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded generator.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How many cases to run: `MOTET_CASES`, or what every change has to pass.
pub(crate) fn cases(share: u64) -> u64 {
    std::env::var("MOTET_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(share)
}

/// Calls `each` with every word of `length` letters.
pub(crate) fn words<T: Copy>(alphabet: &[T], length: usize, mut each: impl FnMut(&[T])) {
    let mut digits = vec![0; length];
    let mut word = vec![alphabet[0]; length];
    loop {
        each(&word);
        let Some(at) = digits.iter().rposition(|digit| digit + 1 < alphabet.len()) else { return };
        digits[at] += 1;
        word[at] = alphabet[digits[at]];
        for later in at + 1..length {
            digits[later] = 0;
            word[later] = alphabet[0];
        }
    }
}

/// The letters of the histories in which calls and results are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    User,
    Assistant,
    Call(u8),
    Result(u8),
    Label,
}

pub(crate) const LETTERS: [Letter; 7] = [
    Letter::User,
    Letter::Assistant,
    Letter::Call(1),
    Letter::Call(2),
    Letter::Result(1),
    Letter::Result(2),
    Letter::Label,
];

/// Whether every call is made once, and every result comes once and after its call.
pub(crate) fn is_paired(word: &[Letter]) -> bool {
    word.iter().enumerate().all(|(at, letter)| match letter {
        Letter::Call(_) => !word[..at].contains(letter),
        Letter::Result(call) => word[..at].contains(&Letter::Call(*call)) && !word[..at].contains(letter),
        _ => true,
    })
}

/// Every such history of one to six letters, with every budget up to its length.
pub(crate) fn paired_cases(mut each: impl FnMut(&[Letter], u64)) {
    for length in 1..=6 {
        words(&LETTERS, length, |word| {
            if is_paired(word) {
                (1..=length as u64).for_each(|keep| each(word, keep));
            }
        });
    }
}
