//! Motet's heap as a map: what ends is consumed, so a second tree takes its nullifier, which no peer has to do.

use anyhow::{Context, Result};
use motet_heap::{Heap, IdSource, Resource, ResourceId};

use crate::maps::{Digest, Map};

/// A heap of values; the ids are its own.
pub(crate) struct Motet {
    heap: Heap,
    ids: IdSource,
    made: Vec<ResourceId>,
}

impl Motet {
    pub(crate) fn new() -> Result<Motet> {
        let ids = IdSource::new(b"peers").context("a path too long")?;
        Ok(Motet { heap: Heap::new(), ids, made: Vec::new() })
    }
}

impl Map for Motet {
    fn name(&self) -> &'static str {
        "motet-heap"
    }

    fn wave(&mut self, begun: &[(Digest, Digest)], ended: &[usize]) -> Result<Digest> {
        let value = |(_, value): &(Digest, Digest)| Resource::Value { tag: String::new(), data: value.to_vec() };
        let resources: Vec<Resource> = begun.iter().map(value).collect();
        self.made.extend(self.heap.alloc_many(&mut self.ids, &resources)?);
        let ended: Vec<ResourceId> = ended.iter().map(|at| self.made[*at]).collect();
        self.heap.consume_many(&ended)?;
        Ok(self.heap.root())
    }
}
