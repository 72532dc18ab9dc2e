//! Everything that the heap is to reach, in one table. Updates are measured as in `maps.rs`; the rest here.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use motet_heap::{COMPRESSIONS, Heap, IdSource, Resource, ResourceId, Snapshot, verify};

use crate::maps::measure;
use crate::{Random, clock, predecessor};

/// How many live, with a root for each so many changes, and what is to be reached there, in updates a second. The goals
/// may be read as being of numbers of live resources or of sizes of waves; so both are measured.
const AT: [(usize, usize, f64); 5] = [
    (1_000, 1_000, 0.5e6),
    (65_536, WAVE, 2e6),
    (1_000_000, 1_000, 0.5e6),
    (1_000_000, WAVE, 0.8e6),
    (1_000_000, 65_536, 2e6),
];
const WAVE: usize = 4_096;

/// Prints the table: with peers as long as there are at most `beside` live, alone up to `most`.
pub(crate) fn run(rounds: usize, beside: usize, most: usize) -> Result<()> {
    // First, while what is resident is only its own.
    singles(1_000_000)?;
    let [alone, together] = yardsticks();
    println!("a compression: {alone:.0} ns alone, {together:.1} ns each of sixteen");
    for (live, wave, goal) in AT {
        // Beside peers once for each number of live resources.
        let peers = live <= beside && wave == WAVE.min(live);
        let mut before = [0; 2];
        let (medians, updates) = measure(live, wave, rounds, peers, || before = counts())?;
        let (_, ours) = *medians.first().context("nobody was measured")?;
        println!("{live} live, a root for each {wave} changes: {:.3} M updates/s (goal {:.1})", 1e3 / ours, goal / 1e6);
        let hashed: Vec<f64> = counts().iter().zip(before).map(|(now, was)| (now - was) as f64 / updates).collect();
        let share = (hashed[0] * alone + hashed[1] * together) / ours;
        println!(
            "    compressions an update: {:.1} alone, {:.1} side by side; {:.0} % of the time",
            hashed[0],
            hashed[1],
            share * 100.0
        );
        let best = medians[1..].iter().map(|(_, ns)| *ns).fold(f64::INFINITY, f64::min);
        medians[1..].iter().for_each(|(name, ns)| println!("    {name}: {ns:.0} ns an update against {ours:.0}"));
        if best.is_finite() {
            println!("    against the best peer: {:.1}x (goal 5)", best / ours);
        }
    }
    growth(rounds, most)?;
    predecessor::run(100_000)
}

fn counts() -> [u64; 2] {
    [0, 1].map(|which: usize| COMPRESSIONS[which].load(Ordering::Relaxed))
}

/// Nanoseconds a call, over about `time`.
fn nanos(time: Duration, mut work: impl FnMut()) -> f64 {
    let start = clock();
    let mut calls = 0u32;
    while clock() - start < time {
        (0..1_000).for_each(|_| work());
        calls += 1_000;
    }
    (clock() - start).as_nanos() as f64 / f64::from(calls)
}

/// What a compression costs by itself, and in vector registers: the latter from an input of 16 chunks, which blake3 hashes
/// side by side.
fn yardsticks() -> [f64; 2] {
    let pair = [7; 64];
    let alone = nanos(Duration::from_millis(200), || {
        black_box(blake3::keyed_hash(&[1; 32], black_box(&pair)));
    });
    let chunks = [7; 16 * 1024];
    let together = nanos(Duration::from_millis(200), || {
        black_box(blake3::keyed_hash(&[1; 32], black_box(&chunks)));
    });
    [alone, together / 256.0]
}

/// How the cost of an update grows with what is live: the exponent of a power fitted to it.
fn growth(rounds: usize, most: usize) -> Result<()> {
    let mut points = Vec::new();
    let mut live = 1_000;
    while live <= most {
        let (medians, _) = measure(live, WAVE.min(live), rounds, false, || {})?;
        let (_, ns) = *medians.first().context("nobody was measured")?;
        println!("alone, {live} live: {ns:.0} ns an update");
        points.push(((live as f64).ln(), ns.ln()));
        live *= 10;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let slope: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>()
        / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>();
    let logs = points.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max) / 1_000f64.ln();
    let grown = points.last().zip(points.first()).map_or(1.0, |(last, first)| (last.1 - first.1).exp());
    println!("growth: exponent {slope:.3}; {grown:.2}x from least to most, where log n grows {logs:.2}x");
    Ok(())
}

fn resource(random: &mut Random) -> Resource {
    let data = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
    Resource::Value { tag: "receipt".into(), data }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Memory, single operations, snapshots and proofs with so many live.
fn singles(live: usize) -> Result<()> {
    let mut random = Random(1);
    let mut ids = IdSource::new(b"session/7").context("a path too long")?;
    let mut heap = Heap::new();
    let mut owned: Vec<ResourceId> = Vec::with_capacity(live);
    let (before, mut payload) = (resident(), 0);
    while owned.len() < live {
        let id = heap.alloc(&mut ids, &resource(&mut random))?;
        payload += heap.stored(&id)?.len();
        owned.push(id);
        if owned.len().is_multiple_of(WAVE) {
            heap.root();
        }
    }
    heap.root();
    let bytes = resident().saturating_sub(before + payload + live * size_of::<ResourceId>());
    println!("{live} live: {} bytes each over the payload (goal 200)", bytes / live);
    let short = Duration::from_millis(500);
    // What follows between two roots; the root after so many pairs is not timed.
    let (mut spent, mut pairs) = (Duration::ZERO, 0u32);
    while spent < short {
        let begun: Vec<Resource> = (0..WAVE * 8).map(|_| resource(&mut random)).collect();
        let start = clock();
        for resource in &begun {
            let id = heap.alloc(&mut ids, resource)?;
            heap.consume(&id)?;
        }
        spent += clock() - start;
        pairs += begun.len() as u32;
        heap.root();
    }
    println!("alloc and consume without a root: {:.0} ns (goal 400)", spent.as_nanos() as f64 / f64::from(pairs));
    let snapshot = heap.snapshot();
    println!("snapshot: {:.0} ns (goal 1,000)", nanos(short, || drop(heap.snapshot())));
    proofs(&snapshot, &owned)
}

fn proofs(snapshot: &Snapshot, owned: &[ResourceId]) -> Result<()> {
    let short = Duration::from_millis(500);
    let root = snapshot.root();
    for there in [true, false] {
        let mut at = 0;
        let mut next = || {
            at = (at + 7_919) % owned.len();
            if there { owned[at] } else { ResourceId(owned[at].0.map(|byte| !byte)) }
        };
        let make = nanos(short, || drop(black_box(snapshot.prove(&[next()], &[]))));
        let id = next();
        let proof = snapshot.prove(&[id], &[]);
        let mut wrong = 0;
        let check = nanos(short, || {
            let shown = verify::membership(&root, &proof).and_then(|shown| shown.resource(&id.0));
            wrong += u32::from(shown.map(|found| found.is_some()) != Ok(there));
        });
        anyhow::ensure!(wrong == 0, "a proof does not show what it is of");
        let what = if there { "inclusion" } else { "exclusion" };
        println!(
            "{what}: {make:.0} ns to make (goal 5,000), {check:.0} ns to check (goal 3,000), {} bytes",
            proof.len()
        );
    }
    Ok(())
}
