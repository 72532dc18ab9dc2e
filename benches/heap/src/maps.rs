//! Authenticated maps side by side: so many live, then waves of which half begin and half end, each with its root.

use std::time::Duration;

use crate::motet::Motet;
use crate::peers::{Jmt, Monotree, Sparse};
use crate::{Random, clock};

/// Updates in a round at least.
const LEAST: usize = 65_536;

/// A key or a value.
pub(crate) type Digest = [u8; 32];

/// An authenticated map, as a wave uses it.
pub(crate) trait Map {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// Adds `count` fresh entries and takes out those at `ended`, which index everything ever added; then the root.
    fn wave(&mut self, begun: &[(Digest, Digest)], ended: &[usize]) -> anyhow::Result<Digest>;
}

/// Runs everybody, or only ourselves, for `rounds` rounds; everybody's median nanoseconds an update, ours first, and how
/// many updates the rounds had. `began` is called when what is live is there.
pub(crate) fn measure(
    live: usize,
    wave: usize,
    rounds: usize,
    peers: bool,
    began: impl FnOnce(),
) -> anyhow::Result<(Vec<(&'static str, f64)>, f64)> {
    let mut maps: Vec<Box<dyn Map>> = vec![Box::new(Motet::new()?)];
    if peers {
        maps.extend([Box::new(Jmt::new()) as Box<dyn Map>, Box::new(Monotree::new()), Box::new(Sparse::new())]);
    }
    let mut random = Random(1);
    let mut entries = |count: usize| -> Vec<(Digest, Digest)> {
        let mut digest = |tag: u8| {
            let bytes = [random.next(), random.next()].map(u64::to_le_bytes).concat();
            *blake3::hash(&[&bytes[..], &[tag]].concat()).as_bytes()
        };
        (0..count).map(|_| (digest(0), digest(1))).collect()
    };
    let mut alive: Vec<usize> = Vec::with_capacity(live);
    while alive.len() < live {
        let begun = entries(wave.min(live - alive.len()));
        for map in &mut maps {
            map.wave(&begun, &[])?;
        }
        alive.extend(alive.len()..alive.len() + begun.len());
    }
    began();
    let mut made = alive.len();
    let mut choose = Random(2);
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); maps.len()];
    // The clock of a thread moves in ticks of milliseconds, so a round has many waves where they are short.
    let waves = LEAST.div_ceil(wave);
    for _ in 0..rounds {
        let mut round = Vec::with_capacity(waves);
        for _ in 0..waves {
            let begun = entries(wave / 2);
            let ended: Vec<usize> = (0..wave / 2).map(|_| alive.swap_remove(choose.below(alive.len()))).collect();
            alive.extend(made..made + begun.len());
            made += begun.len();
            round.push((begun, ended));
        }
        for (map, times) in maps.iter_mut().zip(&mut times) {
            let start = clock();
            for (begun, ended) in &round {
                map.wave(begun, ended)?;
            }
            times.push(clock() - start);
        }
    }
    let updates = waves * (wave / 2 * 2);
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default().as_nanos() as f64 / updates as f64
    };
    let medians = maps.iter().zip(&mut times).map(|(map, times)| (map.name(), median(times))).collect();
    Ok((medians, (rounds * updates) as f64))
}

/// Runs everybody and prints the table.
pub(crate) fn run(live: usize, wave: usize, rounds: usize) -> anyhow::Result<()> {
    let (medians, _) = measure(live, wave, rounds, true, || {})?;
    println!("{live} live, waves of {wave}, {rounds} rounds in turns; half of the updates begin, half end");
    let ours = medians.first().map_or(1.0, |(_, ns)| *ns);
    for (name, median) in medians {
        println!("{name:20} {median:>9.0} ns per update   {:.3} M updates/s   {:>6.2}", 1e3 / median, median / ours);
    }
    Ok(())
}
