//! Beside telltale-runtime 22.0.0's heap: so many operations, allocations and consumptions in turns, the commitment
//! after every hundred and at the end. Its documented way copies the whole heap for every operation; it also has calls
//! that change in place.

use std::time::Duration;

use anyhow::{Context, Result};
use motet_heap::{Heap, IdSource, Resource, v1};
use telltale_runtime::heap as theirs;

use crate::clock;

/// Operations between two commitments.
const WAVE: usize = 100;

/// What is timed takes at least so long.
const LEAST: Duration = Duration::from_millis(50);

/// Above this, copying everything every time takes minutes.
const MOST_COPIED: usize = 10_000;

/// Nanoseconds per operation.
fn time(operations: usize, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    // The clock of a thread moves in ticks of milliseconds: short work is repeated.
    let (start, mut times) = (clock(), 0u32);
    while clock() - start < LEAST {
        work()?;
        times += 1;
    }
    Ok((clock() - start).as_nanos() as f64 / operations as f64 / f64::from(times))
}

fn their_session(at: usize) -> theirs::Resource {
    theirs::Resource::session("Alice", at as u64)
}

fn our_session(at: usize) -> Resource {
    Resource::Session { role: "Alice".into(), type_hash: at as u64 }
}

/// Every other operation consumes what the one before the last allocated, so the heap grows by a third of them.
fn consumes(at: usize) -> bool {
    at % 3 == 2
}

fn copied(operations: usize) -> Result<()> {
    let mut heap: theirs::Heap = theirs::Heap::new();
    let mut made = Vec::new();
    for at in 0..operations {
        if consumes(at) {
            let id = made.last().context("nothing made")?;
            heap = heap.consume(id).map_err(|_| anyhow::anyhow!("refused"))?;
        } else {
            let (id, next) = heap.alloc(their_session(at));
            made.push(id);
            heap = next;
        }
        if (at + 1) % WAVE == 0 || at + 1 == operations {
            std::hint::black_box(theirs::HeapCommitment::from_heap(&heap).hash());
        }
    }
    Ok(())
}

fn in_place(operations: usize) -> Result<()> {
    let mut heap: theirs::Heap = theirs::Heap::new();
    let mut made = Vec::new();
    for at in 0..operations {
        if consumes(at) {
            let id = made.last().context("nothing made")?;
            heap.consume_mut(id).map_err(|_| anyhow::anyhow!("refused"))?;
        } else {
            made.push(heap.alloc_mut(their_session(at)));
        }
        if (at + 1) % WAVE == 0 || at + 1 == operations {
            std::hint::black_box(theirs::HeapCommitment::from_heap(&heap).hash());
        }
    }
    Ok(())
}

fn ours_v1(operations: usize) -> Result<()> {
    let mut heap = v1::Heap::new();
    let mut made = Vec::new();
    for at in 0..operations {
        if consumes(at) {
            heap.consume(made.last().context("nothing made")?)?;
        } else {
            made.push(heap.alloc(our_session(at))?);
        }
        if (at + 1) % WAVE == 0 || at + 1 == operations {
            std::hint::black_box(heap.commitment()?.hash());
        }
    }
    Ok(())
}

fn ours(operations: usize) -> Result<()> {
    let mut heap = Heap::new();
    let mut ids = IdSource::new(b"predecessor").context("a path too long")?;
    let mut made = Vec::new();
    for at in 0..operations {
        if consumes(at) {
            heap.consume(made.last().context("nothing made")?)?;
        } else {
            made.push(heap.alloc(&mut ids, &our_session(at))?);
        }
        if (at + 1) % WAVE == 0 || at + 1 == operations {
            std::hint::black_box(heap.root());
        }
    }
    Ok(())
}

/// Prints the table, up to so many operations.
pub(crate) fn run(most: usize) -> Result<()> {
    println!("ns per operation, a commitment after every {WAVE}");
    println!(
        "{:>10} {:>14} {:>14} {:>14} {:>14}",
        "operations", "theirs, copied", "in place", "our version 1", "default"
    );
    for operations in [100, 1_000, 10_000, 100_000].into_iter().filter(|operations| *operations <= most) {
        let copied = match operations <= MOST_COPIED {
            true => format!("{:.0}", time(operations, || copied(operations))?),
            false => String::from("not run"),
        };
        let in_place = time(operations, || in_place(operations))?;
        let (old, new) = (time(operations, || ours_v1(operations))?, time(operations, || ours(operations))?);
        println!("{operations:>10} {copied:>14} {in_place:>14.0} {old:>14.0} {new:>14.0}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::theirs;
    use crate::Random;
    use motet_heap::{ChannelState, Message, MessagePayload, Resource, v1};

    fn both(random: &mut Random) -> (Resource, theirs::Resource) {
        let name = |at: usize| ["", "A", "Bob", "Żółw"][at % 4].to_string();
        let (a, b) = (name(random.below(4)), name(random.below(4)));
        let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
        let number = random.next();
        match random.below(4) {
            0 => {
                let channel = ChannelState { sender: a.clone(), receiver: b.clone(), queue: Vec::new() };
                (Resource::Channel(channel), theirs::Resource::channel(a, b))
            }
            1 => {
                let payload = MessagePayload { label: a.clone(), bytes: bytes.clone() };
                let message = Message { source: a.clone(), dest: b.clone(), payload, seq_no: number };
                (Resource::Message(message), theirs::Resource::message(a.clone(), b, a, bytes, number))
            }
            2 => (Resource::Session { role: a.clone(), type_hash: number }, theirs::Resource::session(a, number)),
            _ => (Resource::Value { tag: a.clone(), data: bytes.clone() }, theirs::Resource::value(a, bytes)),
        }
    }

    /// Random operations, without those whose outcome the published rules get wrong: removal of what is consumed.
    #[test]
    fn version_1_is_the_predecessors() {
        let cases = std::env::var("MOTET_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
        let mut left: usize = cases;
        let mut seed = 0;
        while left > 0 {
            seed += 1;
            let mut random = Random(seed);
            let length = (1 << random.below(9)).min(left);
            left -= length;
            let (mut old, mut new): (theirs::Heap, _) = (theirs::Heap::new(), v1::Heap::new());
            let mut made = Vec::new();
            for _ in 0..length {
                let known = made.get(random.below(made.len())).cloned();
                match (random.below(3), known) {
                    (0, Some((their_id, our_id))) => {
                        let refused = old.consume_mut(&their_id).is_err();
                        assert_eq!(new.consume(&our_id).is_err(), refused);
                    }
                    _ => {
                        let (ours, theirs) = both(&mut random);
                        let (their_id, our_id) = (old.alloc_mut(theirs), new.alloc(ours).expect("small"));
                        assert_eq!((their_id.as_bytes(), their_id.counter()), (&our_id.digest[..], our_id.counter));
                        made.push((their_id, our_id));
                    }
                }
            }
            let (theirs, ours) = (theirs::HeapCommitment::from_heap(&old), new.commitment().expect("small"));
            assert_eq!(theirs.resource_root.as_ref(), ours.resource_root, "seed {seed}");
            assert_eq!(theirs.nullifier_root.as_ref(), ours.nullifier_root, "seed {seed}");
            assert_eq!(theirs.hash().as_ref(), ours.hash(), "seed {seed}");
        }
    }
}
