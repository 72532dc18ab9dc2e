//! The heap's figures on this machine: `cargo run --release -p motet-heap --example heap_figures [LIVE] [SECONDS]`.
//!
//! An update is one allocation or one consumption; the live count stays level, so they alternate. What is consumed is
//! drawn at random among all that live. Times include making ids, freeing what was
//! consumed, and the root once per wave, but not making up the work. They are the thread's time
//! on the processor where the system tells it, so that a busy machine disturbs them less.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use motet_heap::{Heap, IdSource, Overlay, Resource, ResourceId, Snapshot, verify};

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

/// What this thread has used of the processor, or the time of day.
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match text.split(' ').next().and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => START.get_or_init(Instant::now).elapsed(),
    }
}

/// A node hash, and a load that waits for the one before it, from memory no cache holds: what this machine, as busy as it
/// is now, asks for the two things that the figures below are made of.
fn yardsticks() {
    let pair = [7; 64];
    let hash = nanos(Duration::from_millis(200), || {
        std::hint::black_box(blake3::keyed_hash(&[1; 32], std::hint::black_box(&pair)));
    });
    let mut random = Random(2);
    let length = 1 << 25;
    let links: Vec<u64> = (0..length).map(|_| random.next() % length).collect();
    let (mut at, mut step) = (0, 0);
    let load = nanos(Duration::from_millis(200), || {
        step += 1;
        at = (links[at as usize] ^ step) % length;
    });
    std::hint::black_box(at);
    println!("a node hash alone: {hash:.0} ns; a dependent load from memory: {load:.0} ns");
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Runs `work` over and over for about `time`; nanoseconds per call.
fn nanos(time: Duration, mut work: impl FnMut()) -> f64 {
    let start = clock();
    let mut calls = 0u32;
    while clock() - start < time {
        for _ in 0..1000 {
            work();
        }
        calls += 1000;
    }
    (clock() - start).as_nanos() as f64 / f64::from(calls)
}

/// A wave of sessions, each of which allocates four resources and consumes four.
fn through_overlays(heap: &mut Heap, fresh: &[Resource], gone: &[ResourceId], sessions: &mut u64) -> Vec<ResourceId> {
    let mut made = Vec::with_capacity(fresh.len());
    let work = fresh.chunks(4).zip(gone.chunks(4)).map(|(fresh, gone)| {
        *sessions += 1;
        let mut overlay = Overlay::new(IdSource::new(&sessions.to_le_bytes()).expect("a short path"));
        made.extend(overlay.alloc_many(fresh).expect("fresh ids"));
        overlay.consume_many(heap, gone).expect("live ids");
        overlay
    });
    let mut overlays: Vec<_> = work.collect();
    let folded = heap.fold_all(&mut overlays.iter_mut().collect::<Vec<_>>());
    assert!(folded.iter().all(Result::is_ok));
    made
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let live: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let seconds: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2);
    let time = Duration::from_secs(seconds);
    yardsticks();
    let mut random = Random(1);
    let mut ids = IdSource::new(b"session/7").expect("a short path");
    let mut heap = Heap::new();
    let mut owned: Vec<ResourceId> = Vec::with_capacity(live);

    let mut sessions = 0;
    let before = resident();
    let start = clock();
    let mut payload = 0;
    while owned.len() < live {
        let resource = resource(&mut random);
        let id = heap.alloc(&mut ids, &resource).expect("a fresh id");
        payload += heap.stored(&id).map_or(0, <[u8]>::len);
        owned.push(id);
        if owned.len().is_multiple_of(4096) {
            heap.root();
        }
    }
    heap.root();
    let grown = clock() - start;
    let bytes = (resident() - before).saturating_sub(live * 32 + payload);
    println!("grow to {live}: {:.2} M allocations/s", live as f64 / grown.as_secs_f64() / 1e6);
    println!("memory over stored payload: {} bytes per live resource", bytes / live);

    for wave in [2, 64, 1_000, 4_096, 65_536] {
        for way in ["batch", "batch, 4 snapshots kept", "overlays"] {
            let mut kept: VecDeque<Snapshot> = VecDeque::new();
            let mut used = Duration::ZERO;
            let mut updates = 0;
            while used < time && owned.len() > wave {
                let fresh: Vec<_> = (0..wave / 2).map(|_| resource(&mut random)).collect();
                let gone: Vec<_> = (0..wave / 2).map(|_| owned.swap_remove(random.below(owned.len()))).collect();
                let start = clock();
                if way == "overlays" {
                    owned.extend(through_overlays(&mut heap, &fresh, &gone, &mut sessions));
                } else {
                    owned.extend(heap.alloc_many(&mut ids, &fresh).expect("fresh ids"));
                    heap.consume_many(&gone).expect("live ids");
                }
                updates += wave as u32;
                heap.root();
                if way.contains("snapshots") {
                    kept.push_back(heap.snapshot());
                    kept.truncate(4);
                    kept.rotate_right(1);
                }
                used += clock() - start;
            }
            let rate = f64::from(updates) / used.as_secs_f64() / 1e6;
            println!("wave {wave:>6}, {way}: {rate:.2} M updates/s, {} consumed so far", heap.consumed_count());
        }
    }

    let short = Duration::from_millis(500);
    let each = nanos(short, || {
        let id = heap.alloc(&mut ids, &resource(&mut random)).expect("a fresh id");
        heap.consume(&id).expect("a live id");
    });
    println!("alloc + consume, no root: {each:.0} ns");
    let new = || Overlay::new(IdSource::new(b"an overlay").expect("a short path"));
    let mut overlay = new();
    let each = nanos(short, || {
        if overlay.ids().counter() == 32 {
            overlay = new();
        }
        let id = overlay.alloc(&resource(&mut random)).expect("a fresh id");
        overlay.consume(&heap, &id).expect("a live id");
    });
    println!("alloc + consume in an overlay: {each:.0} ns");
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
