//! The heap by itself, for profiles and for one build against another: so many live, then so many waves, then
//! so many batches of what begins and ends between two roots.

use std::time::Duration;

use anyhow::{Context, Result};
use motet_heap::{Heap, IdSource, Resource, ResourceId};

use crate::{Random, clock};

fn value(random: &mut Random) -> Resource {
    let data = [0; 4].map(|_: u8| random.next().to_le_bytes()).concat();
    Resource::Value { tag: String::new(), data }
}

/// Prints nanoseconds an update, what of that is the root, and nanoseconds a pair of allocation and consumption.
pub(crate) fn run(live: usize, wave: usize, waves: usize, batches: usize) -> Result<()> {
    let (mut random, mut heap) = (Random(1), Heap::new());
    let mut ids = IdSource::new(b"peers").context("a path too long")?;
    let mut alive: Vec<ResourceId> = Vec::with_capacity(live);
    while alive.len() < live {
        let some: Vec<Resource> = (0..wave.min(live - alive.len())).map(|_| value(&mut random)).collect();
        alive.extend(heap.alloc_many(&mut ids, &some)?);
        heap.root();
    }
    let (mut all, mut root, mut pairs) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..waves {
        let begun: Vec<Resource> = (0..wave / 2).map(|_| value(&mut random)).collect();
        let ended: Vec<ResourceId> = (0..wave / 2).map(|_| alive.swap_remove(random.below(alive.len()))).collect();
        let start = clock();
        alive.extend(heap.alloc_many(&mut ids, &begun)?);
        heap.consume_many(&ended)?;
        let middle = clock();
        heap.root();
        all += clock() - start;
        root += clock() - middle;
    }
    for _ in 0..batches {
        let begun: Vec<Resource> = (0..8 * wave).map(|_| value(&mut random)).collect();
        let start = clock();
        for resource in &begun {
            let id = heap.alloc(&mut ids, resource)?;
            heap.consume(&id)?;
        }
        pairs += clock() - start;
        heap.root();
    }
    let nanos = |time: Duration, count: usize| time.as_nanos() as f64 / count.max(1) as f64;
    println!(
        "{live} live, waves of {wave}: {:.0} ns an update, {:.0} of it the root; {:.0} ns to allocate and consume",
        nanos(all, waves * wave),
        nanos(root, waves * wave),
        nanos(pairs, batches * 8 * wave)
    );
    Ok(())
}
