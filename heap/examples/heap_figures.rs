//! The heap's figures on this machine: `cargo run --release -p motet-heap --example heap_figures [LIVE] [SECONDS]`.
//!
//! An update is one allocation or one consumption; the live count stays level, so they alternate. What is consumed is
//! drawn at random among all that live. Times include making ids, and the root once per wave.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use motet_heap::{Heap, IdSource, Resource, ResourceId, Snapshot, verify};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 27)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn resource(random: &mut Random) -> Resource {
    let data = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
    Resource::Value { tag: "receipt".into(), data }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Runs `work` over and over for about `time`; nanoseconds per call.
fn nanos(time: Duration, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0u32;
    while start.elapsed() < time {
        for _ in 0..16 {
            work();
        }
        calls += 16;
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let live: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let seconds: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let time = Duration::from_secs(seconds);
    let mut random = Random(1);
    let mut ids = IdSource::new(b"session/7").expect("a short path");
    let mut heap = Heap::new();
    let mut owned: Vec<ResourceId> = Vec::with_capacity(live);

    let before = resident();
    let start = Instant::now();
    let mut payload = 0;
    while owned.len() < live {
        let resource = resource(&mut random);
        let id = heap.alloc(&mut ids, &resource).expect("a fresh id");
        payload += heap.stored(&id).map_or(0, <[u8]>::len);
        owned.push(id);
        if owned.len() % 4096 == 0 {
            heap.root();
        }
    }
    heap.root();
    let grown = start.elapsed();
    let bytes = (resident() - before).saturating_sub(live * 32 + payload);
    println!("grow to {live}: {:.2} M allocations/s", live as f64 / grown.as_secs_f64() / 1e6);
    println!("memory over stored payload: {} bytes per live resource", bytes / live);

    for wave in [1, 64, 1_000, 4_096, 65_536] {
        for keep in [false, true] {
            let mut kept: VecDeque<Snapshot> = VecDeque::new();
            let start = Instant::now();
            let mut updates = 0;
            while start.elapsed() < time {
                let half = (wave / 2).max(1);
                let fresh: Vec<_> = (0..half).map(|_| resource(&mut random)).collect();
                owned.extend(heap.alloc_many(&mut ids, &fresh).expect("fresh ids"));
                let gone: Vec<_> = (0..half).map(|_| owned.swap_remove(random.below(owned.len()))).collect();
                heap.consume_many(&gone).expect("live ids");
                updates += 2 * half as u32;
                heap.root();
                if keep {
                    kept.push_back(heap.snapshot());
                    if kept.len() > 4 {
                        kept.pop_front();
                    }
                }
            }
            let rate = f64::from(updates) / start.elapsed().as_secs_f64() / 1e6;
            println!(
                "wave {wave:>6}, {}: {rate:.2} M updates/s",
                if keep { "snapshots kept" } else { "roots only    " }
            );
        }
    }

    let short = Duration::from_millis(500);
    let each = nanos(short, || {
        let id = heap.alloc(&mut ids, &resource(&mut random)).expect("a fresh id");
        heap.consume(&id).expect("a live id");
    });
    println!("alloc + consume, no root: {each:.0} ns");
    let snapshot = heap.snapshot();
    println!("snapshot: {:.0} ns", nanos(short, || drop(heap.snapshot())));

    let root = snapshot.root();
    let absent = ResourceId([0x5a; 32]);
    for (name, id) in [("inclusion", owned[live / 2]), ("exclusion", absent)] {
        let mut at = 0;
        let make = nanos(short, || {
            at = (at + 7919) % live;
            let id = if name == "inclusion" { owned[at] } else { ResourceId(owned[at].0.map(|byte| !byte)) };
            std::hint::black_box(snapshot.prove(&[id], &[]));
        });
        let proof = snapshot.prove(&[id], &[]);
        let check = nanos(short, || {
            let shown = verify::membership(&root, &proof).expect("a good proof");
            assert_eq!(shown.resource(&id.0).expect("covered").is_some(), name == "inclusion");
        });
        println!("{name}: make {make:.0} ns, check {check:.0} ns, {} bytes", proof.len());
    }
    let many: Vec<_> = (0..1000).map(|i| owned[i * (live / 1000)]).collect();
    let proof = snapshot.prove(&many, &[]);
    let make = nanos(short, || drop(snapshot.prove(&many, &[]))) / 1e3;
    let check = nanos(short, || drop(verify::membership(&root, &proof).expect("a good proof"))) / 1e3;
    println!("1000 ids at once: make {make:.0} µs, check {check:.0} µs, {} bytes", proof.len());
}
